"""Loading from a stream, which resumes in mid-epoch at the row where it was."""

import warnings
from collections import deque
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader

from lit_dalle.data.examples import Batch, BatchMaker
from lit_dalle.data.ledger import Ledger
from lit_dalle.data.loader import count_rows
from lit_dalle.data.notes import Account
from lit_dalle.data.shards import Shards
from lit_dalle.data.steps import cut, in_step, joined
from lit_dalle.data.streaming import Place, Stream, Told
from lit_dalle.functional.processes import all_objects, everyone

REMEMBERED = 4
"""Batches whose states are kept: a trainer fetches one ahead of those it has begun."""


class StreamLoader(DataLoader[Any]):
    """A loader of a stream.

    Rows that do not fill a batch of their worker are put together at the end of the epoch. In
    training the last that still fill none are left out, and an epoch ends for all processes when
    one has no further batch. In evaluation every row comes, and all processes make as many steps.

    Args:
        stream: What to read.
        num_workers: Processes that read and decode.
        ledger: Counts what happens to the rows.
        fetched_ahead: Whether who reads takes batches before it begins them, as the trainer does
            where the number of batches is not known, and calls :meth:`begin_batch`.
    """

    def __init__(
        self,
        stream: Stream,
        num_workers: int = 0,
        *,
        ledger: Ledger | None = None,
        fetched_ahead: bool = False,
    ) -> None:
        super().__init__(
            stream,
            batch_size=None,
            num_workers=num_workers,
            generator=torch.Generator().manual_seed(0),  # leaves the global one alone
        )
        self.stream, self.fetched_ahead = stream, fetched_ahead
        self.ledger = ledger or Ledger("the split")
        self._resume: dict[str, Any] | None = None
        self._start: dict[str, Any] | None = None
        self._states: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self._begun = 0

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Yield the batches of the next epoch, or of the rest of one that is resumed.

        An epoch of which no batch was begun is the next one again.

        Raises:
            ValueError: An epoch of training has not a single batch, or one of evaluation has rows
                for some of the processes only.
        """
        self._start = self._next_start()
        self._resume, self._begun = None, 0
        self._states.clear()
        self._states.append(self._start)
        self.ledger.begin(self._start["counts"])
        batches = self._epoch_batches(self._start)
        if self.stream.maker.shown.train:
            return self._agreed(batches, self._start["delivered"])
        return in_step(batches, self.stream.batch_size)

    def begin_batch(self) -> None:
        """Be told by the trainer that it begins a batch, where it fetches one ahead."""
        self._begun += 1

    def state_dict(self) -> dict[str, Any]:
        """Return where each process is after the last batch that it began; each must ask."""
        return self._shape() | {"ranks": all_objects(self._own_state())}

    def _own_state(self) -> dict[str, Any]:
        if self._resume is not None or self._start is None:
            return self._resume or self._fresh(0)
        if not self.fetched_ahead:
            return self._states[-1]
        wanted = self._start["delivered"] + self._begun
        return next(state for state in reversed(self._states) if state["delivered"] <= wanted)

    def _next_start(self) -> dict[str, Any]:
        if self._resume is None and self._start is not None:
            unused = self.fetched_ahead and not self._begun
            return self._start if unused else self._fresh(self._start["epoch"] + 1)
        state = self._resume or self._fresh(0)
        return self._fresh(state["epoch"] + 1) if state["ended"] else state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after the batch that ``state_dict`` was taken after.

        Raises:
            ValueError: It was saved with other numbers of workers or processes, or another buffer.
        """
        for name, value in self._shape().items():
            if state_dict[name] != value:
                raise ValueError(
                    f"the stream was saved with {name} {state_dict[name]}, now it is {value}: "
                    "resume with the same, or begin a new run from the weights (model.start)"
                )
        own = state_dict["ranks"][self.stream.rank]
        self._resume, self._start = dict(own), None

    def _epoch_batches(self, state: dict[str, Any]) -> Iterator[Batch]:
        places = {int(slot): Place(*place) for slot, place in state["places"].items()}
        self.stream.begin(state["epoch"], state["next_slot"], places)
        rests: dict[int, Batch] = {}
        for batch in super().__iter__():
            told: Told = batch.pop("stream")
            if told.is_rest:
                rests[told.slot] = batch
                continue
            state = self._after(state, told)
            yield self._counted(batch, state)
        yield from self._of_rests([rests[slot] for slot in sorted(rests)], state)

    def _of_rests(self, rests: list[Batch], state: dict[str, Any]) -> Iterator[Batch]:
        """Batches of the rows that were left over by the slots."""
        done = state["rests"]
        for number, batch in enumerate(recut(rests, self.stream.batch_size)):
            size = len(batch["index"])
            whole = size == self.stream.batch_size or not self.stream.maker.shown.train
            if number < done:
                continue
            state = state | {"rests": number + 1, "delivered": state["delivered"] + 1}
            count_rows(self.ledger, batch)
            if size and whole:
                yield self._remember(batch, state)

    def _counted(self, batch: Batch, state: dict[str, Any]) -> Batch:
        count_rows(self.ledger, batch)
        return self._remember(batch, state)

    def _remember(self, batch: Batch, state: dict[str, Any]) -> Batch:
        self._states.append(state | {"counts": self.ledger.state()})
        return batch

    def _after(self, state: dict[str, Any], told: Told) -> dict[str, Any]:
        slots = max(1, self.num_workers)
        return state | {
            "delivered": state["delivered"] + 1,
            "places": state["places"] | {str(told.slot): list(told.place)},
            "next_slot": (told.slot + 1) % slots,
        }

    def _agreed(self, batches: Iterator[Batch], given: int) -> Iterator[Batch]:
        """End the training epoch when one of the processes has no further batch.

        Args:
            batches: Of this process.
            given: How many were handed out before, in all processes.
        """
        for batch in batches:
            if not everyone(True):
                self._states.pop()  # of this batch, which is left out
                self._tell_left_out(batches)
                break
            given += 1
            yield batch
        else:
            everyone(False)
        self._states[-1]["ended"] = True
        if not given:  # a trainer would begin epoch after epoch, and never make a step
            raise ValueError(Ledger.together(all_objects(self.ledger)).shortage())

    def _tell_left_out(self, batches: Iterator[Batch]) -> None:
        """Say so when more than the batch at hand is left out: shards are of unequal sizes."""
        if next(batches, None) is not None and not self.stream.by_rows:
            warnings.warn(
                f"process {self.stream.rank} has rows left where another has none, and the epoch "
                "ends for all: the shards are not of one size. data.share_rows: true shares out "
                "their rows instead, and leaves none out",
                stacklevel=2,
            )

    def _shape(self) -> dict[str, int]:
        """What must be as it was for a state to have a meaning."""
        return {
            "num_workers": self.num_workers,
            "world_size": self.stream.world_size,
            "batch_size": self.stream.batch_size,
            "buffer": self.stream.buffer,
            "by_rows": self.stream.by_rows,
            "shards": len(self.stream.shards),
        }

    def _fresh(self, epoch: int) -> dict[str, Any]:
        start = {"places": {}, "next_slot": 0, "rests": 0, "delivered": 0, "counts": {}}
        return {"epoch": epoch, "ended": False} | start


def make_stream_loader(
    shards: Shards,
    maker: BatchMaker,
    batch_size: int,
    *,
    num_workers: int = 0,
    buffer: int = 1024,
    rank: int = 0,
    world_size: int = 1,
    by_rows: bool = False,
    limit: int | None = None,
    ledger: Ledger | None = None,
    fetched_ahead: bool = False,
) -> StreamLoader:
    """Return the loader of a split that is a stream; see :class:`Stream`, :class:`StreamLoader`."""
    stream = Stream(
        shards,
        maker,
        batch_size,
        buffer=buffer,
        rank=rank,
        world_size=world_size,
        by_rows=by_rows,
        limit=limit,
    )
    return StreamLoader(stream, num_workers, ledger=ledger, fetched_ahead=fetched_ahead)


def recut(batches: list[Batch], size: int) -> Iterator[Batch]:
    """Put the rows of small batches together and cut them anew; the first tells what was read."""
    accounts = [batch.pop("read") for batch in batches]
    notes = [note for account in accounts for note in account.notes]
    whole = Account(sum(account.rows for account in accounts), notes)
    filled = [batch for batch in batches if len(batch["index"])]
    if not filled:
        yield {"index": torch.zeros(0, dtype=torch.int64), "read": whole}
        return
    rows = joined(filled)
    count = len(rows["index"])
    for number, batch in enumerate(cut(rows, [*range(0, count, size), count])):
        yield batch | {"read": Account(0, []) if number else whole}

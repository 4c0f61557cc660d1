"""Loading that counts the rows, resumes in mid-epoch, and makes as many steps in every process."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader

from lit_dalle.data.ledger import Ledger
from lit_dalle.data.order import EpochSampler, rows_an_epoch
from lit_dalle.data.steps import in_step
from lit_dalle.functional.processes import all_objects


class CountingLoader(DataLoader[Any]):
    """A loader of evaluation, which counts the rows of the batches.

    Rows that cannot be used are missing in their batches, and those without any row are not handed
    out; all processes make as many steps nevertheless.

    Args:
        *arguments: Those of a ``DataLoader``.
        ledger: Counts what happens to the rows.
        **options: Those of a ``DataLoader``.
    """

    def __init__(self, *arguments: Any, ledger: Ledger | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ledger = ledger or Ledger("the split")

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Yield the batches that have rows."""
        self.ledger.begin()
        batches = self._counted(super().__iter__())
        return in_step((batch for batch in batches if len(batch["index"])), self.batch_size or 1)

    def _counted(self, batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            count_rows(self.ledger, batch)
            yield batch


def count_rows(ledger: Ledger, batch: dict[str, Any]) -> None:
    """Count what was read for a batch, and take the account of it out of the batch."""
    account = batch.pop("read", None)
    if account is not None:
        ledger.add(account.rows, account.notes)


class ResumableLoader(CountingLoader):
    """A loader of training that knows which batch of which epoch comes next.

    It counts the batches handed out, not those that workers have prepared. Lightning keeps
    ``state_dict`` in its checkpoints and gives it back before the first batch; the loader then
    passes over what was handed out without loading it. Batches are full, so that all processes make
    as many steps of as many rows.
    """

    _delivered = 0
    _begun = 0  # the epoch told when those began
    _resume: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Yield the batches of the sampler's epoch; nothing is loaded before the first is taken.

        Raises:
            ValueError: There is a batch for which no rows were found that can be used.
        """
        counts = (self._resume or {}).get("counts")
        first = self._first_batch()
        self.ledger.begin(self._own(counts) if first else None)
        self._delivered, self._begun = first, self._told
        if isinstance(self.sampler, EpochSampler):
            self.sampler.skipped_batches, first = first, 0
        for number, batch in enumerate(self._counted(DataLoader.__iter__(self))):
            if not len(batch["index"]):
                raise ValueError(self.ledger.shortage())
            if number >= first:
                self._delivered += 1
                yield batch

    def state_dict(self) -> dict[str, Any]:
        """Return how many batches of the epoch were handed out, and which epoch it is.

        ``told`` is the trainer's count, which a resumed run can advance once too often: when it was
        stopped after an epoch ended and before the next began. ``step_rows`` are those of a step of
        all processes, and ``counts`` those of their ledgers; each must ask.
        """
        if self._resume is not None:
            return dict(self._resume)
        delivered = self._delivered if self._begun == self._told else 0
        ahead = getattr(self.sampler, "ahead", 0)
        return {
            "epoch": self._told - ahead,
            "told": self._told,
            "delivered": delivered,
            "step_rows": self._step_rows,
            "counts": all_objects(self.ledger.state() if delivered else {}),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after the batch that ``state_dict`` was taken after.

        Raises:
            ValueError: A step had another number of rows, so that batches cannot be counted alike.
        """
        saved = state_dict.get("step_rows", self._step_rows)
        if saved != self._step_rows:
            raise ValueError(
                f"the run was saved with {saved} rows a step (data.batch_size times the number of "
                f"processes), now it is {self._step_rows}: resume with the same, or begin a new "
                "run from the weights (model.start)"
            )
        self._resume = dict(state_dict)
        if isinstance(self.sampler, EpochSampler):
            self.sampler.set_epoch(self._resume["told"])

    def _own(self, counts: list[dict[str, int]] | None) -> dict[str, int] | None:
        """What this process had counted; there may have been fewer."""
        rank = getattr(self.sampler, "rank", 0)
        return counts[rank] if counts and rank < len(counts) else None

    @property
    def _step_rows(self) -> int:
        """Rows of a step of all processes, which are the same however many these are."""
        return (self.batch_size or 1) * int(getattr(self.sampler, "num_replicas", 1))

    @property
    def _told(self) -> int:
        """The epoch that the trainer told the sampler."""
        return int(getattr(self.sampler, "epoch", 0))

    def _first_batch(self) -> int:
        """First batch of the iteration that begins now, in an epoch that is set to rights."""
        state, self._resume = self._resume, None
        if state is None or not isinstance(self.sampler, EpochSampler):
            return 0 if state is None else state["delivered"]
        is_next = self._told > state["told"]
        self.sampler.ahead = self._told - (state["epoch"] + is_next)
        return 0 if is_next else state["delivered"]


def make_loader(
    dataset: Any,
    batch_size: int,
    *,
    train: bool,
    num_workers: int = 0,
    seed: int = 0,
    rank: int = 0,
    world_size: int = 1,
    block_size: int = 1,
    parts: Sequence[tuple[int, float]] | None = None,
    ledger: Ledger | None = None,
) -> DataLoader[Any]:
    """Return the loader of a split.

    Args:
        dataset: Rows taken by lists of (time, index) through ``__getitems__``, which returns the
            whole batch.
        batch_size: Rows a step and process.
        train: Shuffled full batches, resumable; else in order and complete.
        num_workers: Processes that load; they stay alive between epochs.
        seed: Seed of the order.
        rank: Number of this process.
        world_size: Number of processes.
        block_size: Neighbouring rows that stay together in a batch of training.
        parts: Rows and weight of neighbouring parts that come more or less often than once.
        ledger: Counts what happens to the rows.

    Raises:
        ValueError: Not even one batch of every process, or batches that would split blocks.
    """
    rows = len(dataset) if parts is None else rows_an_epoch(parts)
    needed = world_size * (batch_size if train else 1)
    if rows < needed:
        raise ValueError(
            f"an epoch of the split has {rows} rows, one step needs {needed}: lower "
            "data.batch_size, or take more data"
        )
    sampler = EpochSampler(
        len(dataset),
        batch_size,
        shuffle=train,
        seed=seed,
        rank=rank,
        world_size=world_size,
        block_size=block_size,
        parts=parts,
    )
    if ledger is not None:
        ledger.rows = len(sampler)
    return (ResumableLoader if train else CountingLoader)(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        collate_fn=_as_it_is,
        generator=torch.Generator().manual_seed(0),  # leaves the global one alone
        ledger=ledger,
    )


def _as_it_is(batch: Any) -> Any:
    return batch

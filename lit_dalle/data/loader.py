"""Loading in an order that depends on (seed, epoch) alone, and that resumes in mid-epoch."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, DistributedSampler

from lit_dalle.data.draws import generator
from lit_dalle.data.ledger import Ledger
from lit_dalle.functional.processes import all_objects

Item = tuple[int, int]
"""(epoch, index): the epoch travels with the index, so that workers that live on know it."""


class EpochSampler(DistributedSampler[Item]):
    """Every row once an epoch, in an order that is a function of (seed, epoch).

    Blocks of neighbouring rows are shuffled as one, and are never split between batches.
    Step k of all processes together covers the same rows however many there are. The last rows
    that do not fill a batch of every process are left out in training; in evaluation only those
    (fewer than there are processes) that would give the processes unequal numbers of steps.
    A ``DistributedSampler``, so that Lightning does not put one of its own around it.

    Args:
        rows: Number of rows of the data set.
        batch_size: Rows a step and process.
        shuffle: Whether this is training: shuffled, and full batches only.
        seed: Seed of the order.
        rank: Number of this process.
        world_size: Number of processes.
        block_size: Rows of a block; in evaluation, which is in order, it does not matter.
        parts: Rows and weight of neighbouring parts, in training; without them each row comes once.

    Raises:
        ValueError: Batches of training do not hold whole blocks.

    :class:`ResumableLoader` sets ``skipped_batches``, which the next iteration leaves out, and
    ``ahead``, by which the epoch that the sampler is told runs ahead of the true one.
    """

    def __init__(
        self,
        rows: int,
        batch_size: int,
        *,
        shuffle: bool,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        block_size: int = 1,
        parts: Sequence[tuple[int, float]] | None = None,
    ) -> None:
        if shuffle and batch_size % block_size:
            raise ValueError(
                f"data.batch_size is {batch_size}, and the rows come in blocks of {block_size} "
                "that stay together: make it a multiple of that"
            )
        if parts is not None:
            rows = len(rows_of_epoch(parts, 0))
        numbers: Any = range(rows)
        super().__init__(numbers, world_size, rank, shuffle=shuffle, seed=seed)
        self.rows, self.batch_size, self.parts = rows, batch_size, parts
        self.block_size = block_size if shuffle else 1
        chunk = world_size * batch_size if shuffle else world_size
        self.total_size = rows // chunk * chunk
        self.num_samples = self.total_size // world_size
        self.skipped_batches = 0
        self.ahead = 0

    def __iter__(self) -> Iterator[Item]:
        epoch = self.epoch - self.ahead if self.shuffle else 0
        size = self.block_size
        blocks = np.arange(self.rows // size)
        if self.shuffle:
            blocks = generator(self.seed, epoch).permutation(len(blocks))
        taken = blocks[: self.total_size // size][self.rank :: self.num_replicas]
        mine = (taken[:, None] * size + np.arange(size)).reshape(-1)
        if self.parts is not None:
            mine = rows_of_epoch(self.parts, epoch)[mine]
        first = self.skipped_batches * self.batch_size
        return iter([(epoch, int(index)) for index in mine[first:]])


def rows_of_epoch(parts: Sequence[tuple[int, float]], epoch: int) -> np.ndarray:
    """Numbers of the rows that come in an epoch, each as often as it comes; always as many.

    Args:
        parts: Rows and weight of each part.
        epoch: Which epoch.
    """
    found, first = [], 0
    for rows, weight in parts:
        count = int(rows * weight)
        start = epoch * count
        found.append(first + np.arange(start, start + count) % rows)
        first += rows
    return np.concatenate(found)


class CountingLoader(DataLoader[Any]):
    """A ``DataLoader`` that takes the notes on rows out of the batches and counts them.

    A batch of which no row can be used is not handed out.
    """

    ledger: Ledger | None = None

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Yield the batches that have rows."""
        self._begin()
        return (batch for batch in self._counted(super().__iter__()) if batch is not None)

    def _begin(self, counts: dict[str, int] | None = None) -> None:
        if self.ledger is not None:
            self.ledger.begin(counts)

    def _counted(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Yield all batches without their notes, None for those without rows."""
        for batch in batches:
            if self.ledger is not None:
                count_rows(self.ledger, batch)
            yield batch if len(batch["index"]) else None


def count_rows(ledger: Ledger, batch: dict[str, Any]) -> None:
    """Count the rows of a batch, and take its notes out of it."""
    notes = batch.pop("notes", ())
    unused = sum(note.action != "converted" for note in notes)
    ledger.add(len(batch["index"]) + unused, notes)


class ResumableLoader(CountingLoader):
    """A loader that knows which batch of which epoch comes next.

    It counts the batches handed out, not those that workers have prepared. Lightning keeps
    ``state_dict`` in its checkpoints and gives it back before the first batch; the loader then
    passes over what was handed out without loading it.
    """

    _delivered = 0
    _begun = 0  # the epoch told when those began
    _resume: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Yield the batches of the sampler's epoch; nothing is loaded before the first is taken."""
        counts = (self._resume or {}).get("counts")
        first = self._first_batch()
        self._begin(self._own(counts) if first else None)
        self._delivered, self._begun = first, self._told
        if isinstance(self.sampler, EpochSampler):
            self.sampler.skipped_batches, first = first, 0
        for number, batch in enumerate(self._counted(DataLoader.__iter__(self))):
            if number >= first:
                self._delivered += 1
                if batch is not None:
                    yield batch

    def state_dict(self) -> dict[str, Any]:
        """Return how many batches of the epoch were handed out, and which epoch it is.

        ``told`` is the trainer's count, which a resumed run can advance once too often: when it was
        stopped after an epoch ended and before the next began. ``counts`` are those of the ledgers
        of all processes; where there are some, each must ask.
        """
        if self._resume is not None:
            return dict(self._resume)
        delivered = self._delivered if self._begun == self._told else 0
        ahead = getattr(self.sampler, "ahead", 0)
        place = {"epoch": self._told - ahead, "told": self._told, "delivered": delivered}
        if self.ledger is None:
            return place
        return place | {"counts": all_objects(self.ledger.state() if delivered else {})}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after the batch that ``state_dict`` was taken after."""
        self._resume = dict(state_dict)
        if isinstance(self.sampler, EpochSampler):
            self.sampler.set_epoch(self._resume["told"])

    def _own(self, counts: list[dict[str, int]] | None) -> dict[str, int] | None:
        """What this process had counted; there may have been fewer."""
        rank = getattr(self.sampler, "rank", 0)
        return counts[rank] if counts and rank < len(counts) else None

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
        dataset: Rows taken by lists of (epoch, index) through ``__getitems__``, which returns the
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
    rows, needed = len(dataset), world_size * (batch_size if train else 1)
    if rows < needed:
        raise ValueError(
            f"the split has {rows} rows, one step needs {needed}: lower data.batch_size, "
            "or take more data"
        )
    sampler = EpochSampler(
        rows,
        batch_size,
        shuffle=train,
        seed=seed,
        rank=rank,
        world_size=world_size,
        block_size=block_size,
        parts=parts,
    )
    loader = (ResumableLoader if train else CountingLoader)(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        collate_fn=_as_it_is,
        generator=torch.Generator().manual_seed(0),  # leaves the global one alone
    )
    if ledger is not None:
        ledger.rows = len(sampler)
    loader.ledger = ledger
    return loader


def _as_it_is(batch: Any) -> Any:
    return batch

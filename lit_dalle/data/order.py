"""The order of the rows in an epoch: a function of (seed, epoch) alone."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch.utils.data import DistributedSampler

from lit_dalle.data.draws import generator

Item = tuple[int, int]
"""(time, index): how often a row came before, which is the epoch where every row comes once in
each, and its number. What a row shows is drawn by both; they travel together, so that workers that
live on know the time."""


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

    A resuming loader sets ``skipped_batches``, which the next iteration leaves out, and
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
            rows = rows_an_epoch(parts)
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
        times, numbers = np.full(len(mine), epoch), mine
        if self.parts is not None:
            all_times, all_numbers = rows_of_epoch(self.parts, epoch)
            times, numbers = all_times[mine], all_numbers[mine]
        first = self.skipped_batches * self.batch_size
        return iter(list(zip(times[first:].tolist(), numbers[first:].tolist(), strict=True)))


def rows_an_epoch(parts: Sequence[tuple[int, float]]) -> int:
    """Count the rows that come in an epoch, of parts with so many rows and such a weight."""
    return sum(int(rows * weight) for rows, weight in parts)


def rows_of_epoch(parts: Sequence[tuple[int, float]], epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that come in an epoch: how often each came before, and its number; always as many.

    Args:
        parts: Rows and weight of each part.
        epoch: Which epoch.
    """
    times, numbers, first = [], [], 0
    for rows, weight in parts:
        count = int(rows * weight)
        shown = np.arange(epoch * count, (epoch + 1) * count)
        times.append(shown // rows)
        numbers.append(first + shown % rows)
        first += rows
    return np.concatenate(times), np.concatenate(numbers)

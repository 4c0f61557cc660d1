"""As many steps in every process: here processes are threads that wait for each other."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from lit_dalle.data import steps
from lit_dalle.data.steps import cut, in_step, joined

PATIENCE = 100
"""Seconds that a thread waits for the others before the test fails."""


class Together:
    """What processes tell each other."""

    def __init__(self, count):
        self.told = [None] * count
        self.barrier = threading.Barrier(count, timeout=PATIENCE)
        self.own = threading.local()

    def all_objects(self, own):
        self.told[self.own.rank] = own
        self.barrier.wait()
        told = list(self.told)
        self.barrier.wait()
        return told

    def everyone(self, has):
        return all(self.all_objects(has))

    def run(self, rank, batches, size):
        self.own.rank = rank
        return [batch["index"].tolist() for batch in in_step(iter(batches), size)]


def batches_of(first, counts):
    """Batches of consecutive rows."""
    found = []
    for count in counts:
        found.append({"index": torch.arange(first, first + count), "captions": ["x"] * count})
        first += count
    return found


def run(monkeypatch, counts, size):
    """What each of the processes hands out, of batches of so many rows."""
    together = Together(len(counts))
    monkeypatch.setattr(steps, "world_size", lambda: len(counts))
    monkeypatch.setattr(steps, "everyone", together.everyone)
    monkeypatch.setattr(steps, "all_objects", together.all_objects)
    with ThreadPoolExecutor(len(counts)) as pool:
        running = [
            pool.submit(together.run, rank, batches_of(1000 * rank, some), size)
            for rank, some in enumerate(counts)
        ]
        return [process.result() for process in running]


@pytest.mark.parametrize(
    ("counts", "sizes"),
    [
        ([[4, 4, 1], [4, 4]], [[4, 2, 3], [4, 2, 2]]),
        ([[4, 4], [4, 4]], [[4, 4], [4, 4]]),
        ([[4, 3], [4, 4]], [[4, 3], [4, 4]]),
        ([[2, 3, 4], [1, 4]], [[2, 3, 4], [1, 2, 2]]),
        ([[2, 1], [4], [4, 4]], [[1, 2], [2, 2], [4, 4]]),
        ([[1], [4, 4, 4]], [[1], [12]]),  # there are no more steps than rows
        ([[], []], [[], []]),
    ],
)
def test_as_many_steps_and_every_row_once(monkeypatch, counts, sizes):
    found = run(monkeypatch, counts, 4)
    assert [[len(batch) for batch in batches] for batches in found] == sizes
    for rank, (some, batches) in enumerate(zip(counts, found, strict=True)):
        rows = [row for batch in batches for row in batch]
        assert rows == list(range(1000 * rank, 1000 * rank + sum(some)))


def test_a_process_without_a_row_is_told(monkeypatch):
    with pytest.raises(ValueError, match="only 1 of 2 processes have a row to evaluate"):
        run(monkeypatch, [[4, 4], []], 4)


def test_one_process_hands_out_what_it_has():
    batches = batches_of(0, [4, 2, 4])
    assert list(in_step(iter(batches), 4)) == batches


def test_batches_are_joined_and_cut():
    whole = joined(batches_of(5, [2, 3]))
    assert whole["index"].tolist() == [5, 6, 7, 8, 9]
    assert whole["captions"] == ["x"] * 5
    assert [part["index"].tolist() for part in cut(whole, [0, 1, 5])] == [[5], [6, 7, 8, 9]]

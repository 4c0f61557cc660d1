"""Batches out of a stream of rows, in an order that is a function of (seed, epoch) alone.

A stream is read by slots: the loading workers of all processes. Each reads its own share of the
shards in chunks, shuffles a chunk at a time, and tells with every batch where it is, so that
another run goes on at that row. Nothing is kept but a chunk, and nothing is read twice but, after a
resume, the chunk that was open.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch.utils.data import IterableDataset, get_worker_info

from lit_dalle.data.draws import generator
from lit_dalle.data.examples import Batch, BatchMaker
from lit_dalle.data.notes import Account, Note, is_usable
from lit_dalle.data.order import Item
from lit_dalle.data.shards import Raw, Shards, Visit

SHARD_ORDER, ROW_ORDER = 3, 4
"""Last counters of the draws, so that no two kinds of draw share a stream."""
ROW_BITS = 40
"""A row's index is its shard's number and, in so many lower bits, its number in the shard."""


@dataclass(frozen=True)
class Place:
    """Where a slot is in an epoch."""

    visit: int = 0
    """Which of its visits the open chunk begins in."""
    row: int = 0
    """Row of that shard at which the open chunk begins."""
    chunk: int = 0
    """Number of the open chunk."""
    taken: int = 0
    """Rows of the open chunk that were handed out."""


class Told(NamedTuple):
    """What a batch of a stream tells the loader; it travels in the batch as ``stream``."""

    slot: int
    place: tuple[int, int, int, int]
    """The :class:`Place` after this batch, as plain data."""
    is_rest: bool
    """Whether these are the last rows of a slot, which do not fill a batch."""


@dataclass(frozen=True)
class Share:
    """Which rows of the stream belong to a slot."""

    visits: tuple[Visit, ...]
    step: int = 1
    """Of the wanted rows of a visit, one in so many is its own."""
    offset: int = 0


class Row(NamedTuple):
    """A row that is to be read."""

    time: int
    """Another number each time that the row comes: the epoch, where it comes once in each."""
    shard: int
    number: int
    raw: Raw


class Chunk(NamedTuple):
    """Rows that are shuffled together, and where the next begin."""

    rows: list[Row]
    after: Place


class Stream(IterableDataset[Batch]):
    """The rows of a split as batches.

    Every row comes exactly once an epoch, whatever the numbers of processes and workers. Rows that
    cannot be used are noted and do not count, so that batches are full.

    Args:
        shards: Where the rows come from.
        maker: Makes batches.
        batch_size: Rows a batch.
        buffer: Rows of a chunk, which are shuffled together in training.
        rank: Number of this process.
        world_size: Number of processes.
        by_rows: Share out the rows of every shard to the processes, not whole shards: they come out
            even whatever the sizes of the shards, and every process reads all of them. Evaluation
            always does so.
        limit: Only about so many rows, the first of every shard, in evaluation.
    """

    def __init__(
        self,
        shards: Shards,
        maker: BatchMaker,
        batch_size: int,
        *,
        buffer: int = 1024,
        rank: int = 0,
        world_size: int = 1,
        by_rows: bool = False,
        limit: int | None = None,
    ) -> None:
        if min(batch_size, buffer) < 1:
            raise ValueError(
                f"a stream needs batches and a buffer of at least 1 row, got {batch_size}, {buffer}"
            )
        self.shards, self.maker, self.batch_size = shards, maker, batch_size
        self.buffer, self.rank, self.world_size = buffer, rank, world_size
        self.by_rows, self.limit = by_rows, limit
        self.epoch, self.first_slot = 0, 0
        self.places: dict[int, Place] = {}

    def begin(
        self, epoch: int, first_slot: int = 0, places: dict[int, Place] | None = None
    ) -> None:
        """Set where the next iteration begins.

        Args:
            epoch: Which epoch.
            first_slot: Slot whose batch comes first.
            places: Where the slots are; those not named are at the start.
        """
        self.epoch, self.first_slot, self.places = epoch, first_slot, places or {}

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of this worker's slot; each tells where the slot is after it."""
        worker = get_worker_info()
        slots = worker.num_workers if worker else 1
        slot = ((worker.id if worker else 0) + self.first_slot) % slots
        return self._batches(slot, slots, self.places.get(slot, Place()))

    def _batches(self, slot: int, slots: int, place: Place) -> Iterator[Batch]:
        keys: list[Item] = []
        columns: dict[str, list[Any]] = {}
        account = Account(0, [])
        share = self._share(slot, slots)
        for chunk, skipped in self._chunks(share, slot, place):
            at = skipped
            while at < len(chunk.rows):
                wanted = chunk.rows[at : at + self.batch_size - len(keys)]
                at += len(wanted)
                notes = self._take(wanted, keys, columns)
                account = Account(account.rows + len(wanted), account.notes + notes)
                if len(keys) == self.batch_size:
                    place = replace(place, taken=at)
                    yield self._batch(columns, keys, account) | told(slot, place, is_rest=False)
                    keys, columns, account = [], {}, Account(0, [])
            place = chunk.after
        yield self._batch(columns, keys, account) | told(slot, place, is_rest=True)

    def _chunks(self, share: Share, slot: int, place: Place) -> Iterator[tuple[Chunk, int]]:
        """Chunks of a slot from a place on, and how many rows of each were handed out before."""
        own = self._own_rows(share, place)
        while True:
            rows: list[Row] = []
            after = place
            for visit, row in own:
                rows.append(row)
                after = Place(visit, row.number + 1, place.chunk + 1)
                if len(rows) == self.buffer:
                    break
            if not rows:
                return
            if self.maker.shown.train:
                key = (self.maker.shown.seed, self.epoch, self.rank, slot, place.chunk, ROW_ORDER)
                rows = [rows[n] for n in generator(*key).permutation(len(rows))]
            yield Chunk(rows, after), place.taken
            place = after

    def _own_rows(self, share: Share, place: Place) -> Iterator[tuple[int, Row]]:
        """A slot's rows from a place on, each with the number of its visit."""
        end = None if self.limit is None else -(-self.limit // max(1, len(self.shards)))
        times = Counter(visit.shard for visit in self.shards.visits(self.epoch))
        for number in range(place.visit, len(share.visits)):
            visit = share.visits[number]
            time = self.epoch * times[visit.shard] + visit.again
            first = place.row if number == place.visit else 0
            rows = self.shards.rows(visit.shard, first)
            for row, content in enumerate(rows if end is None else islice(rows, end), first):
                if (row + number) % share.step != share.offset:  # who has one more takes turns
                    continue
                if self.shards.wants(visit, row, content, self.epoch):
                    yield number, Row(time, visit.shard, row, content)

    def _share(self, slot: int, slots: int) -> Share:
        """Whole shards where they can be shared out evenly, else rows of shards by turns.

        In evaluation always the rows, so that hardly any is left over at the end.
        """
        visits = self.shards.visits(self.epoch)
        if self.maker.shown.train:
            key = (self.maker.shown.seed, self.epoch, SHARD_ORDER)
            visits = [visits[n] for n in generator(*key).permutation(len(visits))]
        step, offset = 1, 0
        by_rows = self.by_rows or not self.maker.shown.train
        if len(visits) % self.world_size == 0 and not by_rows:
            visits = visits[self.rank :: self.world_size]
        else:
            step, offset = self.world_size, self.rank
        if len(visits) >= slots or not visits:
            return Share(tuple(visits[slot::slots]), step, offset)
        sharers = len(range(slot % len(visits), slots, len(visits)))
        turn = slot // len(visits)
        return Share((visits[slot % len(visits)],), step * sharers, offset + step * turn)

    def _take(self, rows: list[Row], keys: list[Item], columns: dict[str, list[Any]]) -> list[Note]:
        """Read rows into the batch that is being filled; return what is noted of them."""
        notes: list[Note] = []
        by_shard: dict[int, list[int]] = {}
        for n, row in enumerate(rows):
            by_shard.setdefault(row.shard, []).append(n)
        read: dict[int, dict[str, Any]] = {}
        for shard, places in by_shard.items():
            found = self.shards.read(shard, [(rows[n].number, rows[n].raw) for n in places])
            for at, n in enumerate(places):
                read[n] = {name: values[at] for name, values in found.items()}
        for n, row in enumerate(rows):
            row_notes = read[n].pop("notes", [])
            notes += [Note(*note) for note in row_notes]
            if is_usable(row_notes):
                keys.append((row.time, row.shard << ROW_BITS | row.number))
                for name, value in read[n].items():
                    columns.setdefault(name, []).append(value)
        return notes

    def _batch(self, columns: dict[str, list[Any]], keys: list[Item], account: Account) -> Batch:
        empty: Batch = {"index": torch.zeros(0, dtype=torch.int64)}
        return (self.maker.make(columns, keys) if keys else empty) | {"read": account}


def told(slot: int, place: Place, *, is_rest: bool) -> dict[str, Told]:
    """The entry by which a batch tells where its slot is."""
    plain = (place.visit, place.row, place.chunk, place.taken)
    return {"stream": Told(slot, plain, is_rest)}

"""Rows that come one after another out of shards: what a stream reads."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from datasets import Image, IterableDataset

from lit_dalle.data.choice import Choice
from lit_dalle.data.columns import ROW
from lit_dalle.data.row_reader import RowReader

Raw = Mapping[str, Any]
"""A row as it stands in its shard: pictures undecoded, so that what is passed over costs little."""
READ_TOGETHER = 32
"""Rows that are asked of ``datasets`` at once."""


class Visit(NamedTuple):
    """A shard to be read in an epoch; one of a weighted source may be visited again."""

    shard: int
    again: int = 0
    """How often it was visited before in this epoch."""


class Shards(ABC):
    """The shards of a split: files, row groups or parts of a remote data set."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of shards."""

    @abstractmethod
    def rows(self, shard: int, first: int = 0) -> Iterator[Raw]:
        """Yield the rows of a shard as they stand, from its row ``first`` on."""

    @abstractmethod
    def read(self, shard: int, rows: Sequence[tuple[int, Raw]]) -> dict[str, list[Any]]:
        """Columns under our names, with ``notes``, of numbered rows of a shard."""

    def visits(self, epoch: int) -> list[Visit]:
        """Shards that are read in an epoch: each once."""
        return [Visit(shard) for shard in range(len(self))]

    def wants(self, visit: Visit, number: int, row: Raw, epoch: int) -> bool:
        """Whether a row, by its number in the shard, is among those of a visit: all are."""
        return True


class TableShards(Shards):
    """Shards of a data set that ``datasets`` streams: local files, tar shards or the hub.

    Args:
        table: The split.
        reader: Makes rows under our names.
        pictures: Whether the rows have pictures.
        choice: Which rows are taken.
    """

    def __init__(
        self,
        table: IterableDataset,
        reader: RowReader,
        pictures: bool = True,
        choice: Choice | None = None,
    ) -> None:
        columns, self.choice = reader.columns, choice or Choice()
        used = [name for name in columns.used() if pictures or name != columns.image]
        table = table.select_columns(list(dict.fromkeys((*used, *self.choice.columns))))
        if pictures:
            table = table.cast_column(columns.image, Image(decode=False))
        self.table, self.reader = table, reader

    def __len__(self) -> int:
        return self.table.num_shards

    def rows(self, shard: int, first: int = 0) -> Iterator[Raw]:
        """Yield rows; those before ``first`` are read and dropped."""
        part = self.table.shard(num_shards=len(self), index=shard)
        part = part.skip(first) if first else part
        # by batches, because row by row `datasets` shares a stream out to workers once more
        for batch in part.iter(batch_size=READ_TOGETHER):
            names = list(batch)
            for values in zip(*batch.values(), strict=True):
                yield dict(zip(names, values, strict=True))

    def wants(self, visit: Visit, number: int, row: Raw, epoch: int) -> bool:
        """Whether a row is chosen."""
        return self.choice.takes(row)

    def read(self, shard: int, rows: Sequence[tuple[int, Raw]]) -> dict[str, list[Any]]:
        """Decode and check rows."""
        names = list(rows[0][1]) if rows else []
        columns: dict[str, list[Any]] = {name: [row[name] for _, row in rows] for name in names}
        where = f" of shard {shard}" if len(self) > 1 else ""
        return self.reader(columns | {ROW: [f"{number}{where}" for number, _ in rows]})

"""Several sources as one, with weights."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from datasets import Dataset

from lit_dalle.data.columns import ROW
from lit_dalle.data.draws import uniform
from lit_dalle.data.shards import Raw, Shards, Visit
from lit_dalle.data.sources import SPLITS, Source

PART, NUMBER = "_part", "_number"
NOT_SHARED = ("label", ROW)
"""Fields that mean something in their own source alone."""
MIXTURE = 0x4D4958
"""Counter of the draws that say which rows of a part come in which epoch."""


@dataclass(frozen=True)
class MixedSource(Source):
    """The rows of several sources, shuffled together.

    Classes of different sources have nothing to do with each other, so there are no labels; of the
    other fields there are those that all sources of a split have. Rows of training come singly: a
    source whose rows come in blocks, as the world's with foils, is refused. In other splits sources
    take turns, so that the first rows show all of them.
    """

    sources: list[Source]
    """The sources; all are streams, or none is."""
    weights: list[float] | None = field(default=None, kw_only=True)
    """How often the rows of each source come in an epoch of training: 1, as by default, is once, 2
    twice, 0.5 in every second epoch. A source of 10,000 rows with weight 100 is half of what is
    shown beside one of a million."""

    def __post_init__(self) -> None:
        weights = self.weights
        if not self.sources:
            raise ValueError("a mixture needs sources: give at least one")
        if weights is not None and (len(weights) != len(self.sources) or min(weights) <= 0):
            raise ValueError(
                f"a mixture needs a weight above 0 for each of its {len(self.sources)} sources, "
                f"got {weights}"
            )
        if len({source.is_stream for source in self.sources}) > 1:
            raise ValueError("a mixture is of streams or of none: set streaming alike in all parts")
        for source in self.sources:
            if source.block_size("train") > 1:
                raise ValueError(
                    f"a mixture shuffles rows one by one, and those of {source} come in blocks of "
                    f"{source.block_size('train')} that stay together: set foils to 0"
                )

    @property
    def is_stream(self) -> bool:
        """Whether the parts are streams."""
        return self.sources[0].is_stream

    def splits(self) -> tuple[str, ...]:
        """Names of the splits that some source has."""
        there = {split for source in self.sources for split in source.splits()}
        return tuple(split for split in SPLITS if split in there)

    def load(self, split: str, *, pictures: bool = True) -> Dataset:
        """Return the rows of all sources that have the split."""
        self.check_split(split)
        parts = [source.load(split, pictures=pictures) for source in self._having(split)]
        fields = [name for name in self.fields(split) if pictures or name != "image"]
        return _one_table(parts, fields, in_turns=split != "train")

    def picture_rows(self, split: str) -> Dataset:
        """Return the pictures of all sources that have the split, in the order of their rows."""
        self.check_split(split)
        parts = [source.picture_rows(split) for source in self._having(split)]
        return _one_table(parts, ["image", "notes"], in_turns=split != "train")

    def fields(self, split: str) -> tuple[str, ...]:
        """Names of the fields that the rows of all sources have, without labels."""
        found = [source.fields(split) for source in self._having(split)]
        names = dict.fromkeys(name for some in found for name in some if name not in NOT_SHARED)
        return tuple(n for n in names if n == "notes" or all(n in some for some in found))

    def check_captions(self, row: Mapping[str, Any]) -> None:
        """Raise ValueError when a row of this mixture has no captions; the source is named."""
        if "caption" not in row:
            for source, split in ((one, split) for one in self.sources for split in one.splits()):
                source.check_captions(dict.fromkeys(source.fields(split)))

    def shards(self, split: str, *, pictures: bool = True) -> Shards:
        """Return the shards of all sources that have the split."""
        self.check_split(split)
        having = [n for n, source in enumerate(self.sources) if split in source.splits()]
        weights = [1.0 if self.weights is None else self.weights[n] for n in having]
        parts = [self.sources[n].shards(split, pictures=pictures) for n in having]
        fields = [name for name in self.fields(split) if pictures or name != "image"]
        return MixedShards(parts, weights if split == "train" else [1.0] * len(parts), fields)

    def fingerprint(self, split: str) -> str:
        """Fingerprints of the parts, joined by what says how their rows follow each other."""
        return _joint(split).join(source.fingerprint(split) for source in self._having(split))

    def picture_fingerprint(self, split: str) -> str:
        """Picture fingerprints of the parts, joined alike."""
        parts = (source.picture_fingerprint(split) for source in self._having(split))
        return _joint(split).join(parts)

    def epoch_rows(self, split: str) -> tuple[tuple[int, float], ...] | None:
        """Rows and weight of each part, where rows come more or less often than once."""
        if self.weights is None or split != "train":
            return None
        return tuple(
            (len(source.load(split, pictures=False)), weight)
            for source, weight in zip(self.sources, self.weights, strict=True)
            if split in source.splits()
        )

    def _having(self, split: str) -> list[Source]:
        return [source for source in self.sources if split in source.splits()]


def _joint(split: str) -> str:
    return "+" if split == "train" else "~"


def _one_table(parts: Sequence[Dataset], fields: Sequence[str], *, in_turns: bool) -> Dataset:
    """Rows of parts as one table: one part after another, or in turns by their sizes."""
    sizes = np.array([len(part) for part in parts])
    which = np.repeat(np.arange(len(parts)), sizes)
    numbers = np.concatenate([np.arange(size) for size in sizes])
    if in_turns:
        order = np.argsort((numbers + 0.5) / sizes[which], kind="stable")
        which, numbers = which[order], numbers[order]
    rows = Dataset.from_dict({PART: which, NUMBER: numbers})
    return rows.with_transform(_Parts(parts, fields))


class _Parts:
    """Reads rows of parts in whatever order they are asked for."""

    def __init__(self, parts: Sequence[Dataset], fields: Sequence[str]) -> None:
        self.parts, self.fields = parts, fields

    def __call__(self, batch: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        rows: list[dict[str, Any]] = [{} for _ in batch[PART]]
        for part in sorted(set(batch[PART])):
            places = [at for at, which in enumerate(batch[PART]) if which == part]
            read = self.parts[part][[batch[NUMBER][at] for at in places]]
            for n, at in enumerate(places):
                rows[at] = {name: values[n] for name, values in read.items()}
        return {name: [_value(row, name) for row in rows] for name in self.fields}


class MixedShards(Shards):
    """The shards of several sources.

    Args:
        parts: Shards of each.
        weights: How often the rows of each come in an epoch.
        fields: Names of the fields that all have: batches reach across the parts.
    """

    def __init__(
        self, parts: Sequence[Shards], weights: Sequence[float], fields: Sequence[str]
    ) -> None:
        self.parts, self.weights, self.fields = parts, weights, fields
        self.homes = [(part, n) for part, some in enumerate(parts) for n in range(len(some))]

    def __len__(self) -> int:
        return len(self.homes)

    def rows(self, shard: int, first: int = 0) -> Iterator[Raw]:
        """Yield the rows of a shard of a part."""
        part, number = self.homes[shard]
        return self.parts[part].rows(number, first)

    def read(self, shard: int, rows: Sequence[tuple[int, Raw]]) -> dict[str, list[Any]]:
        """Decode and check rows as their part does."""
        part, number = self.homes[shard]
        read = {"notes": [[] for _ in rows]} | self.parts[part].read(number, rows)
        return {name: read[name] for name in self.fields}

    def visits(self, epoch: int) -> list[Visit]:
        """Each shard as often as some of its rows come."""
        return [
            Visit(shard, again)
            for shard, (part, _) in enumerate(self.homes)
            for again in range(-int(-self.weights[part] // 1))
        ]

    def wants(self, visit: Visit, number: int, row: Raw, epoch: int) -> bool:
        """Whether a row is among its part's, and comes once more in this epoch."""
        part, shard = self.homes[visit.shard]
        if not self.parts[part].wants(Visit(shard, visit.again), number, row, epoch):
            return False
        weight = self.weights[part]
        return visit.again < times(weight, uniform(MIXTURE, visit.shard, number), epoch)


def times(weight: float, offset: float, epoch: int) -> int:
    """How often a row comes in an epoch: over the epochs ``weight`` times, as evenly as can be.

    Args:
        weight: Times an epoch.
        offset: Of the row, in [0, 1).
        epoch: Which epoch.
    """
    return int((epoch + 1) * weight + offset) - int(epoch * weight + offset)


def _value(row: Mapping[str, Any], name: str) -> Any:
    """A field of a row; a source that notes nothing has no notes."""
    return row.get(name, []) if name == "notes" else row[name]

"""Several sources as one, with weights."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from datasets import Dataset

from lit_dalle.data.draws import uniform
from lit_dalle.data.shards import Raw, Shards, Visit
from lit_dalle.data.sources import SPLITS, Source

PART, NUMBER = "_part", "_number"
MIXTURE = 0x4D4958
"""Counter of the draws that say which rows of a part come in which epoch."""


@dataclass(frozen=True)
class MixedSource(Source):
    """The rows of several sources, shuffled together.

    Classes of different sources have nothing to do with each other, so there are no labels; of the
    other fields there are those that all sources have.
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

    @property
    def is_stream(self) -> bool:
        """Whether the parts are streams."""
        return self.sources[0].is_stream

    def splits(self) -> tuple[str, ...]:
        """Names of the splits that some source has."""
        there = {split for source in self.sources for split in source.splits()}
        return tuple(split for split in SPLITS if split in there)

    def load(self, split: str, *, pictures: bool = True) -> Dataset:
        """Return the rows of all sources that have the split, one source after another."""
        self.check_split(split)
        parts = [source.load(split, pictures=pictures) for source in self._having(split)]
        columns = {
            PART: np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
            NUMBER: np.concatenate([np.arange(len(part)) for part in parts]),
        }
        return Dataset.from_dict(columns).with_transform(_Parts(parts))

    def shards(self, split: str, *, pictures: bool = True) -> Shards:
        """Return the shards of all sources that have the split."""
        self.check_split(split)
        having = [n for n, source in enumerate(self.sources) if split in source.splits()]
        weights = [1.0 if self.weights is None else self.weights[n] for n in having]
        parts = [self.sources[n].shards(split, pictures=pictures) for n in having]
        return MixedShards(parts, weights if split == "train" else [1.0] * len(parts))

    def fingerprint(self, split: str) -> str:
        """Fingerprints of the parts."""
        return "+".join(source.fingerprint(split) for source in self._having(split))

    def picture_fingerprint(self, split: str) -> str:
        """Picture fingerprints of the parts."""
        return "+".join(source.picture_fingerprint(split) for source in self._having(split))

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


class _Parts:
    """Reads rows of parts in whatever order they are asked for."""

    def __init__(self, parts: Sequence[Dataset]) -> None:
        self.parts = parts

    def __call__(self, batch: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        rows: list[dict[str, Any]] = [{} for _ in batch[PART]]
        for part in sorted(set(batch[PART])):
            places = [at for at, which in enumerate(batch[PART]) if which == part]
            read = self.parts[part][[batch[NUMBER][at] for at in places]]
            for n, at in enumerate(places):
                rows[at] = {name: values[n] for name, values in read.items()}
        return together(rows)


class MixedShards(Shards):
    """The shards of several sources.

    Args:
        parts: Shards of each.
        weights: How often the rows of each come in an epoch.
    """

    def __init__(self, parts: Sequence[Shards], weights: Sequence[float]) -> None:
        self.parts, self.weights = parts, weights
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
        read = self.parts[part].read(number, rows)
        return together([{n: v[at] for n, v in read.items()} for at in range(len(rows))])

    def visits(self, epoch: int) -> list[Visit]:
        """Each shard as often as some of its rows come."""
        return [
            Visit(shard, again)
            for shard, (part, _) in enumerate(self.homes)
            for again in range(-int(-self.weights[part] // 1))
        ]

    def wants(self, visit: Visit, row: int, epoch: int) -> bool:
        """Whether a row comes once more in this epoch."""
        weight = self.weights[self.homes[visit.shard][0]]
        return visit.again < times(weight, uniform(MIXTURE, visit.shard, row), epoch)


def times(weight: float, offset: float, epoch: int) -> int:
    """How often a row comes in an epoch: over the epochs ``weight`` times, as evenly as can be.

    Args:
        weight: Times an epoch.
        offset: Of the row, in [0, 1).
        epoch: Which epoch.
    """
    return int((epoch + 1) * weight + offset) - int(epoch * weight + offset)


def together(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows of several sources as columns: those that all have, without labels."""
    shared = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if name == "notes" or (name != "label" and all(name in row for row in rows))
    ]
    return {name: [row.get(name, []) for row in rows] for name in shared}

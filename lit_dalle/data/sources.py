"""Where rows come from: a small frozen description that loads any of its splits.

A row is a dict: ``image`` (RGB ``PIL.Image``), ``caption`` (list of str) and, where the source has
them, ``label`` (int), ``group`` (str; rows of one group are not negatives of each other),
``family`` (str) and ``scene`` (JSON of the exact truth). A key is absent, never None, but in rows
of files, which can be damaged: their ``notes`` say what is wrong with a row, and one that cannot be
used (:func:`~lit_dalle.data.notes.is_usable`) has None in its fields.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from datasets import Dataset

from lit_dalle.data.shards import Shards

SPLITS = ("train", "validation", "test", "held_out")
"""Names of splits: ``test`` is of the same kind as ``train``, ``held_out`` is of another."""


class Source(ABC):
    """A captioned data set with named splits."""

    @property
    def is_stream(self) -> bool:
        """Whether the rows come one after another, by :meth:`shards`, not by their number."""
        return False

    @abstractmethod
    def splits(self) -> tuple[str, ...]:
        """Names of the splits there are, some of train, validation, test and held_out."""

    @abstractmethod
    def load(self, split: str, *, pictures: bool = True) -> Dataset:
        """Return a split as rows.

        Args:
            split: One of :meth:`splits`.
            pictures: Whether the rows have ``image``; without it nothing is drawn or decoded.

        Raises:
            ValueError: There is no such split, or its columns are not as described.
        """

    @abstractmethod
    def fingerprint(self, split: str) -> str:
        """Return a string that changes whenever row i of the split becomes another row."""

    def picture_rows(self, split: str) -> Dataset:
        """Return a split as rows of which the pictures count, whatever else they have.

        What is said of the pictures leaves no row out, so that image tokens serve any captions.
        """
        return self.load(split)

    def picture_fingerprint(self, split: str) -> str:
        """The fingerprint of the pictures alone: it does not change with what is said of them."""
        return self.fingerprint(split)

    def fields(self, split: str) -> tuple[str, ...]:
        """Names of the fields of a split's rows with their pictures; by default the first row's."""
        return ("image", *next(iter(self.load(split, pictures=False)), {}))

    def epoch_rows(self, split: str) -> tuple[tuple[int, float], ...] | None:
        """Rows and weight of neighbouring parts, where rows come more or less often than once."""
        return None

    def shards(self, split: str, *, pictures: bool = True) -> Shards:
        """Return a split as shards, of a source that is a stream.

        Args:
            split: One of :meth:`splits`.
            pictures: Whether the rows have ``image``.

        Raises:
            ValueError: There is no such split, or the source is no stream.
        """
        raise ValueError(f"{self} cannot be streamed")

    def block_size(self, split: str) -> int:
        """Number of neighbouring rows that training keeps together in a batch: 1 by default."""
        return 1

    def captions(self, split: str = "train") -> Iterator[str]:
        """Yield all captions of a split, row by row; rows without are passed over.

        Raises:
            ValueError: The rows have none.
        """
        rows = self._rows_of_stream(split) if self.is_stream else self.load(split, pictures=False)
        for number, row in enumerate(rows):
            if not number:
                self.check_captions(row)
            yield from row["caption"] or ()

    def _rows_of_stream(self, split: str) -> Iterator[dict[str, Any]]:
        shards = self.shards(split, pictures=False)
        for shard in range(len(shards)):
            for numbered in enumerate(shards.rows(shard)):
                found = shards.read(shard, [numbered])
                yield {name: values[0] for name, values in found.items()}

    def check_captions(self, row: Mapping[str, Any]) -> None:
        """Raise ValueError when a row of this source has no captions."""
        if "caption" not in row:
            raise ValueError(
                f"text is needed, and the rows of {self} have no captions: say where they are with "
                "caption_column; a folder has them in metadata.jsonl, "
                '{"file_name": "a.png", "text": "a red star"}'
            )

    def check_split(self, split: str) -> None:
        """Raise ValueError when there is no such split."""
        if split not in self.splits():
            raise ValueError(f"{self} has no {split} split; it has {', '.join(self.splits())}")

"""Where rows come from: a small frozen description that loads any of its splits.

A row is a dict: ``image`` (RGB ``PIL.Image``), ``caption`` (list of str) and, where the source has
them, ``label`` (int), ``group`` (str; rows of one group are not negatives of each other),
``family`` (str) and ``scene`` (JSON of the exact truth). A key is absent, never None.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from datasets import Dataset

SPLITS = ("train", "validation", "test", "held_out")
"""Names of splits: ``test`` is of the same kind as ``train``, ``held_out`` is of another."""


class Source(ABC):
    """A captioned data set with named splits."""

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

    def block_size(self, split: str) -> int:
        """Number of neighbouring rows that training keeps together in a batch: 1 by default."""
        return 1

    def captions(self, split: str = "train") -> Iterator[str]:
        """Yield all captions of a split, row by row.

        Raises:
            ValueError: The rows have none.
        """
        rows = self.load(split, pictures=False)
        self.check_captions(rows)
        for row in rows:
            yield from row["caption"]

    def check_captions(self, rows: Dataset) -> None:
        """Raise ValueError when rows of this source have no captions."""
        if len(rows) and "caption" not in rows[0]:
            raise ValueError(
                f"text is needed, and the rows of {self} have no captions: say where they are with "
                "caption_column; a folder has them in metadata.jsonl, "
                '{"file_name": "a.png", "text": "a red star"}'
            )

    def check_split(self, split: str) -> None:
        """Raise ValueError when there is no such split."""
        if split not in self.splits():
            raise ValueError(f"{self} has no {split} split; it has {', '.join(self.splits())}")

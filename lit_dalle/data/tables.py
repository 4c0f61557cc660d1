"""What sources that are tables with columns have in common."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict, Features, IterableDatasetDict

from lit_dalle.data.choice import Choice
from lit_dalle.data.columns import Columns, group_of, is_text, numbered
from lit_dalle.data.holdout import hold_out
from lit_dalle.data.listing import hash_of_files
from lit_dalle.data.row_reader import RowReader, standard_rows
from lit_dalle.data.shards import Shards, TableShards
from lit_dalle.data.sources import SPLITS, Source


@dataclass(frozen=True)
class TableSource(Source):
    """What sources that are tables with columns have in common."""

    image_column: str = field(default="image", kw_only=True)
    """Column of the pictures."""
    caption_column: str | list[str] | None = field(default=None, kw_only=True)
    """Column of the captions (str or list of str), or several; by default ``text``, ``caption`` or
    ``captions``, whichever there is."""
    label_column: str | None = field(default=None, kw_only=True)
    """Column of the class labels; by default ``label`` where there is one."""
    group_column: str | None = field(default=None, kw_only=True)
    """Column that is equal for rows which are not negatives of each other."""
    family_column: str | None = field(default=None, kw_only=True)
    """Column by which results are reported apart."""
    caption_template: str | list[str] | None = field(default=None, kw_only=True)
    """Makes captions of the class name and of other columns, such as ``a photo of a {label}`` or
    ``{label}, {tags}``; of several, one is drawn for a row in training. Lists are written with
    commas, and a template with an empty column is left out."""
    max_aspect_ratio: float | None = field(default=None, kw_only=True)
    """Leaves out pictures whose longer side is more than this many times the shorter ([P] C: 2);
    None takes all."""
    min_caption_words: int = field(default=0, kw_only=True)
    """Leaves out captions of fewer words, and rows that have no other ([P] C leaves out those that
    are too short)."""
    where: dict[str, str | list[str]] = field(default_factory=dict, kw_only=True)
    """Takes only rows that have this value in this column, or one of several, in every split:
    ``{group: [food-drink, animals-nature]}``. Values are compared as text; null is empty."""
    where_not: dict[str, str | list[str]] = field(default_factory=dict, kw_only=True)
    """Takes only rows that have no such value: ``{skin_tone: ""}`` takes those with a tone."""
    split_names: dict[str, str] = field(default_factory=dict, kw_only=True)
    """Their names of our splits, where they differ: ``{test: test_iid, held_out: test_comp}``."""
    validation_share: float = field(default=0.05, kw_only=True)
    """Share of ``train`` that is held out where there is no validation split."""

    streaming: bool = field(default=False, kw_only=True)
    """Read rows one after another and keep nothing, for data that is larger than the disk; the
    rows are shuffled by chunks (``data.shuffle_buffer``), and no validation share is held out."""

    @abstractmethod
    def read(self) -> DatasetDict:
        """Return all splits under their own names."""

    def read_stream(self) -> IterableDatasetDict:
        """Return all splits as streams.

        Raises:
            ValueError: This kind of source cannot be streamed.
        """
        raise ValueError(f"{self.place} cannot be streamed: leave streaming out")

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the rows come from, for the text of errors."""

    @property
    def is_stream(self) -> bool:
        """Whether rows come one after another."""
        return self.streaming

    def splits(self) -> tuple[str, ...]:
        """Names of the splits that there are or that are held out."""
        if self.streaming:
            return tuple(split for split in SPLITS if self._theirs(split) in self._streams)
        found = {split for split in SPLITS if self._theirs(split) in self._all}
        held_out = {"validation"} if "train" in found and self.validation_share > 0 else set()
        return tuple(split for split in SPLITS if split in found | held_out)

    def load(self, split: str, *, pictures: bool = True) -> Dataset:
        """Return a split as rows; pictures are decoded when a row is read."""
        rows = self._part(split)
        columns = self._columns(rows.features)
        return standard_rows(rows, columns, self.place, pictures, tuple(self.label_names()))

    def picture_rows(self, split: str) -> Dataset:
        """Return a split as rows of pictures alone; no other column is read."""
        rows = self._part(split)
        return standard_rows(rows, self._columns(rows.features).picture_alone(), self.place)

    def fields(self, split: str) -> tuple[str, ...]:
        """Names of the fields of a split's rows; no row is read for them."""
        held_out = split == "validation" and self._theirs(split) not in self._features
        features = self._features[self._theirs("train" if held_out else split)]
        return RowReader(self._columns(features), self.place).fields()

    def shards(self, split: str, *, pictures: bool = True) -> Shards:
        """Return a split as shards of undecoded rows."""
        if split not in self.splits():
            raise ValueError(
                f"{self.place} has no {split} split; it has {', '.join(self._streams)}. A stream "
                f"holds nothing out: name the rows of {split} in split_names or data_files"
            )
        table = self._streams[self._theirs(split)]
        columns = self._columns(table.features)
        reader = RowReader(columns, self.place, tuple(self.label_names()))
        self._choice.check(table.features, self.place)
        return TableShards(table, reader, pictures, self._choice)

    def fingerprint(self, split: str) -> str:
        """Fingerprint of the table's content, with the names of the columns that are read."""
        rows = self._part(split)
        return f"{rows._fingerprint}-{self._columns(rows.features)!r}-{self.validation_share}"

    def picture_fingerprint(self, split: str) -> str:
        """Fingerprint of the pictures' files, or of the rows where the pictures stand in them."""
        rows = self._part(split)
        has_paths = is_text(rows.features.get(self.image_column))
        pictures = hash_of_files(rows[self.image_column]) if has_paths else rows._fingerprint
        return f"{pictures}-{self.image_column}-{self.max_aspect_ratio}"

    def label_names(self) -> list[str]:
        """Names of the classes, by number; empty where the table does not name them.

        Labels that are words are numbered in the order of the words, over all splits.
        """
        features = next(iter(self._features.values()))
        column = self._columns(features).label
        label = features.get(column)
        if isinstance(label, ClassLabel):
            return list(label.names)
        if is_text(label) and self.streaming:
            raise ValueError(
                f"labels that are words, as in column {column!r} of {self.place}, are numbered "
                "over all rows, which a stream does not see: leave label_column or streaming out"
            )
        return self._words if is_text(label) else []

    @cached_property
    def _features(self) -> dict[str, Features]:
        """Columns of each of their splits, with their types."""
        tables = self._streams if self.streaming else self._all
        return {name: table.features for name, table in tables.items()}

    @cached_property
    def _words(self) -> list[str]:
        """Labels of all splits, each once, sorted."""
        column = self._columns(next(iter(self._features.values()))).label
        words = {word for table in self._all.values() for word in table.unique(column)}
        return sorted(words - {None})

    @cached_property
    def _streams(self) -> IterableDatasetDict:
        found = self.read_stream()
        self._check_names(found)
        resolved = {name: table._resolve_features() for name, table in found.items()}
        return IterableDatasetDict(resolved)

    @cached_property
    def _all(self) -> DatasetDict:
        found = self.read()
        self._check_names(found)
        return DatasetDict({name: numbered(table) for name, table in found.items()})

    def _check_names(self, found: Mapping[str, Any]) -> None:
        for ours, theirs in self.split_names.items():
            if ours not in SPLITS or theirs not in found:
                raise ValueError(
                    f"split_names says {ours}: {theirs}; ours are {', '.join(SPLITS)}, those of "
                    f"{self.place} are {', '.join(found)}"
                )

    def _theirs(self, split: str) -> str:
        return self.split_names.get(split, split)

    @property
    def _choice(self) -> Choice:
        return Choice(self.where, self.where_not)

    def _part(self, split: str) -> Dataset:
        """The chosen rows of a split as they stand in the table.

        Raises:
            ValueError: There is no such split, or none of its rows is chosen.
        """
        return self._choice.of(self._split(split), self.place)

    def _split(self, split: str) -> Dataset:
        if split not in self.splits():
            raise ValueError(
                f"{self.place} has no {split} split; it has {', '.join(self._all)}: "
                "name the one to take in split_names"
            )
        name = self._theirs(split)
        if self._theirs("validation") in self._all or split not in ("train", "validation"):
            return self._all[name]
        train = self._all[self._theirs("train")]
        held = np.array(hold_out(len(train), self.validation_share, self._groups(train)))
        return train.select(np.flatnonzero(held == (split == "validation")))

    def _groups(self, table: Dataset) -> list[str] | None:
        """Groups that stay on one side."""
        if self.group_column not in table.column_names:
            return None
        return [group_of(group, f"row {n}") for n, group in enumerate(table[self.group_column])]

    def _columns(self, features: Features) -> Columns:
        return Columns.find(
            features,
            self.place,
            image=self.image_column,
            caption=self.caption_column,
            label=self.label_column,
            group=self.group_column,
            family=self.family_column,
            caption_template=self.caption_template,
            max_aspect_ratio=self.max_aspect_ratio,
            min_caption_words=self.min_caption_words,
        )

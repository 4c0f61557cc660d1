"""Data sets of the ``datasets`` library as sources: a local folder, parquet files, the hub."""

from abc import abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict, Features, load_dataset
from datasets.exceptions import DatasetGenerationError

from lit_dalle.data.columns import Columns, is_text, numbered, standard_rows
from lit_dalle.data.holdout import hold_out
from lit_dalle.data.sources import SPLITS, Source

PICTURE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"})


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
    split_names: dict[str, str] = field(default_factory=dict, kw_only=True)
    """Their names of our splits, where they differ: ``{test: test_iid, held_out: test_comp}``."""
    validation_share: float = field(default=0.05, kw_only=True)
    """Share of ``train`` that is held out where there is no validation split."""

    @abstractmethod
    def read(self) -> DatasetDict:
        """Return all splits under their own names."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the rows come from, for the text of errors."""

    def splits(self) -> tuple[str, ...]:
        """Names of the splits that there are or that are held out."""
        found = {split for split in SPLITS if self._theirs(split) in self._all}
        held_out = {"validation"} if "train" in found and self.validation_share > 0 else set()
        return tuple(split for split in SPLITS if split in found | held_out)

    def load(self, split: str, *, pictures: bool = True) -> Dataset:
        """Return a split as rows; pictures are decoded when a row is read."""
        if split not in self.splits():
            raise ValueError(
                f"{self.place} has no {split} split; it has {', '.join(self._all)}: "
                "name the one to take in split_names"
            )
        rows = self._part(split)
        columns = self._columns(rows.features)
        return standard_rows(rows, columns, self.place, pictures, tuple(self.label_names()))

    def fingerprint(self, split: str) -> str:
        """Fingerprint of the table's content, with the names of the columns that are read."""
        rows = self._part(split)
        return f"{rows._fingerprint}-{self._columns(rows.features)!r}-{self.validation_share}"

    def label_names(self) -> list[str]:
        """Names of the classes, by number; empty where the table does not name them.

        Labels that are words are numbered in the order of the words, over all splits.
        """
        features = next(iter(self._all.values())).features
        column = self._columns(features).label
        label = features.get(column)
        if isinstance(label, ClassLabel):
            return list(label.names)
        return self._words if is_text(label) else []

    @cached_property
    def _words(self) -> list[str]:
        """Labels of all splits, each once, sorted."""
        column = self._columns(next(iter(self._all.values())).features).label
        words = {word for table in self._all.values() for word in table.unique(column)}
        return sorted(words - {None})

    @cached_property
    def _all(self) -> DatasetDict:
        found = self.read()
        for ours, theirs in self.split_names.items():
            if ours not in SPLITS or theirs not in found:
                raise ValueError(
                    f"split_names says {ours}: {theirs}; ours are {', '.join(SPLITS)}, those of "
                    f"{self.place} are {', '.join(found)}"
                )
        return DatasetDict({name: numbered(table) for name, table in found.items()})

    def _theirs(self, split: str) -> str:
        return self.split_names.get(split, split)

    def _part(self, split: str) -> Dataset:
        name = self._theirs(split)
        if self._theirs("validation") in self._all or split not in ("train", "validation"):
            return self._all[name]
        train = self._all[self._theirs("train")]
        groups = train[self.group_column] if self.group_column in train.column_names else None
        held = np.array(hold_out(len(train), self.validation_share, groups))
        return train.select(np.flatnonzero(held == (split == "validation")))

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
        )


@dataclass(frozen=True)
class FolderSource(TableSource):
    """A folder of pictures in the ``imagefolder`` convention.

    Captions stand in ``metadata.jsonl`` or ``metadata.csv`` (``file_name`` and ``text`` or
    ``caption``); folders named ``train``, ``validation``, ``test`` are splits; any other folders
    are class labels where there is no metadata.
    """

    path: str
    """The folder."""

    @property
    def place(self) -> str:
        """The folder."""
        return self.path

    def read(self) -> DatasetDict:
        """Read the folder's list of pictures.

        Raises:
            FileNotFoundError: There is no such folder.
            ValueError: It holds no pictures, or its metadata cannot be read.
        """
        folder = Path(self.path).expanduser()
        if not folder.is_dir():
            raise FileNotFoundError(
                f"there is no folder {self.path}: name the one with the pictures"
            )
        if not any(path.suffix.lower() in PICTURE_ENDINGS for path in folder.rglob("*")):
            raise ValueError(
                f"{self.path} holds no pictures: put .png or .jpg files there, and their captions "
                'into metadata.jsonl: {"file_name": "a.png", "text": "a red star"}'
            )
        return _loaded(self.place, "imagefolder", data_dir=str(folder.resolve()))


@dataclass(frozen=True)
class ParquetSource(TableSource):
    """Parquet files with a column of pictures."""

    data_files: dict[str, str | list[str]]
    """File or pattern of each split, or several: ``{train: data/train-*.parquet}``."""

    @property
    def place(self) -> str:
        """The files."""
        return ", ".join(file for files in self.data_files.values() for file in listed(files))

    def read(self) -> DatasetDict:
        """Open the files.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: They cannot be read.
        """
        return _loaded(self.place, "parquet", data_files=dict(self.data_files))


@dataclass(frozen=True)
class HubSource(TableSource):
    """A data set of the Hugging Face hub, or anything else that ``load_dataset`` reads."""

    name: str
    """Name, such as ``user/dataset``, or a local folder that ``datasets`` knows."""
    config_name: str | None = field(default=None, kw_only=True)
    """Which configuration of it."""
    revision: str | None = field(default=None, kw_only=True)
    """Which version of it: a commit, a tag or a branch."""

    @property
    def place(self) -> str:
        """The name."""
        return self.name

    def read(self) -> DatasetDict:
        """Download the data set, or take it from the cache.

        Raises:
            FileNotFoundError: There is no such data set.
            ValueError: It cannot be read.
        """
        return _loaded(self.place, self.name, self.config_name, revision=self.revision)


def _loaded(place: str, *args: Any, **kwargs: Any) -> DatasetDict:
    try:
        found = load_dataset(*args, **kwargs)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no data set at {place}: {error}") from error
    except DatasetGenerationError as error:
        raise ValueError(f"cannot read {place}: {error.__cause__ or error}") from error
    except (ValueError, OSError) as error:
        raise ValueError(f"cannot read {place}: {error}") from error
    return found if isinstance(found, DatasetDict) else DatasetDict({"train": found})


def listed(files: str | list[str]) -> list[str]:
    """Files of a split, be it one or several."""
    return [files] if isinstance(files, str) else list(files)

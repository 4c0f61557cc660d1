"""Sources of tables: a folder of pictures, lists of files, parquet, the hub."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
from datasets import Dataset, DatasetDict, Features, Image, IterableDatasetDict, load_dataset
from datasets.exceptions import DatasetGenerationError
from fsspec.core import OpenFile
from rich.progress import track

from lit_dalle.data.folder import PICTURE_ENDINGS, read_folder
from lit_dalle.data.listing import LISTS, hash_of_files, read_list, to_table
from lit_dalle.data.row_reader import RowReader
from lit_dalle.data.shards import Shards
from lit_dalle.data.sources import SPLITS
from lit_dalle.data.tables import TableSource
from lit_dalle.data.tar_shards import TarShards, find_shards, index, samples
from lit_dalle.data.writing import whole_file, write_arrow

PEEKED = 16
"""Rows of the first shard from which the columns are known."""
MANY = 8
"""Shards from which on a progress bar is shown."""
INDEX_FORM = 2
"""Changes with what rows are made of a tar shard, so that an index of before is made again."""


@dataclass(frozen=True)
class FolderSource(TableSource):
    """A folder of pictures in the ``imagefolder`` convention.

    Captions stand in ``metadata.jsonl``, ``.csv``, ``.tsv`` or ``.parquet`` (``file_name`` and
    ``text`` or ``caption``), or in a text file of the picture's name, a caption a line; folders
    named ``train``, ``validation``, ``test`` are splits; any other folders are class labels where
    there are no captions.
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
            ValueError: It holds no pictures, or some beside the folders of its splits, or its
                metadata cannot be read.
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
        return read_folder(folder.resolve())


@dataclass(frozen=True)
class FilesSource(TableSource):
    """What sources have in common that are told the files of each split."""

    data_files: dict[str, str | list[str]]
    """Files of each split, one or several: ``{train: pictures/train.csv}``. Parquet files and tar
    shards may be patterns, ``data/train-*.parquet``, shards also ``shards/{000..099}.tar``."""

    @property
    def place(self) -> str:
        """The files."""
        return ", ".join(file for files in self.data_files.values() for file in listed(files))


@dataclass(frozen=True)
class CsvSource(FilesSource):
    """Lists of pictures: CSV, TSV, JSON lines or parquet with a column of paths.

    The column is ``file_name``, ``image``, ``path``, ``filepath``, ``file``, ``filename`` or
    ``image_path``; paths begin at the folder of the list.
    """

    def read(self) -> DatasetDict:
        """Read the lists.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It cannot be read, or is of no kind that we know.
        """
        tables = {}
        for split, files in self.data_files.items():
            paths = [Path(file).expanduser().resolve() for file in listed(files)]
            for path in paths:
                if not path.is_file():
                    raise FileNotFoundError(f"there is no list {path}: name one of pictures")
                if path.suffix not in LISTS:
                    raise ValueError(f"{path} is no list: it must end in {', '.join(LISTS)}")
            tables[split] = to_table(row for path in paths for row in read_list(path))
        return DatasetDict(tables)


@dataclass(frozen=True)
class ParquetSource(FilesSource):
    """Parquet files with a column of pictures."""

    def read(self) -> DatasetDict:
        """Open the files.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: They cannot be read.
        """
        # split by split, so that what is made of one does not depend on what else is named
        parts = (
            loaded(self.place, "parquet", data_files={split: files})
            for split, files in self.data_files.items()
        )
        return DatasetDict({split: table for part in parts for split, table in part.items()})

    def read_stream(self) -> IterableDatasetDict:
        """Open the files as streams; a file is a shard."""
        return streamed(self.place, "parquet", data_files=dict(self.data_files))


@dataclass(frozen=True)
class WebDatasetSource(FilesSource):
    """Tar shards in the WebDataset convention: ``000.jpg`` with ``000.txt`` or ``000.json``.

    Captions are the columns ``text`` (of ``.txt``) or those of the JSON; a key ``image`` there is
    passed over, since the picture is called so. Uncompressed local shards are read in any order by
    an index; with ``streaming`` shards are read from first to last, be they compressed or remote.
    """

    def read(self) -> DatasetDict:
        """List the rows of all shards.

        Raises:
            FileNotFoundError: There is no such shard.
            ValueError: A shard is compressed or remote.
        """
        return DatasetDict({split: indexed(self._files(split)) for split in self.data_files})

    def splits(self) -> tuple[str, ...]:
        """Names of the splits."""
        if not self.streaming:
            return super().splits()
        return tuple(split for split in SPLITS if self._theirs(split) in self.data_files)

    def shards(self, split: str, *, pictures: bool = True) -> Shards:
        """Return a split as shards."""
        self.check_split(split)
        name = self._theirs(split)
        reader = RowReader(
            self._columns(self._features[name]), self.place, tuple(self.label_names())
        )
        self._choice.check(self._features[name], self.place)
        return TarShards(self._files(name), reader, pictures, self._choice)

    @cached_property
    def _features(self) -> dict[str, Features]:
        """Columns of each of their splits; of streams those of the first rows."""
        if not self.streaming:
            return super()._features
        return {name: peeked(self._files(name)[0]) for name in self.data_files}

    def _files(self, split: str) -> list[OpenFile]:
        return find_shards(listed(self.data_files[split]))


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
        return loaded(self.place, self.name, self.config_name, revision=self.revision)

    def read_stream(self) -> IterableDatasetDict:
        """Open the data set as streams; nothing is downloaded before it is read."""
        return streamed(self.place, self.name, self.config_name, revision=self.revision)


def loaded(place: str, *args: Any, **kwargs: Any) -> DatasetDict:
    """Load all splits with ``datasets``.

    Args:
        place: Where the rows are, for the text of errors.
        *args: For ``load_dataset``.
        **kwargs: The same.

    Raises:
        FileNotFoundError: There is no such data set.
        ValueError: It cannot be read.
    """
    found = _load(place, *args, **kwargs)
    return found if isinstance(found, DatasetDict) else DatasetDict({"train": found})


def streamed(place: str, *args: Any, **kwargs: Any) -> IterableDatasetDict:
    """Open all splits as streams; see :func:`loaded`."""
    found = _load(place, *args, streaming=True, **kwargs)
    is_many = isinstance(found, IterableDatasetDict)
    return found if is_many else IterableDatasetDict({"train": found})


def _load(place: str, *args: Any, **kwargs: Any) -> Any:
    try:
        return load_dataset(*args, **kwargs)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no data set at {place}: {error}") from error
    except DatasetGenerationError as error:
        raise ValueError(f"cannot read {place}: {error.__cause__ or error}") from error
    except (ValueError, OSError, RuntimeError) as error:  # the last where it would run a script
        raise ValueError(f"cannot read {place}: {error}") from error


def peeked(shard: OpenFile) -> Features:
    """Columns that the first rows of a tar shard have."""
    with shard.open() as file:
        first = list(islice(samples(file, shard.path), PEEKED))
    features = to_table(row | {"image": "there"} for row in first).features
    return Features(features | {"image": Image()})


def indexed(files: Sequence[OpenFile]) -> Dataset:
    """Table of the rows of local tar shards, kept beside the caches of ``datasets``.

    Its fingerprint is that of the shards, wherever and whenever the index was made.
    """
    paths = [Path(file.path) for file in files]
    for path in paths:
        if path.suffix != ".tar" or not path.is_file():
            raise ValueError(
                f"{path} is no uncompressed local .tar, so its rows cannot be read in any order: "
                "set streaming"
            )
    key = hashlib.sha256(f"{INDEX_FORM} {hash_of_files(map(str, paths))}".encode()).hexdigest()[:24]
    kept = Path(datasets.config.HF_DATASETS_CACHE) / "lit_dalle" / f"tar-{key}.arrow"
    if not kept.is_file():
        progress = track(paths, "Indexing shards", disable=len(paths) < MANY)
        table = to_table(row for path in progress for row in index(path))
        with whole_file(kept) as part:
            write_arrow(table, part)
    found = Dataset.from_file(str(kept))
    return Dataset(found.data, found.info, fingerprint=key)


def listed(files: str | list[str]) -> list[str]:
    """Files of a split, be it one or several."""
    return [files] if isinstance(files, str) else list(files)

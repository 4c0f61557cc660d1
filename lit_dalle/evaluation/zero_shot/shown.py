"""Rows of any data set as CLIP is shown them: where they are found, and how they are cropped."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, Image
from torch import Tensor
from torch.utils.data import DataLoader

from lit_dalle.data.choice import Choice
from lit_dalle.data.pictures import open_picture
from lit_dalle.data.table_sources import FolderSource, HubSource, ParquetSource
from lit_dalle.data.tables import TableSource
from lit_dalle.data.transforms import centre


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """A split of a data set with pictures."""

    data: str
    """A folder, a parquet file or pattern, or a name on the hub."""
    split: str = "test"
    """Its own name of the split."""
    config_name: str | None = None
    """Which configuration of it, on the hub."""
    revision: str | None = None
    """Branch, tag or commit on the hub."""
    image_column: str = "image"
    """Column of the pictures."""
    where: Mapping[str, str] | None = None
    """Column → the value that its rows must have there; other rows are left out."""
    limit: int | None = None
    """The first so many rows only."""

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"a data set needs rows: limit is {self.limit}")

    def table(self, *columns: str) -> Dataset:
        """Return the rows, which must have the pictures' column and these.

        Raises:
            FileNotFoundError: There is no such data set or file.
            ValueError: There is no such split or column.
        """
        tables = self._source().read()
        if self.split not in tables:
            raise ValueError(f"{self.data} has no {self.split} split; it has {', '.join(tables)}")
        table = tables[self.split]
        for name in (self.image_column, *columns):
            if name not in table.column_names:
                there = ", ".join(table.column_names)
                raise ValueError(f"{self.data} has no column {name!r}; it has {there}")
        return self._wanted(table)

    def pictures_of(self, table: Dataset) -> Dataset:
        """Keep of a table the pictures alone, undecoded."""
        rows = table.select_columns([self.image_column])
        return rows.cast_column(self.image_column, Image(decode=False))

    def _wanted(self, table: Dataset) -> Dataset:
        """The rows that ``where`` keeps, and of them the first ``limit``."""
        table = Choice(self.where or {}).of(table, self.data)
        return table if self.limit is None else table.take(min(self.limit, len(table)))

    def _source(self) -> TableSource:
        if self.data.endswith(".parquet"):
            return ParquetSource({self.split: self.data})
        if Path(self.data).expanduser().is_dir():
            return FolderSource(self.data)
        return HubSource(self.data, config_name=self.config_name, revision=self.revision)


class ShownPictures(torch.utils.data.Dataset[Tensor]):
    """Pictures as CLIP is shown them, by number: uint8 ``3 h w``, resized and cropped."""

    def __init__(self, spec: TableSpec, rows: Dataset, image_size: int) -> None:
        """Take the pictures of a table.

        Args:
            spec: Where they are from.
            rows: With the pictures' column, undecoded.
            image_size: Side that the net reads.
        """
        self.spec, self.rows, self.image_size = spec, rows, image_size

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> Tensor:
        column = self.rows[number][self.spec.image_column]
        picture = open_picture(column, f"row {number} of {self.spec.data}")
        pixels = np.asarray(centre(picture, self.image_size, "clip"), np.uint8)
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1)

    def batches(self, batch_size: int, num_workers: int = 0) -> "DataLoader[Any]":
        """Pictures in their order, float32 ``b 3 h w`` in [0, 1]."""
        return DataLoader(self, batch_size=batch_size, num_workers=num_workers, collate_fn=_stacked)


def _stacked(images: list[Tensor]) -> Tensor:
    return torch.stack(images).float() / 255

"""A split drawn or decoded once: pictures as a memory-mapped array, the rest as Arrow.

It lies beside the caches of ``datasets`` (``HF_DATASETS_CACHE``), is shared by all processes and
later runs, and is keyed by the source's fingerprint, so that it never outlives what it was made of.
"""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import datasets
import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import torch
from datasets import Dataset
from PIL.Image import Image as Picture
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from lit_dalle.data.pictures import to_uint8
from lit_dalle.data.sources import Source
from lit_dalle.data.transforms import Augmentation, centre

PICTURES_FILE, ROWS_FILE = "pictures.npy", "rows.arrow"
CHUNK = 64


class PreparedSplit:
    """Rows that are ready, and their pictures if they were wanted: uint8, square, of one size.

    Args:
        folder: What :func:`prepare_split` wrote.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: Dataset = Dataset.from_file(str(folder / ROWS_FILE))
        path = folder / PICTURES_FILE
        self._array = np.load(path, mmap_mode="r") if path.is_file() else None

    def __reduce__(self) -> tuple[Any, ...]:
        return PreparedSplit, (self.folder,)  # other processes map the file again

    def pictures(self, rows: list[int]) -> Tensor | None:
        """Pictures of some rows, uint8, ``b 3 h w``; None where only the rest was prepared."""
        return None if self._array is None else torch.from_numpy(self._array[rows])


def prepare_split(
    source: Source,
    split: str,
    image_size: int | None,
    *,
    rows: int | None = None,
    resizing: Augmentation = "none",
    num_workers: int = 0,
) -> PreparedSplit:
    """Return a split whose rows are ready; they are drawn or decoded the first time only.

    Args:
        source: Where the rows come from.
        split: Which split.
        image_size: Side of the pictures, in pixels; the central square is taken. None leaves the
            pictures out.
        rows: Only the first so many.
        resizing: The augmentation of training, whose way of resizing is kept.
        num_workers: Processes that draw.
    """
    dataset = source.load(split, pictures=image_size is not None)
    if rows is not None and rows < len(dataset):
        dataset = dataset.select(range(rows))
    key = (source.fingerprint(split), image_size, len(dataset), resizing == "clip")
    name = f"{split}-{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}"
    folder = Path(datasets.config.HF_DATASETS_CACHE) / "lit_dalle" / name
    if not folder.is_dir():
        part = folder.with_name(f".{name}.{uuid4().hex[:8]}.part")
        part.mkdir(parents=True)
        try:
            _fill(part, _Chunks(dataset, image_size, resizing), f"rows of {split}", num_workers)
            _rename(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return PreparedSplit(folder)


Chunk = tuple[Tensor | None, list[dict[str, Any]]]
"""Pictures of some neighbouring rows if they are wanted, and the rows without them."""


class _Chunks(torch.utils.data.Dataset[Chunk]):
    """A split in runs of neighbouring rows."""

    def __init__(self, dataset: Dataset, image_size: int | None, resizing: Augmentation) -> None:
        self.dataset, self.image_size, self.resizing = dataset, image_size, resizing

    def __len__(self) -> int:
        return -(-len(self.dataset) // CHUNK)

    def __getitem__(self, chunk: int) -> Chunk:
        numbers = range(chunk * CHUNK, min((chunk + 1) * CHUNK, len(self.dataset)))
        rows = [dict(self.dataset[number]) for number in numbers]
        if self.image_size is None:
            return None, rows
        squares = [self._square(row.pop("image")) for row in rows]
        return torch.stack(squares), rows

    def _square(self, image: Picture | None) -> Tensor:
        """The central square; black for a row that cannot be used, whose notes say so."""
        assert self.image_size is not None  # pictures are wanted
        if image is None:
            return torch.zeros(3, self.image_size, self.image_size, dtype=torch.uint8)
        return to_uint8(centre(image, self.image_size, self.resizing))


def _fill(folder: Path, chunks: _Chunks, description: str, num_workers: int) -> None:
    array = _new_array(folder / PICTURES_FILE, chunks)
    loader = DataLoader(
        chunks,
        batch_size=None,
        num_workers=num_workers,
        generator=torch.Generator().manual_seed(0),  # leaves the global one alone
    )
    rows: list[dict[str, Any]] = []
    for pictures, some in track(loader, description, total=len(chunks)):
        if array is not None:
            array[len(rows) : len(rows) + len(some)] = pictures.numpy()
        rows += some
    if array is not None:
        array.flush()
    if not any(rows):  # a table without columns would have no length
        rows = [{"number": number} for number in range(len(rows))]
    _write_table(Dataset.from_list(rows).data.table, folder / ROWS_FILE)


def _new_array(path: Path, chunks: _Chunks) -> np.memmap | None:
    if chunks.image_size is None:
        return None
    shape = (len(chunks.dataset), 3, chunks.image_size, chunks.image_size)
    return np.lib.format.open_memmap(path, "w+", np.dtype(np.uint8), shape)


def _write_table(table: pa.Table, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)


def _rename(part: Path, folder: Path) -> None:
    """Put a finished folder in its place, unless another process was quicker."""
    try:
        os.rename(part, folder)
    except OSError:
        if not folder.is_dir():
            raise

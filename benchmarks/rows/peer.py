"""The same batches with ``datasets`` and ``torch`` alone, as their documentation has it."""

from functools import partial
from typing import Any

import numpy as np
import torch
from datasets import Dataset, IterableDataset
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

Row = dict[str, Any]
SHUFFLED = 1024
"""Rows that are shuffled together where they are streamed, as with us."""


def loader(
    table: Dataset | IterableDataset, side: int, batch: int, workers: int
) -> DataLoader[Any]:
    """Return a loader of shuffled full batches of ``images`` and ``captions``.

    Args:
        table: With decoded pictures as ``image`` or ``jpg``, and ``text`` or ``txt``.
        side: Of the pictures, in pixels.
        batch: Rows a batch.
        workers: Processes that load.
    """
    is_stream = isinstance(table, IterableDataset)
    rows: Any = table.shuffle(seed=0, buffer_size=SHUFFLED) if is_stream else table
    return DataLoader(
        rows,
        batch_size=batch,
        shuffle=None if is_stream else True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0 and not is_stream,
        collate_fn=partial(collate, side=side),
    )


def collate(rows: list[Row], side: int) -> Row:
    """Make a batch of decoded rows."""
    images = [tensor(picture_of(row), side) for row in rows]
    captions = [row["text"] if "text" in row else row["txt"] for row in rows]
    return {"images": torch.stack(images) / 255, "captions": captions}


def picture_of(row: Row) -> Image.Image:
    """The picture of a row."""
    found: Image.Image = row["image"] if "image" in row else row["jpg"]
    return found.convert("RGB")


def tensor(image: Image.Image, side: int) -> Tensor:
    """The central square at a size, as bytes ``3 h w``."""
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    square = image.crop((left, top, left + short, top + short))
    small = square.resize((side, side), Image.Resampling.BOX)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1).contiguous()

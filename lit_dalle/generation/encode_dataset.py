"""A data set's pictures as image tokens, encoded once for a frozen dVAE."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol

import torch
from rich.progress import track
from torch import Tensor

from lit_dalle.data.examples import Examples, Shown
from lit_dalle.data.image_tokens import FACTS_FILE, Encoding, ImageTokens, write_image_tokens
from lit_dalle.data.loader import make_loader
from lit_dalle.data.sources import Source
from lit_dalle.data.writing import whole_folder


class Encoder(Protocol):
    """What is needed of a dVAE."""

    def encode(self, images: Tensor) -> Tensor:
        """Images ``b 3 h w`` in [0, 1] to image tokens ``b i``."""
        ...


def encode_dataset(
    source: Source,
    dvae: Encoder,
    folder: str | Path,
    *,
    dvae_hash: str,
    image_size: int,
    splits: Sequence[str] = ("train", "validation"),
    eval_limit: int | None = None,
    batch_size: int = 64,
    num_workers: int = 0,
    device: torch.device | str = "cpu",
) -> dict[str, int]:
    """Encode splits of a data set, each into a folder of its own; ``data.image_tokens`` reads them.

    A split appears whole or not at all. One that was encoded by the same dVAE from the same rows is
    left as it is, so that an interrupted run goes on with the next split.

    Args:
        source: Where the pictures come from.
        dvae: Encodes batches of pictures; it must be on ``device`` and in evaluation mode.
        folder: Where to; a folder for each split is made in it.
        dvae_hash: Hash of the dVAE; tokens made with another are refused when they are read.
        image_size: Side of the pictures, in pixels: the central square is taken.
        splits: Which splits.
        eval_limit: Only the first so many rows of each split but ``train``.
        batch_size: Pictures encoded at once.
        num_workers: Processes that draw or decode.
        device: Where to encode.

    Returns:
        The number of rows of each split.

    Raises:
        ValueError: There is no such split, or the folder holds something else.
    """
    counts: dict[str, int] = {}
    for split in splits:
        rows = source.load(split)
        if split != "train" and eval_limit is not None and eval_limit < len(rows):
            rows = rows.select(range(eval_limit))
        counts[split] = len(rows)
        wanted = (dvae_hash, source.fingerprint(split), image_size, len(rows))
        target = Path(folder) / split
        if _is_there(target, wanted):
            continue
        loader = make_loader(
            Examples(rows, Shown(image_size, train=False)),
            batch_size,
            train=False,
            num_workers=num_workers,
        )
        batches = (
            dvae.encode(batch["images"].to(device))
            for batch in track(loader, f"image tokens of {split}")
        )
        _write(target, batches, wanted)
    return counts


def _is_there(folder: Path, wanted: tuple[str, str, int, int]) -> bool:
    try:
        found = ImageTokens(folder).encoding
    except (FileNotFoundError, ValueError):
        return False
    return (found.dvae_hash, found.source, found.image_size, found.rows) == wanted


def _write(folder: Path, batches: Iterator[Tensor], wanted: tuple[str, str, int, int]) -> None:
    with torch.inference_mode(), whole_folder(folder, marker=FACTS_FILE) as part:
        first = next(batches)
        encoding = Encoding(*wanted, tokens=first.shape[1])
        write_image_tokens(part, chain([first], batches), encoding)

"""The tokenizer's ceiling: how well pictures survive the way to hard tokens and back."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lit_dalle.data.world import scene_from_json, world_row
from lit_dalle.evaluation.grading import grade
from lit_dalle.evaluation.intervals import mean_interval, wilson_interval
from lit_dalle.evaluation.results import ResultFile
from lit_dalle.functional.losses import psnr
from lit_dalle.functional.quantize import code_counts, codebook_perplexity, codebook_usage

Encode = Callable[[Tensor], Tensor]
"""Images float32 ``b 3 h w`` in [0, 1] → image tokens int64 ``b i``."""
Decode = Callable[[Tensor], Tensor]
"""Image tokens int64 ``b i`` → images ``b 3 h w`` in [0, 1]."""

ALL = "all"
"""Name of the row over all families."""


@dataclass(frozen=True)
class Quality:
    """PSNR of the pictures of one family."""

    family: str
    pictures: int
    psnr: float
    """Mean over pictures of each picture's PSNR, dB."""
    interval: tuple[float, float]
    """Normal 95 % interval of the mean, dB."""
    right: int | None = None
    """Pictures that still show their scene, where scenes are given."""

    @property
    def ceiling(self) -> tuple[float, float, float] | None:
        """Share of such pictures and its Wilson 95 % interval; None where no scenes are given."""
        if self.right is None:
            return None
        return self.right / self.pictures, *wilson_interval(self.right, self.pictures)


@dataclass(frozen=True)
class Reconstruction:
    """Quality of the round trip and use of the codebook."""

    qualities: tuple[Quality, ...]
    """All pictures first, then the families in the order in which they come."""
    perplexity: float
    """exp(entropy) of the code frequencies over all pictures, at most ``codebook_size``."""
    usage: float
    """Share of the codes that occur at least once."""
    codebook_size: int

    @property
    def relative_perplexity(self) -> float:
        """Perplexity as a share of the codebook."""
        return self.perplexity / self.codebook_size


@torch.no_grad()
def evaluate_reconstruction(
    encode: Encode,
    decode: Decode,
    batches: Iterable[Mapping[str, Any]],
    codebook_size: int,
    *,
    progress: Callable[[int], None] | None = None,
) -> Reconstruction:
    """Encode pictures to hard tokens, decode them, and compare.

    Args:
        encode: See :data:`Encode`.
        decode: See :data:`Decode`.
        batches: With ``images`` and, where families are told apart, ``family``; where there are
            ``scenes`` too, what comes back is graded by them.
        codebook_size: Number of codes.
        progress: Called with the number of pictures done after each batch.

    Raises:
        ValueError: There is no picture.
    """
    counts = torch.zeros(codebook_size, dtype=torch.int64)
    values: dict[str, list[float]] = defaultdict(list)
    right: dict[str, list[bool]] = defaultdict(list)
    for batch in batches:
        images: Tensor = batch["images"]
        image_tokens = encode(images)
        counts += code_counts(image_tokens, codebook_size).cpu()
        decoded = decode(image_tokens)
        found = psnr(decoded, images).tolist()
        families = batch.get("family", ())
        _gather(values, found, families)
        if "scenes" in batch:
            _gather(right, shows_scenes(decoded, batch["scenes"]), families)
        if progress is not None:
            progress(len(found))
    if not values:
        raise ValueError("reconstruction needs at least one picture")
    qualities = tuple(_quality(name, found, right.get(name)) for name, found in values.items())
    perplexity, usage = codebook_perplexity(counts), codebook_usage(counts)
    return Reconstruction(qualities, perplexity, usage, codebook_size)


def shows_scenes(images: Tensor, scenes: Sequence[str]) -> list[bool]:
    """Tell of each picture whether it shows its scene and nothing else.

    Args:
        images: ``b 3 h w`` in [0, 1].
        scenes: The exact truth of each, JSON.
    """
    pixels = (images.float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    pairs = zip(pixels, scenes, strict=True)
    return [grade(picture, scene_from_json(scene)).right for picture, scene in pairs]


def world_batches(
    split: str, pictures: int, *, size: int = 64, batch_size: int = 128, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Draw the first pictures of a split of the world, families in turn.

    Args:
        split: ``validation``, ``test`` or ``held_out``.
        pictures: Number of pictures.
        size: Side of a picture in pixels.
        batch_size: Pictures a batch.
        seed: Seed of the world.

    Yields:
        Batches with ``images``, ``index``, ``family`` and ``scenes``.

    Raises:
        ValueError: Unknown split.
    """
    for start in range(0, pictures, batch_size):
        index = range(start, min(start + batch_size, pictures))
        rows = [world_row(split, number, seed=seed, size=size) for number in index]
        pixels = torch.from_numpy(np.stack([np.asarray(row["image"]) for row in rows]))
        yield {
            "images": pixels.permute(0, 3, 1, 2).float() / 255,
            "index": torch.tensor(index),
            "family": [row["family"] for row in rows],
            "scenes": [row["scene"] for row in rows],
        }


def add_reconstruction(results: ResultFile, split: str, found: Reconstruction) -> None:
    """Add the rows of a split: PSNR and ceiling over all pictures and by family, then the codes.

    Args:
        results: Where to.
        split: Name of the split in the rows' case.
        found: What was measured on it.
    """
    for quality in found.qualities:
        case = {"split": split, "family": quality.family}
        results.row(case, "psnr", quality.psnr, *quality.interval, unit="dB")
        if quality.ceiling is not None:
            results.row(case, "ceiling", *quality.ceiling)
    case = {"split": split, "family": ALL}
    results.row(case, "codebook_perplexity", found.perplexity)
    results.row(case, "codebook_perplexity / codebook_size", found.relative_perplexity)
    results.row(case, "codebook_usage", found.usage)


def _gather(into: dict[str, list[Any]], found: Sequence[Any], families: Sequence[str]) -> None:
    """Add a batch's findings under all and under their families."""
    into[ALL].extend(found)
    for family, one in zip(families, found, strict=False):
        into[family].append(one)


def _quality(family: str, values: list[float], right: list[bool] | None) -> Quality:
    shown = None if right is None else sum(right)
    return Quality(family, len(values), statistics.fmean(values), mean_interval(values), shown)

"""Samples of many prompts: the first one of each, and the best as the pipeline ranks them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lit_dalle.evaluation.composition.painter import Painter, Pixels

SAMPLES_TOGETHER = 512
"""Samples that are drawn together, of 32 prompts with 16 each."""


@dataclass(frozen=True)
class Drawn:
    """What is kept of one prompt's samples."""

    first: Pixels
    """``h w 3``."""
    ranked: Pixels
    """The best, best first, ``k h w 3``."""


def draw_all(
    painter: Painter,
    prompts: Sequence[str],
    seeds: Sequence[int],
    candidates: int,
    keep: Sequence[int],
    progress: Callable[[int], None] | None = None,
) -> Iterator[Drawn]:
    """Draw prompts together, as many as fit; only what is kept stays in memory.

    Args:
        painter: The pipeline.
        prompts: What to draw.
        seeds: Seed of each prompt's noise.
        candidates: Samples of each.
        keep: How many of the best are kept of each, at least 1.
        progress: Called after each prompt with its number of samples.

    Yields:
        The samples of each prompt.
    """
    together = max(1, SAMPLES_TOGETHER // candidates)
    for start in range(0, len(prompts), together):
        group = slice(start, start + together)
        drawn = painter.samples(prompts[group], candidates, seeds[group])
        for samples, count in zip(drawn, keep[group], strict=True):
            best = np.argsort(-samples.scores, kind="stable")[:count]
            yield Drawn(samples.pictures[0].copy(), samples.pictures[best])
            if progress is not None:
                progress(candidates)

"""Retrieval: does a picture find its own captions among all, and a caption its picture?"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import fmean

import torch
from torch import Tensor

from lit_dalle.evaluation.bootstrap import Estimate
from lit_dalle.evaluation.intervals import wilson_interval

CUTS = (1, 5, 10)
"""R@1, R@5 and R@10 ([C] table 13)."""


@dataclass(frozen=True)
class Recall:
    """Share of queries with a right answer among the first k."""

    direction: str
    """``image-to-text`` or ``text-to-image``."""
    cut: int
    """k."""
    share: Estimate
    """With Wilson's 95 % interval."""
    chance: float
    """What a guess gives, mean over the queries."""


@torch.no_grad()
def retrieve(
    image_features: Tensor,
    text_features: Tensor,
    image_of_text: Tensor,
    *,
    cuts: Sequence[int] = CUTS,
    chunk: int = 1024,
) -> list[Recall]:
    """Rank by cosine in both directions.

    A picture with several captions is right when any of them is among the first k. A rival of
    exactly the right answer's cosine counts as before it: features that are all alike are no find.

    Args:
        image_features: ``n e``, unit norm.
        text_features: ``m e``, unit norm.
        image_of_text: int64, ``m``: the picture of each caption; each picture has one.
        cuts: The k to report.
        chunk: Queries compared together.

    Raises:
        ValueError: A picture without a caption.
    """
    lacking = len(image_features) - len(set(image_of_text.tolist()))
    if lacking:
        raise ValueError(f"{lacking} of {len(image_features)} pictures have no caption")
    images = _ranks_of_images(image_features, text_features, image_of_text, chunk)
    texts = _ranks_of_texts(image_features, text_features, image_of_text, chunk)
    found = []
    own = torch.bincount(image_of_text, minlength=len(image_features)).tolist()
    for direction, ranks, rightful, others in (
        ("image-to-text", images, own, len(text_features)),
        ("text-to-image", texts, [1], len(image_features)),
    ):
        for cut in cuts:
            count, total = int((ranks < cut).sum()), len(ranks)
            share = Estimate(count / total, *wilson_interval(count, total))
            chance = fmean(_guess(right, others, cut) for right in rightful)
            found.append(Recall(direction, cut, share, chance))
    return found


def _guess(right: int, among: int, cut: int) -> float:
    """Chance that ``cut`` different guesses among so many hit one of the right ones."""
    cut = min(cut, among)
    return 1 - comb(among - right, cut) / comb(among, cut)


def _ranks_of_images(images: Tensor, texts: Tensor, image_of_text: Tensor, chunk: int) -> Tensor:
    """How many captions of others come before each picture's best own one."""
    ranks = []
    for start in range(0, len(images), chunk):
        numbers = torch.arange(start, min(start + chunk, len(images)))
        cosines = images[numbers] @ texts.T
        own = image_of_text[None] == numbers[:, None]
        best = cosines.masked_fill(~own, -torch.inf).amax(dim=1, keepdim=True)
        ranks.append(((cosines >= best) & ~own).sum(dim=1))
    return torch.cat(ranks)


def _ranks_of_texts(images: Tensor, texts: Tensor, image_of_text: Tensor, chunk: int) -> Tensor:
    """How many other pictures come before each caption's own."""
    ranks = []
    for start in range(0, len(texts), chunk):
        owners = image_of_text[start : start + chunk]
        cosines = texts[start : start + chunk] @ images.T
        best = cosines.gather(1, owners[:, None])
        ranks.append((cosines >= best).sum(dim=1) - 1)
    return torch.cat(ranks)

"""Decoding candidates to pictures and ranking them, tile by tile: by CLIP, likelihood, or both."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

from lit_dalle.functional.similarity import cosine_scores, rank
from lit_dalle.generation.likelihood import likelihood_gain, surroundings_likelihood
from lit_dalle.models.clip import Clip, at_size
from lit_dalle.models.dalle import Dalle

Decode = Callable[[Tensor], Tensor]
"""Image tokens int64 ``b i`` to pictures uint8 ``b 3 h w``."""
Score = Callable[[Tensor, Tensor], Tensor]
"""Pictures uint8 ``b 3 h w`` and their image tokens int64 ``b i`` to scores fp32 ``b``."""


@dataclass(frozen=True)
class Signal:
    """One thing that candidates are ranked by."""

    name: str
    """``clip``, ``likelihood`` or ``fit``."""
    score: Score
    """Higher is better."""
    weight: float = 1.0
    """Candidates are ranked by the sum over signals of weight · score."""


@dataclass(frozen=True)
class Ranked:
    """The best candidates, best first."""

    images: Tensor
    """uint8, ``keep 3 h w``."""
    candidates: Tensor
    """int64, ``keep``: the candidates' numbers, from 0."""
    scores: Tensor
    """fp32, ``keep``: the scores they were ranked by."""
    all_scores: Tensor
    """fp32, one a candidate in the order of their numbers."""
    parts: Mapping[str, Tensor]
    """Scores of each signal, without its weight, by its name: fp32, ``keep``."""
    decoding_seconds: float
    """Time spent on pictures."""
    ranking_seconds: float
    """Time spent on scores."""


def rank_candidates(
    image_tokens: Tensor,
    decode: Decode,
    signals: Sequence[Signal],
    keep: int,
    *,
    tile: int = 64,
    progress: Callable[[int], None] | None = None,
) -> Ranked:
    """Decode all candidates and keep the pictures of the best.

    Only one tile of pictures and the best so far are in memory. Of equal scores the lower number
    goes first.

    Args:
        image_tokens: int64, ``candidates i``.
        decode: Tokens to pictures.
        signals: What to rank by; without any all candidates are alike, and the first are kept.
        keep: How many to keep, at most as many as there are.
        tile: Candidates decoded together.
        progress: Called after each tile with its number of candidates.

    Raises:
        ValueError: ``keep`` is not in 1 … candidates.
    """
    if not 1 <= keep <= len(image_tokens):
        raise ValueError(f"cannot keep {keep} of {len(image_tokens)} candidates")
    seconds = [0.0, 0.0]
    best = torch.empty(0, dtype=torch.int64)
    kept = torch.empty(0, 3, 0, 0, dtype=torch.uint8)
    parts = torch.empty(len(signals), 0)
    weights = torch.tensor([signal.weight for signal in signals])
    for start in range(0, len(image_tokens), tile):
        begin = perf_counter()
        tokens = image_tokens[start : start + tile]
        pictures = decode(tokens)
        decoded = perf_counter()
        found = [signal.score(pictures, tokens).float().cpu() for signal in signals]
        tile_parts = torch.stack(found) if found else torch.empty(0, len(tokens))
        parts = torch.cat([parts, tile_parts], dim=1)
        scores = (weights[:, None] * parts).sum(dim=0)
        numbers = torch.cat([best, torch.arange(start, start + len(pictures))])
        order = rank(scores[numbers], min(keep, len(numbers)))
        pool = torch.cat([kept, pictures.cpu()]) if start else pictures.cpu()
        best, kept = numbers[order], pool[order]
        seconds[0] += decoded - begin
        seconds[1] += perf_counter() - decoded
        if progress is not None:
            progress(len(pictures))
    by_signal = {one.name: part[best] for one, part in zip(signals, parts, strict=True)}
    return Ranked(kept, best, scores[best], scores, by_signal, *seconds)


def clip_score(clip: Clip, text_tokens: Tensor) -> Score:
    """Return a function that scores pictures by their cosine with one caption.

    Pictures of another size than CLIP's are resized (bilinear, antialiased).

    Args:
        clip: The net that ranks.
        text_tokens: int64, ``1 t``: the caption in CLIP's own tokens.
    """
    text_features = clip.encode_text(text_tokens)
    size = clip.config.image_size

    def score(pictures: Tensor, image_tokens: Tensor) -> Tensor:
        images = at_size(pictures.float() / 255, size)
        return cosine_scores(clip.encode_image(images), text_features)[:, 0]

    return score


def likelihood_score(prior: Dalle, text_tokens: Tensor) -> Score:
    """Return a function that scores image tokens by their likelihood gain under one caption.

    Args:
        prior: The net that drew them.
        text_tokens: int64, ``1 t``: the caption in the prior's own tokens.

    Returns:
        See :func:`~lit_dalle.generation.likelihood.likelihood_gain`: nats per image token.
    """

    def score(pictures: Tensor, image_tokens: Tensor) -> Tensor:
        return likelihood_gain(prior, text_tokens, image_tokens, tile=len(image_tokens))

    return score


def fit_score(prior: Dalle, text_tokens: Tensor, drawn: Tensor, known: Tensor) -> Score:
    """Return a function that scores fillings of a region by how well they fit what is around.

    Args:
        prior: The net that drew them.
        text_tokens: int64, ``1 t``: the caption in the prior's own tokens.
        drawn: bool, ``i``: the region's tokens.
        known: bool, ``i``: those around it.

    Returns:
        See :func:`~lit_dalle.generation.likelihood.surroundings_likelihood`: nats per known token.
    """

    def score(pictures: Tensor, image_tokens: Tensor) -> Tensor:
        return surroundings_likelihood(
            prior, text_tokens, image_tokens, drawn, known, tile=len(image_tokens)
        )

    return score


def to_bytes(images: Tensor) -> Tensor:
    """Round pictures in [0, 1] to uint8, the values that a PNG holds."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)

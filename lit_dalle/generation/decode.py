"""Sampling image tokens from the prior: the prefix once, then one cached step a token."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lit_dalle.functional.sampling import (
    check_filter,
    filter_logits,
    guide,
    sample_tokens,
    uniform_noise,
)
from lit_dalle.models.cache import cache_slots
from lit_dalle.models.dalle import PAD_ID, Dalle, Prefill

TILE_BYTES = 4 * 2**30
"""Most bytes of keys and values of the candidates that are decoded together."""
LARGEST_TILE = 512
"""Most candidates that are decoded together; more do not make a token cheaper."""


@dataclass(frozen=True)
class _Draw:
    """How a token is drawn from its logits."""

    temperature: float
    top_k: int | None
    top_p: float | None
    guidance: float
    seed: int

    @property
    def guided(self) -> bool:
        return self.guidance != 1

    def tokens(self, logits: Tensor, noise: Tensor) -> Tensor:
        """Draw int64 ``b`` from ``b codebook``, or guided from ``2b codebook``."""
        if self.guided:
            cond, uncond = logits.chunk(2)
            logits = guide(cond, uncond, self.guidance)
        logits = filter_logits(logits, self.temperature, self.top_k, self.top_p)
        return sample_tokens(logits, noise)


def null_text_tokens(text_tokens: Tensor) -> Tensor:
    """Return the null caption of the same shape: the first token ([BOS]), then padding."""
    null = torch.full_like(text_tokens, PAD_ID)
    null[:, :1] = text_tokens[:, :1]
    return null


def generate_image_tokens(
    prior: Dalle,
    text_tokens: Tensor,
    candidates: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    guidance: float = 1.0,
    seed: int = 0,
    tile: int | None = None,
    progress: Callable[[int], None] | None = None,
    first_candidate: int = 0,
    prefix_image_tokens: Tensor | None = None,
) -> Tensor:
    """Sample pictures as image tokens.

    A candidate is a function of the prompt, its number and the seed; the tile it is computed in
    changes no more than rounding. The keys and values of one prompt are computed once and given to
    all candidates.

    Args:
        prior: The trained net, fp32 or bf16.
        text_tokens: int64, ``1 text_len`` for one prompt, or ``candidates text_len``.
        candidates: Pictures to sample.
        temperature: Divides the logits ([P] 2.3: 1).
        top_k: Keep the k most likely tokens at each position.
        top_p: Keep the most likely tokens with this total probability.
        guidance: Scale g of ``uncond + g · (cond − uncond)``; 1 is off, else the work doubles.
        seed: Seed of the sampling noise.
        tile: Candidates decoded together. When not given, as many as keep the caches below
            ``TILE_BYTES``, which depends on the prior alone.
        progress: Called after each position of a tile with the number of tokens just drawn.
        first_candidate: Number of the first candidate, to continue an earlier call.
        prefix_image_tokens: int64, ``1 i`` or ``candidates i``: a known start of the picture in
            raster order, kept as it is (the paper's completion).

    Returns:
        int64, ``candidates image_grid²``, each in [0, codebook_size), on the prior's device.

    Raises:
        ValueError: A setting is out of range, or a number of rows is neither 1 nor candidates.
    """
    check_filter(temperature, top_k, top_p)
    draw = _Draw(temperature, top_k, top_p, guidance, seed)
    tile = fitting_tile(prior, candidates, draw.guided) if tile is None else tile
    if candidates < 1 or tile < 1:
        raise ValueError(f"candidates and tile must be at least 1, got {candidates} and {tile}")
    device = prior.image_embedding.weight.device
    text = text_tokens.to(device)
    known = text.new_empty(1, 0) if prefix_image_tokens is None else prefix_image_tokens.to(device)
    shared = text.shape[0] == known.shape[0] == 1
    texts = _rows("text_tokens", text, candidates)
    starts = _rows("prefix_image_tokens", known, candidates)
    drawn = []
    with torch.inference_mode():
        prefix = _read(prior, text, known, draw.guided) if shared else None
        for rows in torch.split(torch.arange(candidates, device=device), tile):
            begun = prefix or _read(prior, texts[rows], starts[rows], draw.guided)
            numbers = rows + first_candidate
            drawn.append(_finish(prior, begun, starts[rows], numbers, draw, progress))
    return torch.cat(drawn).clone()


def fitting_tile(prior: Dalle, candidates: int, guided: bool = False) -> int:
    """Return how many candidates to decode together: all, or equal parts of ``LARGEST_TILE``."""
    config, weight = prior.config, prior.image_embedding.weight
    slots = sum(cache_slots(pattern, config.image_len) for pattern in config.patterns)
    head_dim = config.head_dim or config.dim // config.heads
    each = 2 * slots * config.heads * head_dim * weight.element_size() * (2 if guided else 1)
    largest = max(1, min(LARGEST_TILE, TILE_BYTES // each))
    return -(-candidates // -(-max(1, candidates) // largest))


def _read(prior: Dalle, text: Tensor, known: Tensor, guided: bool) -> Prefill:
    """Prefill ``b`` prompts, or ``2b`` for guidance: the captions, then the null captions."""
    if guided:
        text, known = torch.cat([text, null_text_tokens(text)]), torch.cat([known, known])
    return prior.prefill(text, known)


def _finish(
    prior: Dalle,
    prefix: Prefill,
    known: Tensor,
    numbers: Tensor,
    draw: _Draw,
    progress: Callable[[int], None] | None,
) -> Tensor:
    """Draw the rest of a tile's pictures, position by position: int64, ``b image_grid²``."""
    image_len = prior.config.image_len
    positions = torch.arange(image_len, device=known.device)
    noise = uniform_noise(draw.seed, numbers[:, None], positions)
    image_tokens = torch.cat([known, known.new_zeros(len(known), image_len - known.shape[1])], 1)
    rows = 2 * len(numbers) if draw.guided else len(numbers)
    copies = rows // len(prefix.logits)
    caches = prior.new_caches(prefix, copies)
    logits = prefix.logits.repeat_interleave(copies, dim=0)
    for position in range(known.shape[1], image_len):
        drawn = draw.tokens(logits, noise[:, position])
        image_tokens[:, position] = drawn
        if progress is not None:
            progress(len(drawn))
        if position + 1 < image_len:
            logits = prior.step(drawn.repeat(2) if draw.guided else drawn, caches)
    return image_tokens


def _rows(name: str, tokens: Tensor, candidates: int) -> Tensor:
    """View ``1 n`` or ``candidates n`` as ``candidates n``."""
    if tokens.shape[0] not in (1, candidates):
        raise ValueError(f"{name} must have 1 or {candidates} rows, got {tokens.shape[0]}")
    return tokens.expand(candidates, -1)

"""Sampling image tokens from the prior: the prefix once, then one cached step a token."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lit_dalle.functional.orders import check_permutation, in_order, in_raster, order_rows
from lit_dalle.functional.sampling import (
    check_filter,
    filter_logits,
    guide,
    sample_tokens,
    uniform_noise,
)
from lit_dalle.models.cache import cache_slots
from lit_dalle.models.dalle import Dalle, Prefill
from lit_dalle.models.stream import PAD_ID

TILE_BYTES = 4 * 2**30
"""Most bytes of keys and values of the candidates that are decoded together."""
LARGEST_TILE = 512
"""Most candidates, of all prompts, that are decoded together; more do not make a token cheaper."""
UNKNOWN = -1
"""Stands for an image token that is to be drawn."""


@dataclass(frozen=True)
class _Draw:
    """How a token is drawn from its logits."""

    temperature: float
    top_k: int | None
    top_p: float | None
    guidance: float
    evidence: Tensor | None
    """See :func:`generate_image_tokens`."""

    @property
    def guided(self) -> bool:
        return self.guidance != 1

    def tokens(self, logits: Tensor, noise: Tensor, positions: Tensor) -> Tensor:
        """Draw int64 ``b`` from ``b codebook``, or guided from ``2b codebook``, at positions."""
        if self.guided:
            cond, uncond = logits.chunk(2)
            logits = guide(cond, uncond, self.guidance)
        if self.evidence is not None:
            logits = logits + self.evidence[positions]
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
    seed: int | Sequence[int] = 0,
    tile: int | None = None,
    progress: Callable[[int], None] | None = None,
    first_candidate: int | Sequence[int] = 0,
    known_image_tokens: Tensor | None = None,
    order: Tensor | None = None,
    evidence: Tensor | None = None,
) -> Tensor:
    """Sample pictures as image tokens, of one prompt or of several together.

    A candidate is a function of the prompt, its number and the prompt's seed; what it is computed
    together with changes no more than rounding. The keys and values of a prompt are computed once
    and given to all its candidates.

    Args:
        prior: The trained net, fp32 or bf16.
        text_tokens: int64, ``prompts text_len``.
        candidates: Pictures to sample of each prompt.
        temperature: Divides the logits ([P] 2.3: 1).
        top_k: Keep the k most likely tokens at each position.
        top_p: Keep the most likely tokens with this total probability.
        guidance: Scale g of ``uncond + g · (cond − uncond)``; 1 is off, else the work doubles.
        seed: Seed of the sampling noise, or one a prompt.
        tile: Candidates decoded together. When not given, as many as keep the caches below
            ``TILE_BYTES``, which depends on the prior alone.
        progress: Called after each position of a tile with the number of tokens just drawn.
        first_candidate: Number of the first candidate, or one a prompt, to continue an earlier
            call. Prompts of one seed and number have the same noise.
        known_image_tokens: int64, ``1 image_grid²`` or ``prompts image_grid²`` in raster order:
            image tokens that are kept as they are, and ``UNKNOWN`` where one is to be drawn. Those
            that the order puts first are read at once; one that it puts behind others is unseen
            until its turn comes (the start of a picture in raster order is the paper's completion).
        order: int64, ``image_grid²`` or ``prompts image_grid²``: raster positions in the order in
            which they are read and drawn (see ``functional/orders.py``), for a prior of order
            ``any``; None is raster. The noise of a position is the same in every order.
        evidence: fp32, ``image_grid² codebook_size`` by raster positions: log-likelihood of what is
            known of a position but its token, such as some of its pixels, given each token. It is
            added to the logits, guided ones too.

    Returns:
        int64, ``prompts·candidates image_grid²`` in raster order, each in [0, codebook_size), on
        the prior's device; the candidates of one prompt are rows in succession.

    Raises:
        ValueError: A setting is out of range, there is not one of it for each prompt, or the known
            tokens are not those of a picture.
    """
    check_filter(temperature, top_k, top_p)
    prompts = len(text_tokens)
    if min(prompts, candidates, 1 if tile is None else tile) < 1:
        counts = f"{prompts}, {candidates} and {tile}"
        raise ValueError(f"prompts, candidates and tile must be at least 1, got {counts}")
    text = text_tokens.to(prior.image_head.weight.device)
    evidence = None if evidence is None else evidence.to(text.device)
    draw = _Draw(temperature, top_k, top_p, guidance, evidence)
    seeds = _each("seed", seed, prompts)
    firsts = _each("first_candidate", first_candidate, prompts)
    orders = _orders(prior, order, prompts)
    known = in_order(_known(prior, known_image_tokens, prompts), orders)
    together, tile = _tiling(prior, prompts, candidates, draw.guided, tile)
    drawn = []
    with torch.inference_mode():
        for start in range(0, prompts, together):
            group = slice(start, start + together)
            prefix = _read(prior, text[group], _start(known[group]), orders[group], draw.guided)
            noise = _noise(orders[group], seeds[group], firsts[group], candidates)
            tiles = [
                _finish(prior, prefix, known[group], orders[group], part, draw, progress)
                for part in torch.split(noise, tile, dim=1)
            ]
            drawn.append(torch.cat(tiles, dim=1).flatten(0, 1))
    return torch.cat(drawn).clone()


def fitting_tile(prior: Dalle, candidates: int, guided: bool = False) -> int:
    """Return how many candidates to decode together: all, or equal parts of ``LARGEST_TILE``."""
    return _equal_part(candidates, min(LARGEST_TILE, TILE_BYTES // _cache_bytes(prior, guided)[1]))


def fitting_prompts(prior: Dalle, prompts: int, candidates: int, guided: bool = False) -> int:
    """Return how many prompts to decode together, each with all its candidates, by equal parts.

    It is 1 where one prompt's candidates are as many as fit, or more.
    """
    of_text, of_candidate = _cache_bytes(prior, guided)
    fitting = TILE_BYTES // (of_text + candidates * of_candidate)
    return _equal_part(prompts, min(LARGEST_TILE // candidates, fitting))


def _tiling(
    prior: Dalle, prompts: int, candidates: int, guided: bool, tile: int | None
) -> tuple[int, int]:
    """How many prompts, and how many candidates of each, to decode together."""
    if tile is not None:
        return max(1, tile // candidates), tile
    together = fitting_prompts(prior, prompts, candidates, guided)
    return together, fitting_tile(prior, candidates, guided)


def _cache_bytes(prior: Dalle, guided: bool) -> tuple[int, int]:
    """Bytes of the keys and values of a prompt's text, and of those of a candidate."""
    config, weight = prior.config, prior.image_head.weight
    slots = sum(cache_slots(pattern, config.image_len) for pattern in config.patterns)
    head_dim = config.head_width
    each = 2 * config.heads * head_dim * weight.element_size() * (2 if guided else 1)
    return each * config.depth * config.text_len, each * slots


def _equal_part(count: int, most: int) -> int:
    """Size of the parts when ``count`` is cut into the fewest of at most ``most``, or of 1."""
    return -(-count // -(-max(1, count) // max(1, most)))


def _each(name: str, given: int | Sequence[int], prompts: int) -> list[int]:
    """One number a prompt, where one for all may be given."""
    found = [given] * prompts if isinstance(given, int) else list(given)
    if len(found) != prompts:
        raise ValueError(f"{name} must be one number or {prompts}, one a prompt, got {len(found)}")
    return found


def _orders(prior: Dalle, order: Tensor | None, prompts: int) -> Tensor:
    """One order a prompt, ``prompts image_grid²``, where one for all may be given."""
    device = prior.image_head.weight.device
    given = order if order is None else order.to(device)
    found = order_rows(given, prior.config.image_grid, device)
    if len(found) not in (1, prompts):
        raise ValueError(f"order must be one order or {prompts}, one a prompt, got {len(found)}")
    check_permutation(found)
    return found.expand(prompts, -1)


def _noise(orders: Tensor, seeds: list[int], firsts: list[int], candidates: int) -> Tensor:
    """Noise of each prompt's candidates in its order, ``prompts candidates image_grid²``."""
    numbers = torch.arange(candidates, device=orders.device)[:, None]
    origins = zip(seeds, firsts, orders, strict=True)
    return torch.stack([uniform_noise(seed, first + numbers, own) for seed, first, own in origins])


def _known(prior: Dalle, given: Tensor | None, prompts: int) -> Tensor:
    """What is known of each prompt's pictures, ``prompts image_grid²`` in raster order."""
    device, size = prior.image_head.weight.device, prior.config.image_len
    if given is None:
        return torch.full((prompts, size), UNKNOWN, device=device)
    if given.shape not in ((1, size), (prompts, size)):
        raise ValueError(
            f"known_image_tokens must be 1 or {prompts} pictures of {size} tokens, got "
            f"{' × '.join(map(str, given.shape))}"
        )
    if given.min() < UNKNOWN or given.max() >= prior.config.codebook_size:
        raise ValueError(
            f"known_image_tokens must be {UNKNOWN} where one is to be drawn and else below "
            f"{prior.config.codebook_size}, got {given.min()} to {given.max()}"
        )
    return given.to(device).expand(prompts, -1)


def _start(known: Tensor) -> Tensor:
    """The tokens that are known of all prompts before the first that is to be drawn."""
    unknown = (known == UNKNOWN).any(dim=0).long()
    return known[:, : int((unknown.cumsum(0) == 0).sum())]


def _read(prior: Dalle, text: Tensor, known: Tensor, orders: Tensor, guided: bool) -> Prefill:
    """Prefill ``b`` prompts, or ``2b`` for guidance: the captions, then the null captions."""
    if guided:
        text = torch.cat([text, null_text_tokens(text)])
        known, orders = known.repeat(2, 1), orders.repeat(2, 1)
    return prior.prefill(text, known, orders)


def _finish(
    prior: Dalle,
    prefix: Prefill,
    known: Tensor,
    orders: Tensor,
    noise: Tensor,
    draw: _Draw,
    progress: Callable[[int], None] | None,
) -> Tensor:
    """Draw the rest of a tile's pictures, token by token: int64 of the noise's shape, raster."""
    prompts, candidates, image_len = noise.shape
    stream = known[:, None].repeat(1, candidates, 1).flatten(0, 1)
    noise = noise.flatten(0, 1)
    unknown = (known == UNKNOWN).any(dim=0).nonzero()
    end = int(unknown.max()) + 1 if len(unknown) else 0
    orders = orders.repeat_interleave(candidates, dim=0)
    read = orders.repeat(2 if draw.guided else 1, 1) if prior.config.order == "any" else None
    caches = prior.new_caches(prefix, candidates)
    logits = prefix.logits.repeat_interleave(candidates, dim=0)
    for position in range(_start(known).shape[1], end):
        own = stream[:, position]
        drawn = torch.where(
            own == UNKNOWN, draw.tokens(logits, noise[:, position], orders[:, position]), own
        )
        stream[:, position] = drawn
        if progress is not None:
            progress(len(drawn))
        if position + 1 < end:
            logits = prior.step(drawn.repeat(2) if draw.guided else drawn, caches, read)
    return in_raster(stream, orders).view(prompts, candidates, image_len)

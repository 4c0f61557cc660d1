"""From logits to codes: hard tokens, the Gumbel relaxation, index back-propagation, usage."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

_MASK = (1 << 64) - 1


def hard_tokens(logits: Tensor) -> Tensor:
    """Return the arg-max token of every position, without noise ([P] 2.2).

    Args:
        logits: Encoder logits, ``b k h w``.

    Returns:
        int64, ``b (h w)`` in raster order, each in [0, k).
    """
    return rearrange(logits.argmax(dim=1), "b h w -> b (h w)")


def codes_last(logits: Tensor) -> Tensor:
    """View ``b k h w`` as ``b h w k`` fp32, over whose end sums are fast: the nets' own order."""
    return rearrange(logits.float(), "b k h w -> b h w k")


def gumbel_softmax(logits: Tensor, noise: Tensor, tau: float) -> Tensor:
    """Relax the choice of a code: softmax((logits + noise) / tau) over the codes ([P] 2.1).

    Args:
        logits: ``b k h w``.
        noise: Standard Gumbel draws, ``b k h w``; see ``gumbel_noise``.
        tau: Relaxation temperature > 0; the codes turn one-hot as it goes to 0.

    Returns:
        ``b k h w`` fp32, sums to 1 over k.
    """
    noisy = codes_last(logits) + rearrange(noise, "b k h w -> b h w k")
    return rearrange((noisy / tau).softmax(dim=-1), "b h w k -> b k h w")


def index_backpropagation(logits: Tensor, tau: float = 1.0) -> Tensor:
    """Choose the arg-max code, and send gradients to all codes through the softmax.

    Straight-through over the whole codebook (Shi et al. 2024, "IBQ"): the decoder sees in training
    exactly the one-hot codes that it sees afterwards.

    Args:
        logits: ``b k h w``.
        tau: Temperature of the softmax whose gradient is used.

    Returns:
        ``b k h w`` fp32, one-hot; its gradient is that of softmax(logits / tau).
    """
    soft = (codes_last(logits) / tau).softmax(dim=-1)
    hard = torch.zeros_like(soft).scatter_(-1, codes_last(logits).argmax(-1, keepdim=True), 1.0)
    return rearrange(hard + (soft - soft.detach()), "b h w k -> b k h w")


def gumbel_noise(shape: tuple[int, ...], seed: int, step: int, index: Tensor) -> Tensor:
    """Draw standard Gumbel noise for a batch, every row from a generator of its own.

    A row's noise is a function of (seed, step, index of the row) on one kind of device: it depends
    neither on the other rows nor on their number.

    Args:
        shape: Shape of one row, ``(k, h, w)``.
        seed: Seed of the run.
        step: Update at which the noise is used.
        index: Data set index of every row, int64 ``b``; its device is the noise's.

    Returns:
        fp32, ``b k h w``.
    """
    noise = torch.empty((len(index), *shape), device=index.device)
    generator = torch.Generator(device=index.device)
    for row, number in zip(noise, index.tolist(), strict=True):
        row.uniform_(generator=generator.manual_seed(_mixed(seed, step, number)))
    # -log of a uniform draw is an exponential one, seven times sooner than exponential_ on a CPU.
    tiny = torch.finfo(noise.dtype).tiny
    return noise.clamp_(min=tiny).log_().neg_().clamp_(min=tiny).log_().neg_()


def code_counts(image_tokens: Tensor, codebook_size: int) -> Tensor:
    """Count how often every code occurs.

    Args:
        image_tokens: int64, any shape, each in [0, codebook_size).
        codebook_size: Number of codes.

    Returns:
        int64, ``codebook_size``.
    """
    return torch.bincount(image_tokens.flatten(), minlength=codebook_size)


def codebook_perplexity(counts: Tensor) -> float:
    """Return exp(entropy) of the code frequencies: k when all k codes are equally frequent.

    Args:
        counts: Occurrences of every code, ``k``.

    Raises:
        ValueError: No code occurs.
    """
    total = counts.sum().item()
    if total == 0:
        raise ValueError("the perplexity of no tokens is not defined: count at least one")
    share = counts.double() / total
    return torch.special.entr(share).sum().exp().item()


def codebook_usage(counts: Tensor) -> float:
    """Return the share of the codes that occur at least once, in [0, 1]."""
    return (counts > 0).double().mean().item()


def one_hot_codes(image_tokens: Tensor, codebook_size: int) -> Tensor:
    """Turn tokens on a square grid into one-hot codes.

    Args:
        image_tokens: int64, ``b (h w)`` with h = w.
        codebook_size: Number of codes k.

    Returns:
        fp32, ``b k h w``.
    """
    grid = int(image_tokens.shape[1] ** 0.5)
    codes = F.one_hot(image_tokens, codebook_size).float()
    return rearrange(codes, "b (h w) k -> b k h w", h=grid)


def _mixed(*numbers: int) -> int:
    """Mix integers into one well-spread generator seed (SplitMix64 finaliser per number)."""
    state = 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state

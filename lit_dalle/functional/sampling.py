"""Sampling from logits: guidance, temperature, top-k, top-p, and noise that depends on counters."""

import torch
from torch import Tensor
from torch.nn import functional as F

_RUN = 128
_GOLDEN = 0x9E3779B97F4A7C15
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def uniform_noise(seed: int, *counters: Tensor | int) -> Tensor:
    """Uniform numbers that are a function of the seed and the counters alone.

    Equal counters give equal numbers on every device and in every batch: ``uniform_noise(seed,
    candidates[:, None], positions)`` is one number for each candidate and position. Each counter
    picks an output of the SplitMix64 generator that the ones before it started (Steele et al.
    2014), so ``(1, 2)`` and ``(2, 1)`` differ.

    Args:
        seed: Any int.
        *counters: ints or int64 tensors that broadcast against each other.

    Returns:
        fp32 of the counters' common shape, in the open interval (0, 1), in steps of 2⁻²³.
    """
    devices = [counter.device for counter in counters if isinstance(counter, Tensor)]
    state = torch.tensor(_signed(seed), device=devices[0] if devices else None)
    state = _mix(state + _signed(_GOLDEN))
    for counter in counters:
        if isinstance(counter, Tensor):
            jump: Tensor | int = (counter.long() + 1) * _signed(_GOLDEN)
        else:
            jump = _signed((counter + 1) * _GOLDEN)
        state = _mix(state + jump)
    return ((_shift(state, 41) + 0.5) * 2.0**-23).float()


def guide(cond: Tensor, uncond: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance: ``uncond + scale · (cond − uncond)``; scale 1 gives ``cond``."""
    return uncond + scale * (cond - uncond)


def filter_logits(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """Apply temperature, then top-k, then top-p.

    Args:
        logits: ``… vocabulary``.
        temperature: Divides the logits.
        top_k: Keep the k most likely tokens.
        top_p: Of what is left, keep the most likely tokens until their probability, renormalised,
            reaches p; the most likely one always stays.

    Returns:
        fp32 logits of the same shape, −inf where a token is excluded.

    Raises:
        ValueError: temperature ≤ 0, top_k < 1, or top_p outside (0, 1].
    """
    check_filter(temperature, top_k, top_p)
    logits = logits.float()
    if temperature != 1:
        logits = logits / temperature
    if top_k is not None and top_k < logits.shape[-1]:
        values, kept = logits.topk(top_k, dim=-1)
        logits = torch.full_like(logits, -torch.inf).scatter(-1, kept, values)
    if top_p is not None and top_p < 1:
        ranked, order = logits.sort(dim=-1, descending=True)
        probabilities = ranked.softmax(dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities
        ranked = ranked.masked_fill(before >= top_p, -torch.inf)
        logits = torch.empty_like(logits).scatter(-1, order, ranked)
    return logits


def check_filter(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise ValueError for settings that :func:`filter_logits` cannot use."""
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0, got {temperature}; top_k 1 is greedy")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")


def sample_tokens(logits: Tensor, noise: Tensor) -> Tensor:
    """Draw by inverting the cumulative distribution, in fp32.

    The vocabulary is summed in runs first, so that only one run of each row is accumulated.

    Args:
        logits: ``b vocabulary``; −inf excludes a token.
        noise: ``b``, in (0, 1), one number a row.

    Returns:
        int64, ``b``: the first token whose cumulative probability exceeds the row's noise.
    """
    shares = logits.float().softmax(dim=-1)
    padded = F.pad(shares, (0, -shares.shape[-1] % _RUN))
    runs = padded.view(len(padded), -1, _RUN)
    totals = runs.sum(dim=-1)
    run, rest = _first_above(totals, noise.float())
    place, _ = _first_above(runs[torch.arange(len(run), device=run.device), run], rest)
    return run * _RUN + place


def _first_above(shares: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
    """Find in each row where the cumulative share exceeds a level of the row's total.

    Args:
        shares: fp32 ``b n``, not negative.
        level: fp32 ``b``, in [0, 1).

    Returns:
        int64 ``b``, always a place with a share above 0; and how far within that place's own share
        the level lies, fp32 ``b`` in [0, 1).
    """
    cumulative = shares.cumsum(dim=-1)
    total = cumulative[:, -1:]
    threshold = torch.minimum(level[:, None] * total, _below(total))
    place = torch.searchsorted(cumulative, threshold, right=True)
    share = shares.gather(-1, place)
    within = (threshold - cumulative.gather(-1, place) + share) / share
    return place.squeeze(-1), within.squeeze(-1).clamp(0, 1)


def _below(x: Tensor) -> Tensor:
    return torch.nextafter(x, torch.zeros_like(x))


def _mix(state: Tensor) -> Tensor:
    """Finaliser of SplitMix64 on int64 bits, with wrap-around."""
    state = (state ^ _shift(state, 30)) * _signed(_MIX[0])
    state = (state ^ _shift(state, 27)) * _signed(_MIX[1])
    return state ^ _shift(state, 31)


def _shift(bits: Tensor, places: int) -> Tensor:
    """Shift right with zeros moving in (``>>`` on int64 repeats the sign)."""
    return (bits >> places) & ((1 << (64 - places)) - 1)


def _signed(value: int) -> int:
    """Return the int64 with the lowest 64 bits of ``value``."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >= 1 << 63 else value

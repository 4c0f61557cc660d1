"""Confidence intervals of scores."""

import math
import statistics
from collections.abc import Sequence

Z_95 = 1.959964
"""Standard normal quantile of a two-sided 95 % interval."""


def wilson_interval(right: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson's interval of a share: honest also near 0 and 1 and for small counts.

    Args:
        right: Successes.
        total: Trials, at least 1.
        z: Standard normal quantile; default 95 %.

    Returns:
        Lower and upper bound in [0, 1].

    Raises:
        ValueError: No trials, or more successes than trials.
    """
    if total < 1 or not 0 <= right <= total:
        raise ValueError(f"an interval needs 0 <= right <= total and a trial, got {right}/{total}")
    share, spread = right / total, z * z / total
    centre = share + spread / 2
    half = z * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    low, high = (centre - half) / (1 + spread), (centre + half) / (1 + spread)
    return max(low, 0.0), min(high, 1.0)


def mean_share_interval(
    right: Sequence[int], total: Sequence[int], z: float = Z_95
) -> tuple[float, float]:
    """Normal interval of the mean of shares, each of its own trials.

    The variance of a share is that of (right + 1/2) / (total + 1), so that a share of 0 or 1, and
    one of a single trial, is not taken for certain.

    Args:
        right: Successes of each.
        total: Trials of each, at least 1.
        z: Standard normal quantile; default 95 %.

    Returns:
        Lower and upper bound in [0, 1].

    Raises:
        ValueError: No share, or one without trials.
    """
    if not total or min(total) < 1:
        raise ValueError("the interval of a mean share needs shares with at least one trial each")
    pairs = list(zip(right, total, strict=True))
    mean = statistics.fmean(k / n for k, n in pairs)
    smoothed = (((k + 0.5) / (n + 1), n) for k, n in pairs)
    half = z * math.sqrt(sum(p * (1 - p) / n for p, n in smoothed)) / len(pairs)
    return max(mean - half, 0.0), min(mean + half, 1.0)


def mean_interval(values: Sequence[float], z: float = Z_95) -> tuple[float, float]:
    """Normal interval of a mean: mean ± z·s/√n, with the sample's own deviation s.

    Args:
        values: At least one; a single one gives an interval without width.
        z: Standard normal quantile; default 95 %.

    Returns:
        Lower and upper bound.

    Raises:
        ValueError: No values.
    """
    if not values:
        raise ValueError("the interval of a mean needs at least one value")
    mean = statistics.fmean(values)
    half = z * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return mean - half, mean + half

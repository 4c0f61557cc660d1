"""Percentile bootstrap: intervals of means and ratios over units that were drawn at random.

Units are what would differ in another draw of the benchmark: compositions. All that was measured on
one of them, whatever the seed of the samples, is one value and stays together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lit_dalle.evaluation.intervals import wilson_interval

Floats = NDArray[np.float64]

RESAMPLES = 1000
TAILS = (2.5, 97.5)
"""Percentiles of a two-sided 95 % interval."""


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


def mean_of_means(
    strata: Sequence[ArrayLike], *, seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """Mean over strata of the mean over each stratum's units.

    Args:
        strata: One array of values a stratum (a family), each with at least one unit.
        seed: Seed of the resampling.
        resamples: Number of resamples; units are drawn within their stratum.

    Raises:
        ValueError: No stratum, or one without units.
    """
    values = [_units(stratum) for stratum in strata]
    drawn = _drawn([len(one) for one in values], seed, resamples)
    value = float(np.mean([one.mean() for one in values]))
    means = [one[rows].mean(1) for one, rows in zip(values, drawn, strict=True)]
    return _estimate(value, np.mean(means, axis=0))


def grouped_mean(
    values: ArrayLike, groups: Sequence[str], *, seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """Mean of values of which those of one group stay together.

    Args:
        values: One or more measurements of each row, ``n`` or ``m n``.
        groups: What each row shows, ``n``.
        seed: Seed of the resampling.
        resamples: Number of resamples of the groups.

    Raises:
        ValueError: There is no value.
    """
    rows = np.atleast_2d(np.asarray(values, np.float64))
    _, places = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(places, rows.sum(0))
    found = ratio_of_sums(
        [(sums, np.bincount(places) * float(len(rows)))], seed=seed, resamples=resamples
    )
    if found is None:
        raise ValueError("the mean of no values was asked for")
    return found


def grouped_share(
    right: ArrayLike, groups: Sequence[str], *, seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """The same of truth values; where all are alike by Wilson's interval, each group a trial."""
    found = grouped_mean(right, groups, seed=seed, resamples=resamples)
    if 0 < found.value < 1:
        return found
    count = len(set(groups))
    return Estimate(found.value, *wilson_interval(round(found.value * count), count))


def ratio_of_sums(
    strata: Sequence[tuple[ArrayLike, ArrayLike]], *, seed: int = 0, resamples: int = RESAMPLES
) -> Estimate | None:
    """Sum of numerators over sum of denominators, all strata together.

    Args:
        strata: Numerators and denominators of each stratum's units; denominators not negative.
        seed: Seed of the resampling.
        resamples: Number of resamples; those whose denominators are all 0 are left out.

    Returns:
        None where all denominators are 0.

    Raises:
        ValueError: No stratum, or one without units.
    """
    pairs = [(_units(above), _units(below)) for above, below in strata]
    drawn = _drawn([len(above) for above, _ in pairs], seed, resamples)
    total = sum(float(below.sum()) for _, below in pairs)
    if not total:
        return None
    above = np.sum([a[rows].sum(1) for (a, _), rows in zip(pairs, drawn, strict=True)], axis=0)
    below = np.sum([b[rows].sum(1) for (_, b), rows in zip(pairs, drawn, strict=True)], axis=0)
    ratios = above[below > 0] / below[below > 0]
    return _estimate(sum(float(a.sum()) for a, _ in pairs) / total, ratios)


def _units(values: ArrayLike) -> Floats:
    units = np.asarray(values, np.float64)
    if not len(units):
        raise ValueError("a bootstrap needs at least one unit in every stratum")
    return units


def _drawn(sizes: Sequence[int], seed: int, resamples: int) -> list[NDArray[np.int64]]:
    """For each stratum the units of every resample, ``resamples units``."""
    if not sizes:
        raise ValueError("a bootstrap needs at least one stratum")
    rng = np.random.default_rng(seed)
    return [rng.integers(0, size, (resamples, size)) for size in sizes]


def _estimate(value: float, resampled: Floats) -> Estimate:
    low, high = np.percentile(resampled, TAILS)
    return Estimate(value, float(low), float(high))

"""What choosing among samples is worth: unbiased estimates from one pool of graded samples.

A pool of M samples of a prompt stands for all draws of N ≤ M samples from it without replacement,
so that one pool gives every N exactly, with no draw of its own.
"""

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

LEAST_ROOM = 0.05
"""Prompts whose oracle gains less than this say nothing about selection and are left out."""


def oracle_best(right: Bools, n: int) -> Floats:
    """Chance that at least one of N samples is right: 1 − C(M−k, N) / C(M, N), k of M right.

    Args:
        right: ``… M``.
        n: N, in 1 … M.

    Returns:
        ``…``.

    Raises:
        ValueError: N is not in 1 … M.
    """
    size = _checked(right.shape[-1], n)
    wrong = size - np.arange(size + 1)
    taken = np.arange(n)
    none_right = np.prod(np.maximum(wrong[:, None] - taken, 0) / (size - taken), axis=1)
    chance: Floats = 1 - none_right[right.sum(-1)]
    return chance


def selected_best(right: Bools, scores: NDArray[np.floating], n: int) -> Floats:
    """Chance that of N samples the one with the highest score is right.

    Of equal scores the earlier sample wins, as in ranking.

    Args:
        right: ``… M``.
        scores: ``… M``, higher is better.
        n: N, in 1 … M.

    Returns:
        ``…``.

    Raises:
        ValueError: N is not in 1 … M.
    """
    size = _checked(right.shape[-1], n)
    order = np.argsort(-scores, axis=-1, kind="stable")
    chance: Floats = np.take_along_axis(right, order, -1) @ best_of_subset(size, n)
    return chance


def best_of_subset(size: int, n: int) -> Floats:
    """Chance of each rank to be the best of a random N-subset: C(M−r−1, N−1) / C(M, N), ``M``.

    A rank's chance comes from that of the rank before it, so that nothing overflows.
    """
    rank = np.arange(size - 1)
    steps = np.maximum(size - rank - n, 0) / (size - rank - 1)
    chance: Floats = (n / size) * np.concatenate([[1.0], np.cumprod(steps)])
    return chance


def gain_and_room(
    right: Bools, scores: NDArray[np.floating], n: int, least_room: float = LEAST_ROOM
) -> tuple[Floats, Floats]:
    """What selection gains over one sample, and what it could gain; both 0 where that is too small.

    The ratio of their sums over prompts is the re-rank efficiency: 1 is an oracle, 0 a random pick.

    Args:
        right: ``… M``.
        scores: ``… M``.
        n: N, in 1 … M.
        least_room: Prompts with less between the oracle and one sample are left out.

    Returns:
        Gain and room, each ``…``.
    """
    one = right.mean(-1)
    room = oracle_best(right, n) - one
    counts = room >= least_room
    gain = selected_best(right, scores, n) - one
    return np.where(counts, gain, 0.0), np.where(counts, room, 0.0)


def _checked(size: int, n: int) -> int:
    if not 1 <= n <= size:
        raise ValueError(f"best of {n} needs a pool of at least {n} samples, it has {size}")
    return size

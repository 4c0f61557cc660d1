from itertools import combinations
from math import comb

import numpy as np
import pytest

from lit_dalle.evaluation.composition.selection import (
    best_of_subset,
    gain_and_room,
    oracle_best,
    selected_best,
)

RNG = np.random.default_rng(0)
POOLS = RNG.random((6, 8)) < np.array([0, 0.1, 0.3, 0.5, 0.8, 1])[:, None]
SCORES = RNG.normal(size=(6, 8)).round(1)  # with ties
SCORES[0, 3] = SCORES[0, 5]


def brute_force(right, scores, n):
    """Share of subsets with a right sample, and of those whose best sample is right."""
    subsets = [list(subset) for subset in combinations(range(len(right)), n)]
    best = [max(subset, key=lambda i: (scores[i], -i)) for subset in subsets]
    return np.mean([right[s].any() for s in subsets]), np.mean([right[i] for i in best])


@pytest.mark.parametrize("n", range(1, 9))
def test_both_estimates_are_the_mean_over_all_subsets(n):
    expected = [brute_force(r, s, n) for r, s in zip(POOLS, SCORES, strict=True)]
    found = np.stack([oracle_best(POOLS, n), selected_best(POOLS, SCORES, n)], 1)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_one_sample_is_the_mean_and_the_whole_pool_its_best():
    np.testing.assert_allclose(oracle_best(POOLS, 1), POOLS.mean(1))
    np.testing.assert_allclose(selected_best(POOLS, SCORES, 1), POOLS.mean(1))
    best = POOLS[np.arange(6), SCORES.argmax(1)]
    np.testing.assert_allclose(selected_best(POOLS, SCORES, 8), best)


@pytest.mark.parametrize("n", [1, 2, 64, 256, 511, 512])
def test_chances_of_a_large_pool_are_exact(n):
    exact = [comb(512 - r - 1, n - 1) / comb(512, n) for r in range(512)]
    np.testing.assert_allclose(best_of_subset(512, n), exact, rtol=1e-10)
    assert best_of_subset(512, n).sum() == pytest.approx(1)
    right = np.zeros(512, bool)
    right[:3] = True
    assert oracle_best(right, n) == pytest.approx(1 - comb(509, n) / comb(512, n))


def test_estimates_keep_leading_dimensions():
    right, scores = POOLS.reshape(2, 3, 8), SCORES.reshape(2, 3, 8)
    assert oracle_best(right, 4).shape == (2, 3)
    np.testing.assert_array_equal(
        selected_best(right, scores, 4).ravel(), selected_best(POOLS, SCORES, 4)
    )


def test_selection_by_the_truth_gains_all_the_room_and_by_chance_none():
    right = np.array([[True] * 4 + [False] * 4, [False] * 8, [True] * 8])
    gain, room = gain_and_room(right, right.astype(float), 4)
    np.testing.assert_allclose(gain, room)
    assert room[0] > 0.4
    assert room[1] == room[2] == 0, "prompts that selection cannot help are left out"
    backwards, _ = gain_and_room(right, -right.astype(float), 4)
    assert backwards[0] < 0


def test_a_pool_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match="best of 9 needs a pool of at least 9 samples, it has 8"):
        oracle_best(POOLS, 9)
    with pytest.raises(ValueError, match="best of 0"):
        selected_best(POOLS, SCORES, 0)

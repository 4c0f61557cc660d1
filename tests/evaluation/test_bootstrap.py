from dataclasses import astuple

import numpy as np
import pytest

from lit_dalle.evaluation.bootstrap import (
    grouped_mean,
    grouped_share,
    mean_of_means,
    ratio_of_sums,
)


def test_interval_of_a_mean_has_the_width_of_the_closed_form():
    values = np.random.default_rng(0).normal(3, 2, 200)
    found = mean_of_means([values], resamples=4000)
    half = 1.96 * values.std() / np.sqrt(200)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_interval_of_a_share_covers_the_truth_about_as_often_as_it_says():
    draws = np.random.default_rng(1).random((200, 60)) < 0.3
    found = [mean_of_means([draw], seed=seed) for seed, draw in enumerate(draws)]
    covered = np.mean([one.low <= 0.3 <= one.high for one in found])
    assert 0.88 <= covered <= 0.99


def test_strata_weigh_alike_and_are_resampled_apart():
    found = mean_of_means([np.zeros(10), np.ones(1000)])
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    one = mean_of_means([np.arange(50) % 2])
    both = mean_of_means([np.arange(50) % 2] * 2)
    shrunk = (both.high - both.low) / (one.high - one.low)
    assert shrunk == pytest.approx(2**-0.5, abs=0.1)


def test_ratio_is_of_sums_and_leaves_out_empty_resamples():
    found = ratio_of_sums([([1.0, 0.0], [2.0, 0.0]), ([3.0], [4.0])])
    assert found is not None
    assert found.value == pytest.approx(4 / 6)
    assert ratio_of_sums([([0.0, 0.0], [0.0, 0.0])]) is None
    rare = ratio_of_sums([([0.5, *[0.0] * 5], [1.0, *[0.0] * 5])])
    assert rare is not None
    assert (rare.low, rare.value, rare.high) == (0.5, 0.5, 0.5)


def test_ratio_has_the_interval_of_a_mean_when_all_weigh_alike():
    values = np.random.default_rng(2).random(100)
    ratio, mean = ratio_of_sums([(values, np.ones(100))]), mean_of_means([values])
    assert ratio is not None
    assert (ratio.low, ratio.high) == pytest.approx((mean.low, mean.high))


def test_copies_within_a_group_make_no_interval_narrower():
    values = np.random.default_rng(1).random(40)
    groups = [str(n) for n in range(40)]
    one = grouped_mean(values, groups)
    for same in (
        grouped_mean(np.repeat(values, 9), np.repeat(groups, 9)),
        grouped_mean([values, values], groups),
    ):
        assert astuple(same) == pytest.approx(astuple(one))
    mean = mean_of_means([values])
    assert (one.value, one.high - one.low) == pytest.approx((mean.value, mean.high - mean.low), 0.1)
    alone = grouped_mean(np.repeat(values, 9), [str(n) for n in range(360)])
    assert one.high - one.low > 2 * (alone.high - alone.low)


def test_a_share_without_exception_is_not_certain():
    groups = ["a", "a", "b", "c", "c", "d"]
    none, every = (grouped_share([[truth] * 6] * 3, groups) for truth in (False, True))
    assert (none.value, none.low, none.high) == (0, 0, pytest.approx(0.4899, abs=1e-3))
    assert (every.value, every.high) == (1, pytest.approx(1))
    assert every.low == pytest.approx(1 - none.high)
    assert grouped_share([True, True, False, False, False, True], groups).value == 0.5


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(3).random(30)
    assert mean_of_means([values], seed=4) == mean_of_means([values], seed=4)
    assert mean_of_means([values], seed=4) != mean_of_means([values], seed=5)


def test_nothing_to_resample_is_refused():
    with pytest.raises(ValueError, match="at least one unit"):
        mean_of_means([np.zeros(0)])
    with pytest.raises(ValueError, match="at least one stratum"):
        ratio_of_sums([])

import pytest

from lit_dalle.evaluation.intervals import mean_interval, mean_share_interval, wilson_interval


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_interval_agrees_with_published_values(
    right: int, total: int, low: float, high: float
) -> None:
    assert wilson_interval(right, total) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(("right", "total"), [(0, 0), (3, 2), (-1, 2)])
def test_impossible_counts_are_refused(right: int, total: int) -> None:
    with pytest.raises(ValueError, match=f"{right}/{total}"):
        wilson_interval(right, total)


def test_interval_of_a_mean() -> None:
    low, high = mean_interval([1.0, 2.0, 3.0, 4.0])
    half = 1.959964 * (5 / 3) ** 0.5 / 2
    assert (low, high) == pytest.approx((2.5 - half, 2.5 + half))
    assert mean_interval([7.0]) == (7.0, 7.0)
    with pytest.raises(ValueError, match="at least one"):
        mean_interval([])


def test_a_mean_of_shares_is_not_certain_of_single_trials():
    low, high = mean_share_interval([1] * 60 + [0] * 40, [1] * 100)
    wide = wilson_interval(60, 100)
    assert low < 0.6 < high
    assert 0.7 < (high - low) / (wide[1] - wide[0]) < 1.1
    low, high = mean_share_interval([300, 500], [1000, 1000])
    half = 1.96 * ((0.3 * 0.7 + 0.25) / 1000) ** 0.5 / 2
    assert (high - low) / 2 == pytest.approx(half, rel=1e-2)
    with pytest.raises(ValueError, match="at least one trial"):
        mean_share_interval([], [])

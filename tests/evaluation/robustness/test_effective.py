import numpy as np
import pytest

from lit_dalle.evaluation.robustness.effective import Counted, effective_robustness, fit_line


def counted(home, shifted, pictures=400):
    """So many right answers, in an order that has nothing to do with the other trial."""
    rng = np.random.default_rng(int(1000 * home + shifted))
    return Counted(*(rng.permutation(pictures) < share * pictures for share in (home, shifted)))


def odds(share):
    return np.log(share / (1 - share))


def test_line_is_found_again():
    home = np.array([0.2, 0.4, 0.7])
    shifted = 1 / (1 + np.exp(-(0.8 * odds(home) - 0.5)))
    line = fit_line(home, shifted, (10**6, 10**6))
    assert line.slope == pytest.approx(0.8)
    assert line.offset == pytest.approx(-0.5)
    np.testing.assert_allclose(line.expected(home), shifted)


def test_one_network_or_several_alike_give_a_slope_of_one():
    line = fit_line([0.5], [0.2], (100, 100))
    assert line.slope == 1
    assert line.expected(0.5) == pytest.approx(0.2)
    assert fit_line([0.5, 0.5], [0.2, 0.2], (100, 100)).slope == 1


def test_accuracies_of_none_and_all_are_taken_inwards():
    line = fit_line([0.0, 1.0], [0.0, 1.0], (10, 10))
    assert np.isfinite([line.slope, line.offset]).all()
    with pytest.raises(ValueError, match="at least one"):
        fit_line([], [], (10, 10))


def test_a_supervised_network_is_not_robust_and_what_lies_above_it_is():
    supervised = [counted(0.3, 0.1), counted(0.6, 0.3)]
    own = effective_robustness(supervised[1], supervised)
    assert own.value == pytest.approx(0, abs=1e-9)
    above = effective_robustness(counted(0.6, 0.5), supervised)
    assert above.value == pytest.approx(0.2, abs=0.005)
    assert above.low < above.value < above.high
    assert above.low > 0.1

import numpy as np
import pytest

from lit_dalle.evaluation.composition.memorisation import TrainingTokens

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("codes", [6, 100_000])
def test_nearest_is_that_of_a_plain_search(codes):
    training = RNG.integers(0, codes, (50, 9)).astype(np.int32)
    samples = RNG.integers(0, codes, (7, 9)).astype(np.int32)
    samples[0] = training[31]
    differ = (samples[:, None] != training).mean(-1)
    found, share = TrainingTokens(training).nearest(samples)
    np.testing.assert_array_equal(found, differ.argmin(1))
    np.testing.assert_allclose(share, differ.min(1))
    assert share[0] == 0


def test_only_equal_tokens_are_copies():
    training = RNG.integers(0, 4, (20, 5)).astype(np.int32)
    samples = training[[3, 7, 7]].copy()
    samples[1, 2] = 9
    assert TrainingTokens(training).holds(samples).tolist() == [True, False, True]


def test_a_code_that_no_training_picture_has_is_no_copy():
    training = np.zeros((3, 4), np.int32)
    samples = np.array([[2**16] * 4], np.int32)
    copies = TrainingTokens(training)
    assert not copies.holds(samples)[0]
    assert copies.nearest(samples)[1][0] == 1


def test_no_training_pictures_is_refused():
    with pytest.raises(ValueError, match="at least one training picture"):
        TrainingTokens(np.zeros((0, 4), np.int32))

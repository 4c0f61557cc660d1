import pytest
import torch
from scipy.ndimage import gaussian_filter

from lit_dalle.evaluation.robustness.shifts import (
    BLUR_SIGMA,
    NOISE_STD,
    SHIFTS,
    blurred,
    inverted,
    noisy,
    turned,
)


def pictures(count=2, side=64):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", SHIFTS)
def test_pictures_stay_pictures_and_do_not_depend_on_the_batch(name):
    images = pictures(3)
    found = SHIFTS[name](images)
    assert found.shape == images.shape
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    torch.testing.assert_close(SHIFTS[name](images[1:2]), found[1:2])


def test_blur_is_the_gaussian_of_scipy():
    images = pictures(1)
    expected = gaussian_filter(
        images[0].numpy(), (0, BLUR_SIGMA, BLUR_SIGMA), mode="nearest", radius=(0, 5, 5)
    )
    torch.testing.assert_close(blurred(images)[0], torch.tensor(expected), atol=1e-5, rtol=0)


def test_noise_has_the_deviation_that_is_said():
    found = noisy(torch.full((1, 3, 64, 64), 0.5))
    assert abs(float(found.std()) - NOISE_STD) < 0.01


def test_turn_is_against_the_clock():
    images = torch.zeros(1, 3, 64, 64)
    images[:, :, 30:34, 52:56] = 1  # right of the centre goes up
    rows, columns = torch.nonzero(turned(images)[0, 0] > 0.3, as_tuple=True)
    assert rows.float().mean() < 26
    assert 44 < columns.float().mean() < 54


def test_negative_twice_is_the_picture():
    torch.testing.assert_close(inverted(inverted(pictures())), pictures())

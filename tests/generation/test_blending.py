"""Smooth surfaces through known pixels, and pictures that meet without a seam."""

import numpy as np
import pytest

from lit_dalle.generation import blending
from lit_dalle.generation.blending import Blend, Membrane

RNG = np.random.default_rng(0)


def hole(height=40, width=36):
    known = np.ones((height, width), bool)
    known[8:30, 5:27] = False
    return known


def surface(height=40, width=36):
    """Two harmonic functions and a constant, ``h w 3``."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([2 * x - 3 * y, x * x - y * y, np.full_like(x, 7)], axis=-1)


def test_harmonic_functions_are_found_from_their_border():
    known, wanted = hole(), surface()
    given = np.where(known[..., None], wanted, 1e6)
    np.testing.assert_allclose(Membrane(known)(given), wanted, atol=1e-2)


def test_it_equals_averaging_neighbours_until_nothing_moves():
    known = RNG.random((12, 15)) < 0.2
    known[0, 0] = True
    given = RNG.random((12, 15, 2)).astype(np.float32)
    values = np.where(known[..., None], given, 0.5).astype(np.float64)
    for _ in range(5000):
        padded = np.pad(values, ((1, 1), (1, 1), (0, 0)), constant_values=np.nan)
        around = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
        values = np.where(known[..., None], values, np.nanmean(around, axis=0))
    np.testing.assert_allclose(Membrane(known)(given), values, atol=1e-4)


def test_from_coarse_to_fine_it_is_nearly_the_same(monkeypatch):
    height, width = 101, 90
    known = np.ones((height, width), bool)
    known[20:80, 10:70] = False
    y, x = np.mgrid[:height, :width].astype(np.float32)
    wanted = np.stack([x / 4 + y / 4, 4 * np.sin(x / 9) * np.sinh(y / 30)], axis=-1)
    assert np.abs(wanted).max() > 40, "levels by which a dVAE errs, and more"
    exact = Membrane(known)(wanted)
    monkeypatch.setattr(blending, "EXACT", 500)
    found = Membrane(known)(wanted)
    np.testing.assert_allclose(found, exact, atol=1.0)
    np.testing.assert_array_equal(found[known], wanted[known])


def test_nothing_known_is_refused():
    with pytest.raises(ValueError, match="no pixel is known"):
        Membrane(np.zeros((3, 3), bool))


def test_an_error_that_goes_on_smoothly_is_taken_away():
    known = hole()
    y, x = np.mgrid[:40, :36]
    picture = np.stack([60 + 2 * x, 80 + 2 * y, 190 - x - y], axis=-1).astype(np.uint8)
    error = np.clip(surface() / 40, -50, 50)
    drawn = (picture + error).round().clip(0, 255).astype(np.uint8)
    (found,) = Blend(picture, known, 4)(drawn[None])
    assert np.abs(found.astype(int) - picture).max() <= 2
    np.testing.assert_array_equal(found[known], picture[known])


def test_what_is_kept_is_kept_byte_for_byte_whatever_is_drawn():
    known = RNG.random((40, 36)) < 0.5
    picture = RNG.integers(0, 256, (40, 36, 3), np.uint8)
    drawn = RNG.integers(0, 256, (3, 40, 36, 3), np.uint8)
    found = Blend(picture, known, 3)(drawn)
    assert found.shape == drawn.shape
    assert found.dtype == np.uint8
    for one in found:
        np.testing.assert_array_equal(one[known], picture[known])


def steps_across(picture, known):
    """Differences of neighbouring pixels, of which one is kept, in a row."""
    crossing = known[:, 1:] != known[:, :-1]
    return np.abs(np.diff(picture.astype(int), axis=1))[crossing]


def test_on_flat_ground_noise_does_not_show_at_the_border_and_fades_in():
    known, depth = hole(), 4
    picture = np.full((40, 36, 3), 120, np.uint8)
    drawn = (picture + RNG.integers(-12, 13, picture.shape)).astype(np.uint8)
    (found,) = Blend(picture, known, depth)(drawn[None])
    assert steps_across(found, known).max() == 0
    first = Membrane(known)(picture.astype(np.float32) - drawn)
    middle = (slice(8 + depth, 30 - depth), slice(5 + depth, 27 - depth))
    wanted = (drawn + first).round().clip(0, 255)
    np.testing.assert_array_equal(found[middle], wanted[middle])


def test_a_jump_at_the_border_moves_in_and_is_spread():
    known = hole()
    picture = np.full((40, 36, 3), 100, np.uint8)
    drawn = np.where(known[..., None], picture, 200).astype(np.uint8)
    (found,) = Blend(picture, known, 4)(drawn[None])
    assert steps_across(found, known).max() == 0
    across = found[19, 5:27, 0].astype(int)
    assert (np.diff(across[:5]) > 10).all(), "it rises evenly"
    assert (across[4:-4] == 200).all()


def test_texture_and_what_runs_across_the_border_stay_as_drawn():
    known = hole()
    stripes = np.zeros((40, 36, 3), np.uint8)
    stripes[::2] = 200  # they run across the left and right borders and along the others
    (found,) = Blend(stripes, known, 4)(stripes[None])
    np.testing.assert_array_equal(found, stripes)
    checks = RNG.integers(0, 256, (40, 36, 3), np.uint8)
    (found,) = Blend(checks, known, 4)(checks[None])
    assert np.abs(found.astype(int) - checks).mean() < 2


def test_many_neighbours_are_met_on_average():
    known = np.zeros((7, 7), bool)
    known[0, 1:], known[1:, 0] = True, True
    picture = np.zeros((7, 7, 3), np.uint8)
    picture[0], picture[:, 0] = 90, 30
    drawn = np.where(known[..., None], picture, 250).astype(np.uint8)
    (found,) = Blend(picture, known, 2)(drawn[None])
    assert found[1, 1, 0] == 60  # between the row above and the column beside it
    assert found[1, 4, 0] == 90
    assert found[4, 1, 0] == 30

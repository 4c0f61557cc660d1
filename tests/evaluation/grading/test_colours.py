import numpy as np
import pytest

from lit_dalle.data.world.vocabulary import COLOUR_RGB
from lit_dalle.evaluation.grading.colours import (
    codes,
    delta_e,
    delta_e_to_mixtures,
    delta_e_to_nearest,
    every_rgb,
    nearest,
    to_lab,
)
from lit_dalle.evaluation.grading.picture import BITS, NAMES, name_table


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((5, 5, 5), (1.37, 0, 0)),
    ],
)
def test_published_values(rgb, lab):
    assert to_lab(rgb) == pytest.approx(np.array(lab), abs=0.05)


def test_codes_find_their_colour():
    for bits in (2, 5):
        assert codes(every_rgb(bits), bits).tolist() == list(range(1 << 3 * bits))


def test_nearest_shade_is_the_one_of_least_distance():
    lab, shades = to_lab(every_rgb(5)), to_lab(np.array(list(COLOUR_RGB.values()), np.uint8))
    distances = np.stack([delta_e(lab, shade) for shade in shades])
    assert (nearest(lab, shades) == distances.argmin(0)).all()
    assert delta_e_to_nearest(lab, shades) == pytest.approx(distances.min(0), abs=0.05)


def test_a_mixture_is_near_and_what_lies_beyond_is_not():
    start, end = to_lab((216, 32, 38)), to_lab((250, 222, 42))
    points = np.stack([start, (start + end) / 2, end, end + (end - start)])
    expected = [0, 0, 0, float(delta_e(start, end))]
    assert delta_e_to_mixtures(points, start, end) == pytest.approx(expected, abs=1e-3)


def test_a_named_colour_has_its_name_in_the_table():
    for name, rgb in COLOUR_RGB.items():
        code = int(codes(np.array(rgb, np.uint8), BITS))
        assert NAMES[name_table()[code]] == name

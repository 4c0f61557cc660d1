import numpy as np
import pytest

from lit_dalle.evaluation.grading.regions import (
    EIGHT,
    FOUR,
    blobs,
    large,
    opened,
    place_of,
    spread,
)


def pixels(*boxes):
    """Pixels of boxes (left, top, right, bottom)."""
    where = np.zeros((64, 64), bool)
    for left, top, right, bottom in boxes:
        where[top:bottom, left:right] = True
    return where


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0, 0, 9, 9), "at the upper left"),
        ((28, 0, 37, 9), "at the top"),
        ((28, 28, 37, 37), "in the middle"),
        ((55, 28, 64, 37), "at the right"),
        ((55, 55, 64, 64), "at the lower right"),
    ],
)
def test_places_in_words(box, words):
    assert place_of(pixels(box)) == words


def test_blobs_have_at_least_so_many_pixels_and_may_touch_at_corners():
    where = pixels((0, 0, 3, 3), (3, 3, 6, 6), (20, 20, 22, 22))
    assert [int(blob.sum()) for blob in blobs(where, 4, EIGHT)] == [18, 4]
    assert [int(blob.sum()) for blob in blobs(where, 5, FOUR)] == [9, 9]
    assert int(large(where, 5).sum()) == 18
    assert blobs(pixels(), 1) == []
    assert not large(pixels(), 1).any()


def test_opened_leaves_what_is_thick():
    where = pixels((10, 10, 20, 20), (40, 0, 42, 64))
    assert (opened(where, 3) == pixels((10, 10, 20, 20))).all()


def test_bits_spread_to_a_square_cut_at_the_edge():
    bits = np.zeros((2, 64, 64), np.uint8)
    bits[0, 30, 30], bits[1, 0, 63] = 4, 1
    found = spread(bits, 2)
    assert (found[0] == 4 * pixels((28, 28, 33, 33))).all()
    assert (found[1] == pixels((61, 0, 64, 3))).all()

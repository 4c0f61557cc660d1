"""Regions of a picture: their places in words, their blobs, and what lies near them."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lit_dalle.evaluation.grading.picture import SIDE, Bools

Flags = TypeVar("Flags", Bools, NDArray[np.uint8], NDArray[np.uint64])

PLACES = (
    ("at the upper left", "at the top", "at the upper right"),
    ("at the left", "in the middle", "at the right"),
    ("at the lower left", "at the bottom", "at the lower right"),
)
"""The ninths of a picture in words."""
FOUR, EIGHT = ndimage.generate_binary_structure(2, 1), np.ones((3, 3), np.bool_)
"""Which neighbours a pixel touches: those at its sides, and those at its corners too."""


def middle(where: Bools) -> tuple[float, float]:
    """X and y of the mean of some pixels, in pixels from the upper left one."""
    y, x = (float(places.mean()) for places in np.nonzero(where))
    return x, y


def place_in_words(x: float, y: float) -> str:
    """Where in a picture a point is."""
    column, row = (min(2, int(3 * at / SIDE)) for at in (x, y))
    return PLACES[row][column]


def place_of(where: Bools) -> str:
    """Where in a picture the middle of some pixels is, in words."""
    return place_in_words(*middle(where))


def blobs(where: Bools, least: int, touching: Bools = EIGHT) -> list[Bools]:
    """The connected regions of at least so many pixels, ``h w`` each."""
    regions, sizes = _regions(where, touching)
    return [regions == region for region in np.flatnonzero(sizes >= least)]


def large(where: Bools, least: int, touching: Bools = FOUR) -> Bools:
    """Pixels of all connected regions of at least so many pixels, ``h w``."""
    regions, sizes = _regions(where, touching)
    return (sizes >= least)[regions]


def _regions(where: Bools, touching: Bools) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """The number of each pixel's region, ``h w``, and pixels of each; none of 0, the rest."""
    regions = np.zeros(where.shape, np.int32)
    count = ndimage.label(where, touching, output=regions) if where.any() else 0
    sizes = np.bincount(regions.ravel(), minlength=count + 1)
    sizes[0] = 0
    return regions, sizes


def opened(where: Bools, side: int) -> Bools:
    """Without what no square of so many pixels a side fits into, ``h w``."""
    if where.sum() < side**2:
        return np.zeros_like(where)
    thick: Bools = ndimage.binary_opening(where, np.ones((side, side), np.bool_))
    return thick


def spread(bits: Flags, radius: int) -> Flags:
    """All bits set within a square of `radius` about each pixel, ``... h w``."""
    for _ in range(2):
        bits = bits.swapaxes(-2, -1)
        out = bits.copy()
        for step in range(1, radius + 1):
            out[..., step:, :] |= bits[..., :-step, :]
            out[..., :-step, :] |= bits[..., step:, :]
        bits = out
    return bits

"""Flat coloured objects on a pale ground: where they are, how large, and in which colour."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lit_dalle.evaluation.grading.colours import Floats
from lit_dalle.evaluation.grading.objects.areas import (
    BACKGROUND,
    SPECK,
    parted,
    prevailing,
    segmented,
    worn,
)
from lit_dalle.evaluation.grading.picture import NAMES, Bools, Labels, Picture
from lit_dalle.evaluation.grading.regions import place_in_words
from lit_dalle.evaluation.grading.verdict import Requirement, nothing_else

CLEAR = 0.6
"""Least share of an object's inner pixels that carry its colour's name."""
FRINGE = 2
"""Pixels around an object's mask in which its soft edge is looked for."""
TIP = 0.3
"""Rows and columns that cover less than this share of the fullest are tips outside the box."""
MOST_NAMED = 3
"""Objects that were not asked for and are named in a reason."""

Box = tuple[int, int, int, int]
Slices = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class FoundObject:
    """One object as it was seen."""

    colour: str
    """Name of most of its inner pixels, or "red and blue" where none is clear."""
    coverage: Floats
    """How much of each pixel it covers, 0 to 1, ``h w`` of the whole picture."""
    box: Box
    """Left, top, right, bottom without thin tips; right and bottom are one past the last pixel."""
    area: float
    """Pixels: the sum of `coverage`."""
    centre: tuple[float, float]
    """x and y of its centre of gravity, in pixels from the upper left corner."""

    @property
    def width(self) -> int:
        """Of the box."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        """Of the box."""
        return self.box[3] - self.box[1]

    @property
    def place(self) -> str:
        """Where it is in the picture, in words: "at the upper left"."""
        return place_in_words(*self.centre)


def find_objects(picture: Picture) -> list[FoundObject]:
    """Find everything that stands out from a pale ground, from left to right.

    Touching objects of different colours are told apart by colour, those of one colour where the
    neck between them is narrow. Stripes, dots and floors of the ground are no objects.
    """
    modes = prevailing(picture.labels)
    numbers = parted(segmented(modes))
    if not numbers.any():
        return []
    distance, nearest = ndimage.distance_transform_cdt(
        numbers == 0, "chessboard", return_indices=True
    )
    close = np.where(distance <= FRINGE, numbers[tuple(nearest)], 0)
    inner, ground = worn(numbers), modes == BACKGROUND
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(close), 1):
        box = rows, columns
        mask = inner[box] == number
        if not mask.any():
            mask = numbers[box] == number
        found.append(_found(picture, box, mask, close[box] == number, ground[box]))
    return sorted((one for one in found if one.area >= SPECK), key=lambda one: one.centre)


def _found(picture: Picture, box: Slices, inner: Bools, near: Bools, ground: Bools) -> FoundObject:
    """Measure the object about inner pixels; its soft edge lies within near."""
    coverage = np.zeros(picture.labels.shape, np.float32)
    coverage[box] = np.maximum(_coverage(picture.rgb[box], ground, inner) * near, inner)
    down, across = coverage.sum(1), coverage.sum(0)
    area = float(down.sum())
    ys, xs = (np.flatnonzero(line > TIP * line.max()) for line in (down, across))
    return FoundObject(
        colour=_colour(picture.labels[box][inner]),
        coverage=coverage,
        box=(int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1),
        area=area,
        centre=(
            0.5 + float(across @ np.arange(len(across))) / area,
            0.5 + float(down @ np.arange(len(down))) / area,
        ),
    )


def _coverage(rgb: NDArray[np.uint8], ground: Bools, inner: Bools) -> Floats:
    """Share of the way from the ground's colour to the object's, ``h w`` in [0, 1]."""
    if not ground.any():
        return np.ones(ground.shape, np.float32)
    empty = _middle(rgb[ground])
    way = _middle(rgb[inner]) - empty
    share: Floats = (rgb - empty) @ (way / max(float(way @ way), 1.0))
    return np.minimum(np.maximum(share, 0), 1)


def _middle(rgb: NDArray[np.uint8]) -> Floats:
    """The median of each channel of ``n 3``."""
    return np.sort(rgb, 0)[len(rgb) // 2].astype(np.float32)


def _colour(labels: Labels) -> str:
    """The name most of the labels carry; two names where that is no clear majority."""
    counts = np.bincount(labels, minlength=len(NAMES))
    counts[BACKGROUND] = 0
    first, second = (int(place) for place in np.argsort(-counts, kind="stable")[:2])
    if counts[first] >= CLEAR * counts.sum() or counts[second] == 0:
        return NAMES[first]
    return f"{NAMES[first]} and {NAMES[second]}"


def no_strays(strays: Sequence[FoundObject]) -> Requirement:
    """The requirement that there is no object that was not asked for."""
    things = " and ".join(f"something {one.colour} {one.place}" for one in strays[:MOST_NAMED])
    return nothing_else([f"{things} that was not asked for"] if strays else [])

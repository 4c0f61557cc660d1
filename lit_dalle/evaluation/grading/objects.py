"""Flat coloured objects on a pale ground: where they are, how large, and in which colour."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lit_dalle.evaluation.grading.picture import (
    NAMES,
    NOTHING,
    SIDE,
    Bools,
    Floats,
    Labels,
    Picture,
)
from lit_dalle.evaluation.grading.verdict import Requirement

SPECK = 16.0
"""Pixels: less than this standing alone is a speck of the decoder, not an object."""
PATCH = 3
"""Chessboard depth of another colour's patch (5 × 5 pixels) that is a thing of its own.

Anything thinner that touches an object is an edge between two colours and belongs to the object.
"""
SMUDGE = 36
"""Pixels of a patch of another colour in an object that may still be the decoder's smudge..."""
SMUDGE_SHARE = 0.2
"""... where it is also less than this share of what it touches: a colour's slip, not a thing."""
CLEAR = 0.6
"""Least share of an object's inner pixels that carry its colour's name."""
NECK = 2
"""Most pixels worn off all around to see whether an object falls apart at a narrow neck."""
PART = 0.3
"""Least share of the largest part, in pixels, that makes a part an object of its own."""
FRINGE = 2
"""Pixels around an object's mask in which its soft edge is looked for."""
TIP = 0.3
"""Rows and columns that cover less than this share of the fullest are tips outside the box."""

BACKGROUND = NAMES.index(NOTHING)
EIGHT = np.ones((3, 3), bool)
PLACES = (("upper left", "top", "upper right"), ("left", "middle", "right"),
          ("lower left", "bottom", "lower right"))  # fmt: skip

Box = tuple[int, int, int, int]
Slices = tuple[slice, slice]
Numbers = NDArray[np.int32]
"""The number of the object each pixel belongs to, 0 for none."""


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
        """Where it is in the picture, in words."""
        column, row = (min(2, int(3 * at / SIDE)) for at in self.centre)
        return PLACES[row][column]


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


def prevailing(labels: Labels) -> Labels:
    """The name that most of the 3 × 3 pixels about each pixel carry, ``h w``."""
    names = np.flatnonzero(np.bincount(labels.ravel(), minlength=len(NAMES)) >= EIGHT.size)
    votes = np.pad((labels == names[:, None, None]).view(np.int8), ((0, 0), (1, 1), (1, 1)))
    votes[:, 1:-1, 1:-1] *= 2
    votes = votes[:, :-2] + votes[:, 1:-1] + votes[:, 2:]
    votes = votes[:, :, :-2] + votes[:, :, 1:-1] + votes[:, :, 2:]
    return names[votes.argmax(0)].astype(np.int8)


def segmented(modes: Labels) -> Numbers:
    """Number areas of one colour, ``h w``; 0 is ground; thin edges go to the nearest area."""
    regions, count = ndimage.label(modes != BACKGROUND)
    numbers = np.zeros(modes.shape, np.int32)
    last = 0
    for place, box in enumerate(ndimage.find_objects(regions, count), 1):
        region = regions[box] == place
        colours = np.bincount(modes[box][region])
        size = colours.sum()
        if size < SPECK / 2:
            continue
        pieces = []
        if size - colours.max() >= EIGHT.size:
            pieces = _pieces(np.where(region, modes[box], BACKGROUND))
        seeds = np.zeros(region.shape, np.int32)
        for piece in pieces or [region]:
            last += 1
            seeds[piece] = last
        numbers[box][region] = (_nearest(seeds) if pieces else seeds)[region]
    return numbers


def _pieces(modes: Labels) -> list[Bools]:
    """Areas of one colour that are deep and large enough to be a thing of their own."""
    deep: list[Bools] = []
    for name in np.unique(modes[modes != BACKGROUND]):
        pieces, count = ndimage.label(modes == name)
        depth = ndimage.distance_transform_cdt(np.pad(pieces > 0, 1), "chessboard")[1:-1, 1:-1]
        depths = ndimage.maximum(depth, pieces, range(1, count + 1))
        deep += [pieces == place for place in np.flatnonzero(depths >= PATCH) + 1]
    sizes = [int(piece.sum()) for piece in deep]
    least = min(SMUDGE, SMUDGE_SHARE * max(sizes, default=0))
    return [piece for piece, size in zip(deep, sizes, strict=True) if size >= least]


def parted(numbers: Numbers) -> Numbers:
    """Number the parts anew where an area hangs together only by a narrow neck."""
    left = numbers
    for _ in range(NECK):
        left = worn(left)
        parts, count = ndimage.label(left)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)
        sizes[0] = 0
        wholes = np.zeros(count + 1, np.int32)
        wholes[parts.ravel()] = left.ravel()
        largest = np.zeros(numbers.max() + 1, np.int64)
        np.maximum.at(largest, wholes, sizes)
        large = sizes >= np.maximum(SPECK / 2, PART * largest[wholes])
        for whole in np.flatnonzero(np.bincount(wholes[large]) > 1):
            own = np.flatnonzero(large & (wholes == whole))
            mask = numbers == whole
            nearest = _nearest(np.where(np.isin(parts, own), parts, 0))
            for new, part in enumerate(own[1:], numbers.max() + 1):
                numbers = np.where(mask & (nearest == part), new, numbers)
                left = np.where(parts == part, new, left)
    return numbers


def worn(numbers: Numbers) -> Numbers:
    """Numbers only where all eight neighbours have the same; what lies outside counts as 0."""
    padded = np.pad(numbers, 1)
    inner = padded[1:-1, 1:-1]
    height, width = numbers.shape
    same = np.ones(numbers.shape, bool)
    for y in range(3):
        for x in range(3):
            same &= padded[y : y + height, x : x + width] == inner
    return np.where(same, inner, 0)


def _nearest(numbers: Numbers) -> Numbers:
    """Give every pixel the number of the nearest pixel that has one."""
    rows, columns = ndimage.distance_transform_cdt(
        numbers == 0, "chessboard", return_distances=False, return_indices=True
    )
    return numbers[rows, columns]


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


def nothing_else(strays: Sequence[FoundObject]) -> Requirement:
    """The requirement that there is nothing that was not asked for."""
    if not strays:
        return Requirement("nothing else", True, "nothing else")
    things = " and ".join(f"something {one.colour} at the {one.place}" for one in strays[:3])
    return Requirement("nothing else", False, f"{things} that was not asked for")

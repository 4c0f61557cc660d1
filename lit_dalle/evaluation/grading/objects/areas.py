"""Areas of one colour in a picture: each number of them is an object."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lit_dalle.evaluation.grading.picture import NAMES, NOTHING, Bools, Labels
from lit_dalle.evaluation.grading.regions import EIGHT

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
NECK = 2
"""Most pixels worn off all around to see whether an object falls apart at a narrow neck."""
PART = 0.3
"""Least share of the largest part, in pixels, that makes a part an object of its own."""

BACKGROUND = NAMES.index(NOTHING)
Numbers = NDArray[np.int32]
"""The number of the object each pixel belongs to, 0 for none."""


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

"""What is in a picture that a drawing does not explain, and what of the drawing is not there."""

from itertools import combinations
from typing import TypeVar

import numpy as np
from scipy import ndimage

from lit_dalle.evaluation.grading.figures import Map
from lit_dalle.evaluation.grading.palettes import Bits, Seen
from lit_dalle.evaluation.grading.picture import SIDE, Bools
from lit_dalle.evaluation.grading.verdict import Requirement

Flags = TypeVar("Flags", Bits, Bools)

BLUR = 2
"""Pixels by which an edge may lie beside the drawn one."""
SMEAR = 3
"""Pixels within which two colours may mix."""
MIXED = 18.0
"""Delta E up to which a pixel passes for a mixture."""
STEP = 25.0
"""Lightness by which neighbours differ at a sharp edge."""
SHARP = 200
"""More sharp edges than these, between two pixels each, make a sharp picture. Renders have 110 to
440, by their colours; with a blur of 1 pixel up to 80, after the shipped dVAE 99 % up to 210."""
STRIP = 5
"""Pixels: what is thinner (the mixed colours of an edge, specks) is not seen as an object."""
GAP = 44
"""Pixels, without a rim of one, of the smallest piece that is missed."""
OBJECT = 56
"""Pixels of the smallest thing, without its thin strips, that counts as an object of its own."""


def nothing_strange(seen: Seen, colours: Map) -> Requirement:
    """The requirement that a picture shows nothing but the drawing; see `strange`."""
    extra = strange(seen, colours)
    if not extra.any():
        return Requirement("nothing else", True, "nothing else")
    words = f"something {region(extra)} that was not asked for"
    return Requirement("nothing else", False, words)


def strange(seen: Seen, colours: Map) -> Bools:
    """Pixels of things that are not drawn, ``h w``.

    Each pixel must pass for a colour that is drawn within `BLUR` of it, or for a mixture of two;
    others count if together they are an object.

    Args:
        seen: The picture.
        colours: The drawing, places in the picture's palette, ``h w``.
    """
    near = spread(np.uint64(1) << colours.astype(np.uint64), BLUR)
    solid = _objects((near & seen.bits) == 0)
    if not solid.any():
        return solid
    near = spread(near, SMEAR - BLUR)
    solid[solid] = ~_mixtures(seen, near, np.unique(colours), solid)
    return _objects(solid)


def gaps(seen: Seen, colours: Map) -> Bools:
    """Pixels of pieces of the drawing at whose place there is nothing, ``h w``."""
    empty = (colours > 0) & ~spread(~seen.passes(0), 1)
    if not empty.any():
        return empty
    blobs, count = ndimage.label(empty & ~there(seen, colours))
    sizes = ndimage.sum_labels(blobs > 0, blobs, range(count + 1))
    return np.isin(blobs, np.flatnonzero(sizes >= GAP))


def is_sharp(seen: Seen) -> bool:
    """Whether the edges of a picture are sharp enough to ask for the drawing's smallest parts."""
    lightness = seen.picture.lab[..., 0]
    steps = (np.abs(np.diff(lightness, axis=axis)) > STEP for axis in (0, 1))
    return sum(int(one.sum()) for one in steps) > SHARP


def _objects(pixels: Bools) -> Bools:
    """Those that belong to something thick and large enough."""
    solid = ndimage.binary_opening(pixels, np.ones((STRIP, STRIP), bool))
    if not solid.any():
        return solid
    blobs, count = ndimage.label(solid)
    sizes = ndimage.sum_labels(solid, blobs, range(count + 1))
    return np.isin(blobs, np.flatnonzero(sizes >= OBJECT))


def _mixtures(seen: Seen, near: Bits, places: Map, where: Bools) -> Bools:
    """Whether each of some pixels lies between two colours that are drawn near it."""
    lab, near = seen.picture.lab[where], near[where]
    mixed = np.zeros(len(lab), bool)
    for a, b in combinations(places.tolist(), 2):
        both = np.uint64(1 << a | 1 << b)
        able = (near & both) == both
        if not able.any():
            continue
        start, way = seen.palette.lab[a], seen.palette.lab[b] - seen.palette.lab[a]
        gap = lab[able] - start
        share = np.clip(gap @ way / (way @ way), 0, 1)[:, None]
        mixed[able] |= ((gap - share * way) ** 2).sum(1) < MIXED**2
    return mixed


def spread(bits: Flags, radius: int) -> Flags:
    """All bits set within a square of `radius` about each pixel, ``h w``."""
    for axis in (0, 1):
        out = bits.copy()
        for step in range(1, radius + 1):
            ahead: list[slice] = [slice(None), slice(None)]
            behind: list[slice] = [slice(None), slice(None)]
            ahead[axis], behind[axis] = slice(step, None), slice(None, -step)
            out[tuple(ahead)] |= bits[tuple(behind)]
            out[tuple(behind)] |= bits[tuple(ahead)]
        bits = out
    return bits


def there(seen: Seen, colours: Map, radius: int = 1) -> Bools:
    """Pixels of a drawing whose colour is within `radius` in the picture, ``h w``."""
    wanted = np.uint64(1) << colours.astype(np.uint64)
    return (spread(seen.bits, radius) & wanted) > 0


def region(pixels: Bools) -> str:
    """The region of some pixels in words: "at the upper left"."""
    y, x = (float(np.mean(axis)) for axis in np.nonzero(pixels))
    third = SIDE / 3
    down = ("upper", "", "lower")[min(2, int(y // third))]
    across = ("left", "", "right")[min(2, int(x // third))]
    if not down and not across:
        return "in the middle"
    if not down:
        return f"at the {across}"
    return f"at the {down} {across or 'middle'}"

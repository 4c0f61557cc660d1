"""What is in a picture that a drawing does not explain, and what of the drawing is not there."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from lit_dalle.evaluation.grading.colours import delta_e_to_mixtures
from lit_dalle.evaluation.grading.dressed.figures import Map
from lit_dalle.evaluation.grading.dressed.palettes import Bits, Seen
from lit_dalle.evaluation.grading.picture import Bools
from lit_dalle.evaluation.grading.regions import large, opened, place_of, spread
from lit_dalle.evaluation.grading.verdict import Requirement, nothing_else

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
    reasons = [f"something {place_of(extra)} that was not asked for"] if extra.any() else []
    return nothing_else(reasons)


def strange(seen: Seen, colours: Map) -> Bools:
    """Pixels of things that are not drawn, ``h w``.

    Each pixel must pass for a colour that is drawn within `BLUR` of it, or for a mixture of two;
    others count if together they are an object.

    Args:
        seen: The picture.
        colours: The drawing, places in the picture's palette, ``h w``.
    """
    near: Bits = spread(np.uint64(1) << colours.astype(np.uint64), BLUR)
    solid = _objects((near & seen.bits) == 0)
    if not solid.any():
        return solid
    near = spread(near, SMEAR - BLUR)
    solid[solid] = ~_mixtures(seen, near, np.unique(colours).tolist(), solid)
    return _objects(solid)


def gaps(seen: Seen, colours: Map) -> Bools:
    """Pixels of pieces of the drawing at whose place there is nothing, ``h w``."""
    empty = (colours > 0) & ~spread(~seen.passes(0), 1)
    if not empty.any():
        return empty
    return large(empty & ~there(seen, colours), GAP)


def is_sharp(seen: Seen) -> bool:
    """Whether the edges of a picture are sharp enough to ask for the drawing's smallest parts."""
    lightness = seen.picture.lab[..., 0]
    steps = (np.abs(np.diff(lightness, axis=axis)) > STEP for axis in (0, 1))
    return sum(int(one.sum()) for one in steps) > SHARP


def _objects(pixels: Bools) -> Bools:
    """Those that belong to something thick and large enough."""
    return large(opened(pixels, STRIP), OBJECT)


def _mixtures(seen: Seen, near: Bits, places: Sequence[int], where: Bools) -> Bools:
    """Whether each of some pixels lies between two colours that are drawn near it."""
    lab, near = seen.picture.lab[where], near[where]
    mixed = np.zeros(len(lab), bool)
    for a, b in combinations(places, 2):
        both = np.uint64(1 << a | 1 << b)
        able = (near & both) == both
        if not able.any():
            continue
        ends = seen.palette.lab[a], seen.palette.lab[b]
        mixed[able] |= delta_e_to_mixtures(lab[able], *ends) < MIXED
    return mixed


def there(seen: Seen, colours: Map, radius: int = 1) -> Bools:
    """Pixels of a drawing whose colour is within `radius` in the picture, ``h w``."""
    wanted = np.uint64(1) << colours.astype(np.uint64)
    return (spread(seen.bits, radius) & wanted) > 0

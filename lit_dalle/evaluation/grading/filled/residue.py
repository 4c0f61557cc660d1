"""What is left over when a drawing is laid on a picture: things that do not belong, absent parts.

A drawing explains a pixel if the pixel's colour is that of one of the drawing's materials, or a
blend of two, and these materials are drawn close by. What it does not explain, in a blob too large
to be blur, is something else; and a part of the drawing far from anything in the picture is absent.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lit_dalle.data.world.drawing.canvas import DARK, SLATE, WHITE
from lit_dalle.data.world.vocabulary import COLOUR_RGB, PLAIN, PLAIN_RGB
from lit_dalle.evaluation.grading.colours import (
    Floats,
    delta_e,
    delta_e_to_nearest,
    nearest,
    to_lab,
)
from lit_dalle.evaluation.grading.filled.materials import MATERIALS
from lit_dalle.evaluation.grading.picture import GREY, NAMES, NOTHING, SIDE, Bools, Picture
from lit_dalle.evaluation.grading.regions import blobs, opened, place_of, spread
from lit_dalle.evaluation.grading.verdict import Requirement, nothing_else

Palette = NDArray[np.uint8]
"""RGB levels of `MATERIALS` in a picture, ``materials 3``."""

NEAR = 2
"""Pixels that an edge may be off: blur, and the grain of places and sizes tried."""
AWAY = 2
"""Pixels from a drawn part within which there must be something in the picture."""
BLEND = 25.0
"""Delta E within which a pixel has a material's colour or a blend of two."""
STEPS = 6
"""Colours tried between two materials."""
STAIN = 41
"""Pixels of the smallest blob at the drawing that is no stain: below an object of 8 × 8."""
STAINED = 0.2
"""Share of the fill that may be stained by other colours, in blobs of any size."""
STRAY = 21
"""Pixels of the smallest blob away from the drawing that is no dirt, unless it is pale."""
PALE = 36.0
"""Delta E from the ground up to which a blob away from the drawing may be as large as a stain."""
DETAIL = 10
"""Pixels of the smallest drawn detail, those near other things apart, that blur may not lose."""
LIGHT_DETAIL = 31
"""Pixels of the smallest light detail that may not be lost: the dials and the large screen."""
LEFT = 0.15
"""Share of a light detail that must look light."""
HALF = 0.5
"""Share of a pixel covered by a part from which on the pixel is the part's."""
FAINT = 0.1
"""Share of a pixel covered by a material from which on the material counts as being there."""


def nothing_beside(picture: Picture, parts: Floats, colour: str) -> Requirement:
    """The requirement that a picture shows a drawing whole, and nothing besides.

    Args:
        picture: What to look at.
        parts: The drawing where it stands; see `parts_of`.
        colour: Name of the fill's colour.
    """
    reasons = [*_absent(picture, parts, colour), *_strange(picture, parts, colour)]
    return nothing_else(reasons)


def explained(picture: Picture, parts: Floats, colour: str) -> Bools:
    """Pixels whose colour is that of a material drawn near them, or a blend of two, ``h w``.

    Args:
        picture: What to look at.
        parts: The drawing where it stands; see `parts_of`.
        colour: Name of the fill's colour.
    """
    near = _near(parts)
    names = {"fill": colour, "grey": GREY, "dark": "black", "light": NOTHING, "empty": NOTHING}
    known = np.zeros((SIDE, SIDE), np.bool_)
    for place, material in enumerate(MATERIALS):
        known |= near[place] & (picture.labels == NAMES.index(names[material]))
    ys, xs = np.nonzero(~known)
    known[ys, xs] = _blended(picture.lab[ys, xs], near[:, ys, xs], _palette(picture, parts, colour))
    return known


def _near(parts: Floats) -> Bools:
    """Which materials are drawn near each pixel, ``materials h w``."""
    return spread(parts > FAINT, NEAR)


def _strange(picture: Picture, parts: Floats, colour: str) -> Iterator[str]:
    """Words for blobs of pixels that a drawing does not explain."""
    strange = ~explained(picture, parts, colour)
    if strange.sum() < STRAY:
        return
    if strange[parts[0] > 1 - FAINT].mean() > STAINED:
        yield f"stains all over the {colour}"
    around = _near(parts)[:-1].any(0)
    ground = to_lab(_palette(picture, parts, colour)[MATERIALS.index("empty")])
    for blob in blobs(opened(strange, 2), STRAY):
        pale = delta_e(np.median(picture.lab[blob], axis=0), ground) < PALE
        if blob.sum() < STAIN and (pale or (blob & around).any()):
            continue
        seen = picture.colour(blob)
        if seen == NOTHING:
            yield f"a part is absent {place_of(blob)}"
        else:
            yield f"something {seen} {place_of(blob)} that was not asked for"


def _absent(picture: Picture, parts: Floats, colour: str) -> Iterator[str]:
    """Words for parts of a drawing that are far from anything like them in the picture."""
    there = spread(picture.foreground, AWAY)
    drawn = parts[:3].sum(0) > HALF
    for blob in blobs(drawn & ~there, DETAIL):
        yield f"a part is absent {place_of(blob)}"
    for hole in blobs(parts[MATERIALS.index("light")] > HALF, LIGHT_DETAIL):
        opaque = to_lab(_palette(picture, parts, colour)[:-1])
        if (nearest(picture.lab[hole], opaque) == MATERIALS.index("light")).mean() < LEFT:
            yield f"a light part is absent {place_of(hole)}"


def _palette(picture: Picture, parts: Floats, colour: str) -> Palette:
    """RGB levels of `MATERIALS` in this picture, ``materials 3``."""
    fill = (picture.labels == NAMES.index(colour)) & (parts[0] > 1 - FAINT)
    empty = ~picture.foreground
    nominal = PLAIN_RGB if colour == PLAIN else COLOUR_RGB[colour]
    levels = [
        np.median(picture.rgb[fill], axis=0) if fill.any() else nominal,
        SLATE,
        DARK,
        WHITE,
        np.median(picture.rgb[empty], axis=0) if empty.any() else WHITE,
    ]
    return np.array(levels).astype(np.uint8)


def _blended(lab: Floats, near: Bools, palette: Palette) -> Bools:
    """Whether colours ``n 3`` are blends of materials near them, ``materials n``."""
    blended = np.zeros(len(lab), np.bool_)
    shares = np.linspace(0, 1, STEPS)[:, None]
    for one, other in combinations(range(len(MATERIALS)), 2):
        between = np.flatnonzero(near[one] & near[other] & ~blended)
        if len(between):
            blends = to_lab(
                (palette[one] * (1 - shares) + palette[other] * shares).astype(np.uint8)
            )
            blended[between] = delta_e_to_nearest(lab[between], blends) < BLEND
    return blended

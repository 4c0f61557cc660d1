"""What is left over when a drawing is laid on a picture: things that do not belong, absent parts.

A drawing explains a pixel if the pixel's colour is that of one of the drawing's materials, or a
blend of two, and these materials are drawn close by. What it does not explain, in a blob too large
to be blur, is something else; and a part of the drawing far from anything in the picture is absent.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lit_dalle.data.world.drawing.canvas import DARK, SLATE, WHITE
from lit_dalle.data.world.drawing.telephone import SCREEN
from lit_dalle.data.world.vocabulary import COLOUR_RGB, PLAIN, PLAIN_RGB, RGB
from lit_dalle.evaluation.grading.picture import (
    GREY,
    NAMES,
    NOTHING,
    SIDE,
    Bools,
    Floats,
    Picture,
    to_lab,
)
from lit_dalle.evaluation.grading.templates import Draw, planes_of
from lit_dalle.evaluation.grading.verdict import Requirement

FILL: RGB = (255, 0, 255)
"""Drawings are drawn in this colour, which no other part of them has."""
MATERIALS = ("fill", "grey", "dark", "light", "empty")
"""What a pixel of a drawing may be covered by."""
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
SPECK = 40
"""Pixels of the largest blob at the drawing that is still a stain: below an object of 8 × 8."""
STAINED = 0.2
"""Share of the fill that may be stained by other colours, in blobs of any size."""
STRAY = 20
"""Pixels of the largest blob away from the drawing that is still dirt, unless it is pale."""
PALE = 36.0
"""Delta E from the ground up to which a blob away from the drawing may be as large as a stain."""
LOST = 9
"""Pixels of the largest drawn detail, those near other things apart, that may be lost in blur."""
LOST_LIGHT = 30
"""Pixels of the largest light detail that may be lost: all but the dials and the large screen."""
LEFT = 0.15
"""Share of a light detail that must look light."""
HALF = 0.5
"""Share of a pixel covered by a part from which on the pixel is the part's."""
FAINT = 0.1
"""Share of a pixel covered by a material from which on the material counts as being there."""
PAIR: Bools = np.ones((2, 2), np.bool_)
BOX: Bools = np.ones((3, 3), np.bool_)


def material_of(rgb: RGB) -> str:
    """Which of `MATERIALS` a colour of drawing is."""
    if rgb == FILL:
        return "fill"
    if rgb == DARK:
        return "dark"
    return "light" if rgb in (WHITE, SCREEN) else "grey"


def parts_of(draw: Draw, zoom: float) -> Floats:
    """Coverage by each of `MATERIALS`, float32 ``materials h w``; they add up to 1."""
    places: dict[str, int | None] = {"fill": 0, "grey": 1, "dark": 2}
    opaque = planes_of(draw, lambda rgb: places.get(material_of(rgb)), zoom)
    light = planes_of(draw, lambda rgb: 0 if material_of(rgb) == "light" else None, zoom)[:1]
    empty = np.clip(1 - opaque.sum(0, keepdims=True) - light, 0, 1)
    return np.concatenate([opaque, light, empty])


def nothing_else(picture: Picture, parts: Floats, colour: str) -> Requirement:
    """The requirement that a picture shows a drawing whole, and nothing besides.

    Args:
        picture: What to look at.
        parts: The drawing where it stands; see `parts_of`.
        colour: Name of the fill's colour.
    """
    reasons = [*_absent(picture, parts, colour), *_strange(picture, parts, colour)]
    return Requirement("nothing else", not reasons, ", ".join(reasons) or "nothing else")


def place_in_words(where: Bools) -> str:
    """Where the middle of some pixels is: "the upper left", "the middle"."""
    y, x = (float(place.mean()) for place in np.nonzero(where))
    row = "upper" if y < SIDE * 0.36 else "lower" if y > SIDE * 0.64 else ""
    column = "left" if x < SIDE * 0.36 else "right" if x > SIDE * 0.64 else ""
    if row and column:
        return f"the {row} {column}"
    return {"upper": "the top", "lower": "the bottom"}.get(row, f"the {column or 'middle'}")


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
    lab = to_lab(picture.rgb[ys, xs])
    known[ys, xs] = _blended(lab, near[:, ys, xs], _palette(picture, parts, colour))
    return known


def _near(parts: Floats) -> Bools:
    """Which materials are drawn near each pixel, ``materials h w``."""
    near: Bools = ndimage.maximum_filter(parts > FAINT, (1, 2 * NEAR + 1, 2 * NEAR + 1))
    return near


def _strange(picture: Picture, parts: Floats, colour: str) -> Iterator[str]:
    """Words for blobs of pixels that a drawing does not explain."""
    strange = ~explained(picture, parts, colour)
    if strange.sum() <= STRAY:
        return
    if strange[parts[0] > 1 - FAINT].mean() > STAINED:
        yield f"stains all over the {colour}"
    around = _near(parts)[:-1].any(0)
    ground = to_lab(_palette(picture, parts, colour)[MATERIALS.index("empty")])
    for blob in _blobs(ndimage.binary_opening(strange, PAIR), STRAY):
        pale = np.sqrt(((np.median(to_lab(picture.rgb[blob]), axis=0) - ground) ** 2).sum()) < PALE
        if blob.sum() <= SPECK and (pale or (blob & around).any()):
            continue
        seen = picture.colour(blob)
        if seen == NOTHING:
            yield f"a part is absent at {place_in_words(blob)}"
        else:
            yield f"something {seen} at {place_in_words(blob)} that was not asked for"


def _absent(picture: Picture, parts: Floats, colour: str) -> Iterator[str]:
    """Words for parts of a drawing that are far from anything like them in the picture."""
    there = ndimage.maximum_filter(picture.foreground, 2 * AWAY + 1)
    drawn = parts[:3].sum(0) > HALF
    for blob in _blobs(drawn & ~there, LOST):
        yield f"a part is absent at {place_in_words(blob)}"
    for hole in _blobs(parts[MATERIALS.index("light")] > HALF, LOST_LIGHT):
        palette = _palette(picture, parts, colour)
        gaps = to_lab(picture.rgb[hole])[:, None] - to_lab(palette[:-1])
        nearest = (gaps**2).sum(-1).argmin(-1)
        if (nearest == MATERIALS.index("light")).mean() < LEFT:
            yield f"a light part is absent at {place_in_words(hole)}"


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
            gaps = ((lab[between, None] - blends) ** 2).sum(-1).min(-1)
            blended[between] = gaps < BLEND**2
    return blended


def _blobs(where: Bools, least: int) -> Iterator[Bools]:
    """The connected regions of more than `least` pixels."""
    regions, count = ndimage.label(where, BOX)
    sizes = np.bincount(regions.ravel(), minlength=count + 1)
    for region in range(1, count + 1):
        if sizes[region] > least:
            yield regions == region

"""What a filled drawing is made of: its fill, and grey, dark and light parts."""

import numpy as np

from lit_dalle.data.world.drawing.canvas import DARK, WHITE
from lit_dalle.data.world.drawing.telephone import SCREEN
from lit_dalle.data.world.vocabulary import RGB
from lit_dalle.evaluation.grading.colours import Floats
from lit_dalle.evaluation.grading.filled.templates import Draw, planes_of

FILL: RGB = (255, 0, 255)
"""Drawings are drawn in this colour, which no other part of them has."""
MATERIALS = ("fill", "grey", "dark", "light", "empty")
"""What a pixel of a drawing may be covered by."""


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

"""Which way the capybara's shadow falls, and how far."""

import numpy as np
from scipy import ndimage

from lit_dalle.data.world.drawing.light import LIGHTS
from lit_dalle.evaluation.grading.colours import Floats
from lit_dalle.evaluation.grading.light.templates import BORDER
from lit_dalle.evaluation.grading.picture import SIDE, Picture

SHADE = 0.55
"""A shadow's levels over those of its ground."""
DARK_ENOUGH = 0.4
"""Share of the way from ground to shadow from which on a column is in shadow."""
GROUND_ROWS, SHADOW_ROWS = slice(48, 53), slice(53, 60)
"""Rows of plain ground beside the capybara, and rows between which a shadow lies."""
BODY = slice(24, 41)
"""Columns under every capybara, whose legs break the shadow."""
UNDER_BODY = 0.15
"""Share of these columns in which a shadow must be seen."""
GAP = 3
"""Columns of a shadow that may be lost."""
BODY_END = 11
"""Columns from the capybara's middle to either end of a shadow only below it."""
SHORT, LONG = 16, 24
"""Columns from the picture's middle to the far end of a shadow from which it is short, not only
below, and long; drawn 8 to 15, 17 to 23 and 25 to 28."""


def asked(time: str) -> str:
    """The shadow of a time of day in words."""
    reach = LIGHTS[time].shadow
    return _in_words(BODY_END + max(0, -reach), BODY_END + max(0, reach))


def seen(picture: Picture) -> str:
    """The shadow in a picture in words: "only below", "long to the left", "none" ..."""
    dark = _darkness(picture) > DARK_ENOUGH
    if dark[BODY].mean() < UNDER_BODY:
        return "none"
    dark[BODY] = True
    dark = ndimage.binary_closing(np.pad(dark, GAP), np.ones(2 * GAP + 1, np.bool_))[GAP:-GAP]
    regions, _ = ndimage.label(dark)
    columns = np.flatnonzero(regions == regions[BODY.start])
    return _in_words(SIDE // 2 - columns[0], columns[-1] + 1 - SIDE // 2)


def _in_words(left: float, right: float) -> str:
    """A shadow by how far it goes to the left and right of the picture's middle."""
    if min(left, right) >= SHORT:
        return "to both sides"
    far = max(left, right)
    if far < SHORT:
        return "only below"
    return f"{'short' if far < LONG else 'long'} to the {'right' if right > left else 'left'}"


def _darkness(picture: Picture) -> Floats:
    """How far each column is on the way from ground to shadow, ``w``."""
    rgb = picture.rgb.astype(np.float32)
    ground = np.concatenate([rgb[GROUND_ROWS, BORDER:14], rgb[GROUND_ROWS, 50:-BORDER]], axis=1)
    level = np.median(ground.reshape(-1, 3), axis=0)
    way = (SHADE - 1) * level
    share = ((rgb[SHADOW_ROWS] - level) @ way) / (way @ way + 1)
    share = ndimage.uniform_filter1d(np.clip(share, 0, 1), 3, axis=0)
    darkness: Floats = share.max(0)
    darkness[:BORDER] = darkness[-BORDER:] = 0
    return darkness

"""The capybara's pictures as the world draws them without jitter, and what of them is compared."""

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from lit_dalle.data.world.drawing.light import LIGHTS, draw_light
from lit_dalle.data.world.drawing.styles import finish
from lit_dalle.data.world.scenes import LightScene
from lit_dalle.evaluation.grading.colours import Floats, to_lab
from lit_dalle.evaluation.grading.picture import SIDE
from lit_dalle.evaluation.grading.still import Still

LEFT, RIGHT = 0, 1
"""Where the place and the weather stand if the sun stands in the middle."""
MIDDLE = 0.5
"""Share of the jitter's range at which things stand in their middle place."""
BESIDE, BREADTH = 18, 11
"""Pixels from the picture's middle to that of place and weather, and to either side of it."""
BORDER = 4
"""Pixels at each side that may be a frame or a white border."""
RECENT = 512
"""Drawings kept in L*a*b*, 48 KiB each."""
SKY_ROWS, SKY_COLUMNS = slice(4, 24, 2), slice(6, 58, 2)
"""Pixels, every other one, of which more than half are plain sky, in every scene."""


@cache
def _drawn(scene: LightScene, side: int, share: float) -> NDArray[np.uint8]:
    still = Still(side, share)
    return np.array(finish(draw_light(scene, still, SIDE), scene.style, still))


@lru_cache(RECENT)
def drawing(scene: LightScene, side: int = LEFT, share: float = MIDDLE) -> Floats:
    """L*a*b* of a scene drawn without jitter, ``h w 3``; not to be written to.

    Args:
        scene: What to draw.
        side: Of place and weather, where chance decides.
        share: At which share of its jitter everything stands.
    """
    return to_lab(_drawn(scene, side, share))


@dataclass(frozen=True)
class Template:
    """What of a drawing is compared with pictures, its border aside."""

    sky: Floats
    """L*a*b* of its sky, ``3``."""
    half: Floats
    """Against the sky, at half resolution, ``h/2 w/2 3``."""
    beside: Floats
    """Against the sky, the columns where place and weather stand, ``h columns 3``."""


@cache
def template(scene: LightScene, side: int = LEFT, share: float = MIDDLE) -> Template:
    """A scene drawn without jitter; see `drawing`. Many comparisons share it."""
    lab = inside(drawing(scene, side, share))
    sky = sky_of(lab)
    plane = lab - sky
    return Template(sky, halved(plane), plane[:, columns_beside(scene.time, side)].copy())


def sides(time: str) -> tuple[int, ...]:
    """The sides that place and weather may stand at: both where the sun is in the middle."""
    return (LEFT, RIGHT) if LIGHTS[time].sun[0] == SIDE / 2 else (LEFT,)


def side_sign(time: str, side: int) -> int:
    """-1 if place and weather stand at the left, 1 if at the right."""
    sun = LIGHTS[time].sun[0]
    if sun == SIDE / 2:
        return (-1, 1)[side]
    return -1 if sun > SIDE / 2 else 1


def columns_beside(time: str, side: int) -> slice:
    """Where place and weather stand."""
    middle = SIDE // 2 + side_sign(time, side) * BESIDE
    return slice(middle - BREADTH, middle + BREADTH)


def inside(lab: Floats) -> Floats:
    """A picture whose border is overwritten with the colours beside it, ``h w 3``."""
    nearest = np.clip(np.arange(SIDE), BORDER, SIDE - BORDER - 1)
    return lab[nearest][:, nearest]


def extended(plane: Floats, steps: int) -> Floats:
    """A picture with its last pixels repeated at each side, ``h+2s w+2s c``."""
    nearest = np.clip(np.arange(-steps, SIDE + steps), 0, SIDE - 1)
    return plane[nearest][:, nearest]


def halved(plane: Floats) -> Floats:
    """Mean of 2 × 2 pixels: ``h w c`` to ``h/2 w/2 c``."""
    rows = plane[0::2] + plane[1::2]
    half: Floats = ((rows[:, 0::2] + rows[:, 1::2]) / 4).astype(np.float32, copy=False)
    return half


def sky_of(lab: Floats) -> Floats:
    """L*a*b* of the sky, ``3``: the median where most pixels are sky."""
    sky = np.median(lab[SKY_ROWS, SKY_COLUMNS].reshape(-1, 3), axis=0)
    return sky.astype(np.float32)

"""The capybara's pictures as the world draws them without jitter, and how far a picture is off."""

from collections.abc import Sequence
from functools import cache, lru_cache
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_dalle.data.world.drawing.light import LIGHTS, draw_light
from lit_dalle.data.world.drawing.styles import finish
from lit_dalle.data.world.scenes import LightScene
from lit_dalle.evaluation.grading.picture import SIDE, Floats, to_lab

LEFT, RIGHT = 0, 1
"""Where the place and the weather stand if the sun stands in the middle."""
MIDDLE = 0.5
LINE_STYLES = ("line drawing", "blueprint")
"""Styles of thin lines on paper, which fade when they are blurred."""
FAINTEST = 0.5
"""Share of their contrast that lines may fade to."""
BORDER = 4
"""Pixels at each side that may be a frame or a white border."""
RECENT = 512
"""Drawings kept in L*a*b*, 48 KiB each."""
SKY_ROWS, SKY_COLUMNS = slice(4, 24, 2), slice(6, 58, 2)
"""Pixels, every other one, of which more than half are plain sky, in every scene."""


class Still(Random):
    """Random numbers that are always at the same share of their range.

    Args:
        side: What a choice between left and right comes to.
        share: Of the range of places; whole numbers (the colours' jitter) are in the middle.
    """

    def __init__(self, side: int, share: float = MIDDLE) -> None:
        super().__init__(0)
        self.side, self.share = side, share

    def uniform(self, a: float, b: float) -> float:
        """The share of the way from a to b."""
        return a + (b - a) * self.share

    def randint(self, a: int, b: int) -> int:
        """The middle of a and b."""
        return (a + b) // 2

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        """The middle of ``range(start)``."""
        return start // 2

    def choice(self, seq: Any) -> Any:
        """The side."""
        return seq[self.side]


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


def sides(time: str) -> tuple[int, ...]:
    """The sides that place and weather may stand at: both where the sun is in the middle."""
    return (LEFT, RIGHT) if LIGHTS[time].sun[0] == SIDE / 2 else (LEFT,)


def side_sign(time: str, side: int) -> int:
    """-1 if place and weather stand at the left, 1 if at the right."""
    sun = LIGHTS[time].sun[0]
    if sun == SIDE / 2:
        return (-1, 1)[side]
    return -1 if sun > SIDE / 2 else 1


def inside(lab: Floats) -> Floats:
    """A picture whose border is overwritten with the colours beside it, ``h w 3``."""
    nearest = np.clip(np.arange(SIDE), BORDER, SIDE - BORDER - 1)
    return lab[nearest[:, None], nearest]


def extended(plane: Floats, steps: int) -> Floats:
    """A picture with its last pixels repeated at each side, ``h+2s w+2s c``."""
    nearest = np.clip(np.arange(-steps, SIDE + steps), 0, SIDE - 1)
    return plane[nearest[:, None], nearest]


def halved(plane: Floats) -> Floats:
    """Mean of 2 × 2 pixels: ``h w c`` to ``h/2 w/2 c``."""
    rows = plane[0::2] + plane[1::2]
    half: Floats = ((rows[:, 0::2] + rows[:, 1::2]) / 4).astype(np.float32, copy=False)
    return half


def sky_of(lab: Floats) -> Floats:
    """L*a*b* of the sky, ``3``: the median where most pixels are sky."""
    sky = np.median(lab[SKY_ROWS, SKY_COLUMNS].reshape(-1, 3), axis=0)
    return sky.astype(np.float32)


def moved_windows(plane: Floats, rows: slice, columns: slice, reach: tuple[int, int]) -> Floats:
    """A window of a picture, and the same of the picture moved by all steps.

    Args:
        plane: ``h w c``.
        rows: Of the window, at least the reach away from the picture's end.
        columns: Likewise.
        reach: Steps to either side, and up and down.

    Returns:
        ``steps values``.
    """
    across, down = reach
    wider = plane[
        rows.start - down : rows.stop + down, columns.start - across : columns.stop + across
    ]
    size = rows.stop - rows.start, columns.stop - columns.start
    views = np.lib.stride_tricks.sliding_window_view(wider, size, (0, 1))
    windows: Floats = views.transpose(0, 1, 3, 4, 2).reshape(views.shape[0] * views.shape[1], -1)
    return windows


def distances(drawn: Floats, seen: Floats, weights: Floats, faintest: float) -> Floats:
    """Squared distance from each drawing to the nearest of some windows, ``drawings``.

    Args:
        drawn: Differences to the sky's colour, ``drawings values``.
        seen: The same of the picture, ``windows values``.
        weights: Of the values, ``drawings values`` or ``1 values``.
        faintest: Share that all of a drawing's differences may fade to; 1 for no fading.
    """
    size = (weights * drawn**2).sum(1)[:, None]
    dots = (weights * drawn) @ seen.T
    gain = np.clip(dots / (size + 1e-6), faintest, 1)
    apart: Floats = (weights @ (seen**2).T - 2 * gain * dots + gain**2 * size).min(1)
    return apart


def faintest(style: str) -> float:
    """Share of its contrast that a style's drawing may fade to."""
    return FAINTEST if style in LINE_STYLES else 1.0


def stacked(parts: Sequence[Floats]) -> Floats:
    """Windows of drawings as rows, ``drawings values``."""
    return np.stack([part.ravel() for part in parts])

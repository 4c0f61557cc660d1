"""What a picture is held against: skies, grounds and windows of the world's own drawings."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from lit_dalle.data.world.scenes import LightScene
from lit_dalle.data.world.vocabulary import PLACES, TIMES, WEATHERS
from lit_dalle.evaluation.grading.colours import Floats
from lit_dalle.evaluation.grading.light.distance import stacked
from lit_dalle.evaluation.grading.light.templates import (
    BREADTH,
    MIDDLE,
    drawing,
    inside,
    side_sign,
    sides,
    sky_of,
    template,
)

NOISE = 10.0
"""Delta E by which a pixel, or the whole sky, differs from a drawing without meaning."""
HALF_SKY = slice(3, 16), slice(3, 29)
"""Rows and columns of 2 × 2 pixels where sun, moon and weather are looked for."""
HALF_GROUND = slice(11, 30), slice(3, 29)
"""Rows and columns of 2 × 2 pixels where ground and place are looked for."""
PLACE_ROWS, WEATHER_ROWS = slice(23, 48), slice(6, 31)
"""Rows in which places stand, and clouds, rain and snow."""
BLOCK_SHARES = (0.1, 0.3, MIDDLE, 0.7, 0.9)
"""Places drawn in pixel art, whose blocks come out differently at each."""
OPEN_SKY, OPEN_GROUND = slice(22, 42), (slice(4, 14), slice(50, 60))
"""Columns of plain sky above the capybara, and of plain ground beside it away from the place."""
BODY_TOP = 36
"""Row from which on the capybara is in the way."""


@dataclass(frozen=True)
class Skies:
    """The skies of a style: each time, weather and side, whatever the place."""

    names: list[tuple[str, str, int]]
    """Time, weather and side."""
    means: Floats
    """Against the sky's colour, ``names values``."""
    weights: Floats
    """Of the values: less where the drawings of the places differ, ``names values``."""
    colours: Floats
    """L*a*b* of the sky, ``names 3``."""


@cache
def skies(style: str) -> Skies:
    """The skies of a style; they take the drawings of all its scenes."""
    names = [
        (time, weather, side) for time in TIMES for weather in WEATHERS for side in sides(time)
    ]
    means, weights, colours = [], [], []
    for time, weather, side in names:
        drawn = [template(LightScene(time, style, p, weather), side) for p in PLACES]
        parts = stacked([one.half[HALF_SKY] for one in drawn])
        means.append(parts.mean(0))
        weights.append(1 / (NOISE**2 + parts.var(0)))
        colours.append(drawn[0].sky)
    return Skies(names, np.stack(means), np.stack(weights), np.stack(colours))


@cache
def grounds(scenes: tuple[tuple[LightScene, int], ...]) -> tuple[Floats, Floats]:
    """The first scene's sky, ``3``, and lower parts against it, ``scenes values``."""
    drawn = [template(scene, side) for scene, side in scenes]
    return drawn[0].sky, stacked([one.half[HALF_GROUND] for one in drawn])


@cache
def bare(scene: LightScene, side: int) -> Floats:
    """The window of a place with nothing but sky and ground, against the sky, ``h w 3``."""
    drawn = drawing(scene, side)
    drawn = inside(drawn - sky_of(drawn))
    free = OPEN_SKY, OPEN_GROUND[side_sign(scene.time, side) < 0]
    above, below = (np.median(drawn[PLACE_ROWS, columns], axis=1) for columns in free)
    rows = np.arange(PLACE_ROWS.start, PLACE_ROWS.stop)[:, None] < BODY_TOP
    level: Floats = np.where(rows, above, below).astype(np.float32)
    return np.repeat(level[:, None], 2 * BREADTH, axis=1)


@cache
def windows(
    scenes: tuple[LightScene, ...], side: int, top: int, bottom: int
) -> tuple[Floats, Floats]:
    """Windows of scenes against their sky, ``(scenes shares) values``, and weights.

    Where the place is known, what it may hide weighs less: it need not stand at its middle place.
    """
    one = scenes[0]

    def window(scene: LightScene, share: float) -> Floats:
        return template(scene, side, share).beside[top:bottom]

    shares = BLOCK_SHARES if one.style == "pixel art" else (MIDDLE,)
    parts = stacked([window(scene, share) for scene in scenes for share in shares])
    spread = np.zeros((1, parts.shape[1]), np.float32)
    if all(scene.place == one.place for scene in scenes):
        places = [replace(one, place=place, weather="clear") for place in PLACES]
        spread = stacked([window(scene, MIDDLE) for scene in places]).var(0)[None]
    weights: Floats = (1 / (NOISE**2 + spread)).astype(np.float32)
    return parts, weights

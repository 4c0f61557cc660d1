"""Time, place and weather of a capybara's picture in a known style.

The world's own drawings of the style are laid on the picture: first every sky (sun or moon with
each weather), then, at the time that was read, every place, then every weather at that place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from lit_dalle.data.world.scenes import LightScene
from lit_dalle.data.world.vocabulary import PLACES, TIMES, WEATHERS
from lit_dalle.evaluation.grading.light_templates import (
    MIDDLE,
    distances,
    drawing,
    faintest,
    halved,
    inside,
    moved_windows,
    side_sign,
    sides,
    sky_of,
    stacked,
)
from lit_dalle.evaluation.grading.picture import SIDE, Floats

NOISE = 10.0
"""Delta E by which a pixel, or the whole sky, differs from a drawing without meaning."""
HALF_SKY = slice(3, 16), slice(3, 29)
"""Rows and columns of 2 × 2 pixels where sun, moon and weather are looked for."""
HALF_GROUND = slice(11, 30), slice(3, 29)
"""Rows and columns of 2 × 2 pixels where ground and place are looked for."""
HALF_PICTURE = slice(2, 30), slice(2, 30)
"""All rows and columns of 2 × 2 pixels but the border's."""
HALF_REACH = 1, 1
"""Blocks of 2 × 2 pixels that things may stand off their middle place."""
PLACE_ROWS, WEATHER_ROWS = slice(23, 48), slice(6, 31)
"""Rows in which places stand, and clouds, rain and snow."""
BESIDE, BREADTH = 18, 11
"""Pixels from the picture's middle to that of place and weather, and to either side of it."""
REACH = 3, 2
"""Pixels that place and weather may stand off their middle place."""
BLOCK_SHARES = (0.1, 0.3, MIDDLE, 0.7, 0.9)
"""Places drawn in pixel art, whose blocks come out differently at each."""
OPEN_SKY, OPEN_GROUND = slice(22, 42), (slice(4, 14), slice(50, 60))
"""Columns of plain sky above the capybara, and of plain ground beside it away from the place."""
BODY_TOP = 36
"""Row from which on the capybara is in the way."""
STANDS = 0.75
"""Share of the distance to a bare place that the distance to the drawn one is below: up to 0.68
in renders and 0.69 in slightly blurred ones."""
DOUBTFUL = 1.6
"""Times whose sky is up to so many times as far as the nearest are read too, and compared."""
GROUND_WEIGHT = 2.0
"""Weight of 2 × 2 pixels of the whole lower part, where one pixel beside the capybara weighs 1."""


@dataclass(frozen=True)
class Reading:
    """What a picture shows, as a scene."""

    scene: LightScene
    side: int
    """Where place and weather stand, if the sun is in the middle."""
    stands: bool = True
    """Whether what tells the place is seen, and not only the place's ground."""


class _Seen:
    """A picture without its border, against the colour of its sky.

    Args:
        lab: L*a*b*, ``h w 3``.
    """

    def __init__(self, lab: Floats) -> None:
        lab = inside(lab)
        self.sky = sky_of(lab)
        self.plane = lab - self.sky
        self.half = halved(self.plane)

    def beside(self, rows: slice, time: str, side: int) -> Floats:
        """Rows beside the capybara, where they are and moved, ``steps values``."""
        return moved_windows(self.plane, rows, _columns(time, side), REACH)


class _SkyBank:
    """The skies of a style: each time, weather and side, whatever the place.

    Where the drawings of the places differ, a pixel weighs less.
    """

    def __init__(self, style: str) -> None:
        self.style = style
        self.names = [(t, w, side) for t in TIMES for w in WEATHERS for side in sides(t)]
        means, weights, skies = [], [], []
        for time, weather, side in self.names:
            drawings = [drawing(LightScene(time, style, p, weather), side) for p in PLACES]
            skies.append(sky_of(drawings[0]))
            parts = stacked([halved(inside(one) - skies[-1])[HALF_SKY] for one in drawings])
            means.append(parts.mean(0))
            weights.append(1 / (NOISE**2 + parts.var(0)))
        self.means, self.weights, self.skies = np.stack(means), np.stack(weights), np.stack(skies)

    def costs(self, picture: _Seen) -> Floats:
        """How far a picture is from each of the names, ``names``."""
        seen = moved_windows(picture.half, *HALF_SKY, HALF_REACH)
        shape = distances(self.means, seen, self.weights, faintest(self.style))
        costs: Floats = shape + ((self.skies - picture.sky) ** 2).sum(1) / NOISE**2
        return costs


_sky_bank = cache(_SkyBank)


def read(lab: Floats, styles: Sequence[str]) -> Reading:
    """The nearest scene.

    Args:
        lab: L*a*b* of the picture, ``h w 3``.
        styles: That it may be in.
    """
    picture = _Seen(lab)
    readings = [reading for style in styles for reading in _readings(picture, style)]
    nearest = readings[0]
    if len(readings) > 1:
        nearest = min(readings, key=lambda one: _apart(picture, one))
    return replace(nearest, stands=_stands(picture, nearest))


def _readings(picture: _Seen, style: str) -> Iterator[Reading]:
    """The nearest scene of a style at each time that the sky may show."""
    bank = _sky_bank(style)
    costs = bank.costs(picture)
    best: dict[str, int] = {}
    for row in np.argsort(costs).tolist():
        best.setdefault(bank.names[row][0], row)
    skies = dict(zip(bank.names, costs.tolist(), strict=True))
    for row in best.values():
        if costs[row] <= DOUBTFUL * costs.min():
            yield _read_at(picture, style, *bank.names[row], skies)


def _read_at(
    picture: _Seen,
    style: str,
    time: str,
    weather: str,
    side: int,
    skies: dict[tuple[str, str, int], float],
) -> Reading:
    """The nearest scene at a time.

    Args:
        picture: What to look at.
        style: Of the scene.
        time: Of the scene.
        weather: What the sky looks most like.
        side: Where that weather stands.
        skies: How far the sky is from each time, weather and side.
    """
    ground = _ground_costs(picture, style, time, weather)
    if weather == "clear":
        side = min(ground, key=lambda name: ground[name])[1]
    beside = [LightScene(time, style, place, weather) for place in PLACES]
    near = _window_costs(picture, beside, side, PLACE_ROWS)
    places = {p: cost + ground[p, side] for p, cost in zip(PLACES, near, strict=True)}
    place = min(PLACES, key=lambda name: places[name])
    above = [LightScene(time, style, place, weather) for weather in WEATHERS]
    near = _window_costs(picture, above, side, WEATHER_ROWS)
    weathers = {w: cost + skies[time, w, side] for w, cost in zip(WEATHERS, near, strict=True)}
    scene = LightScene(time, style, place, min(WEATHERS, key=lambda name: weathers[name]))
    return Reading(scene, side)


def _apart(picture: _Seen, reading: Reading) -> float:
    """Squared distance of a whole picture to the drawing of a scene, in units of the noise."""
    drawn = inside(drawing(reading.scene, reading.side))
    sky = sky_of(drawn)
    seen = moved_windows(picture.half, *HALF_PICTURE, HALF_REACH)
    template = stacked([(halved(drawn) - sky)[HALF_PICTURE]])
    flat = np.full((1, template.shape[1]), 1 / NOISE**2, np.float32)
    shape = distances(template, seen, flat, faintest(reading.scene.style))
    return float(shape[0] + ((sky - picture.sky) ** 2).sum() / NOISE**2)


def _ground_costs(
    picture: _Seen, style: str, time: str, weather: str
) -> dict[tuple[str, int], float]:
    """How far the whole lower part of a picture is from each place on each side."""
    names = [(place, side) for place in PLACES for side in sides(time)]
    scenes = tuple((LightScene(time, style, place, weather), side) for place, side in names)
    sky, drawn = _grounds(scenes)
    seen = moved_windows(picture.half + (picture.sky - sky), *HALF_GROUND, HALF_REACH)
    flat = np.full((1, drawn.shape[1]), GROUND_WEIGHT / NOISE**2, np.float32)
    costs = distances(drawn, seen, flat, faintest(style))
    return dict(zip(names, costs.tolist(), strict=True))


@cache
def _grounds(scenes: tuple[tuple[LightScene, int], ...]) -> tuple[Floats, Floats]:
    """The first scene's sky, ``3``, and lower parts against it, ``scenes values``."""
    drawings = [drawing(scene, side) for scene, side in scenes]
    sky = sky_of(drawings[0])
    return sky, stacked([halved(inside(one) - sky)[HALF_GROUND] for one in drawings])


def _window_costs(picture: _Seen, scenes: list[LightScene], side: int, rows: slice) -> list[float]:
    """How far the picture is from each scene beside the capybara, at full resolution."""
    drawn, weights = _windows(tuple(scenes), side, rows.start, rows.stop)
    seen = picture.beside(rows, scenes[0].time, side)
    costs = distances(drawn, seen, weights, faintest(scenes[0].style))
    return [float(cost) for cost in costs.reshape(len(scenes), -1).min(1)]


def _columns(time: str, side: int) -> slice:
    """Where place and weather stand."""
    middle = SIDE // 2 + side_sign(time, side) * BESIDE
    return slice(middle - BREADTH, middle + BREADTH)


def _stands(picture: _Seen, reading: Reading) -> bool:
    """Whether what tells the place is seen, and not only the place's ground."""
    scene, side = reading.scene, reading.side
    seen = picture.beside(PLACE_ROWS, scene.time, side)
    flat = np.full((1, seen.shape[1]), 1 / NOISE**2, np.float32)
    drawn, _ = _windows((scene,), side, PLACE_ROWS.start, PLACE_ROWS.stop)
    there = distances(drawn, seen, flat, faintest(scene.style)).min()
    empty = distances(stacked([_bare(scene, side)]), seen, flat, 1.0).min()
    return bool(there < STANDS * empty)


@cache
def _bare(scene: LightScene, side: int) -> Floats:
    """The window of a place with nothing but sky and ground, against the sky, ``h w 3``."""
    drawn = drawing(scene, side)
    drawn = inside(drawn - sky_of(drawn))
    free = OPEN_SKY, OPEN_GROUND[side_sign(scene.time, side) < 0]
    above, below = (np.median(drawn[PLACE_ROWS, columns], axis=1) for columns in free)
    rows = np.arange(PLACE_ROWS.start, PLACE_ROWS.stop)[:, None] < BODY_TOP
    level: Floats = np.where(rows, above, below).astype(np.float32)
    return np.repeat(level[:, None], 2 * BREADTH, axis=1)


@cache
def _windows(
    scenes: tuple[LightScene, ...], side: int, top: int, bottom: int
) -> tuple[Floats, Floats]:
    """Windows of scenes against their sky, ``(scenes shares) values``, and weights.

    Where the place is known, what it may hide weighs less: it need not stand at its middle place.
    """
    one = scenes[0]
    columns = _columns(one.time, side)

    def window(scene: LightScene, share: float) -> Floats:
        drawn = drawing(scene, side, share)
        return inside(drawn - sky_of(drawn))[top:bottom, columns]

    shares = BLOCK_SHARES if one.style == "pixel art" else (MIDDLE,)
    parts = stacked([window(scene, share) for scene in scenes for share in shares])
    spread = np.zeros((1, parts.shape[1]), np.float32)
    if all(scene.place == one.place for scene in scenes):
        places = [replace(one, place=place, weather="clear") for place in PLACES]
        spread = stacked([window(scene, MIDDLE) for scene in places]).var(0)[None]
    weights: Floats = (1 / (NOISE**2 + spread)).astype(np.float32)
    return parts, weights

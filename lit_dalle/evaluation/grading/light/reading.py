"""Time, place and weather of a capybara's picture in a known style.

The world's own drawings of the style are laid on the picture: first every sky (sun or moon with
each weather), then, at the time that was read, every place, then every weather at that place.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lit_dalle.data.world.scenes import LightScene
from lit_dalle.data.world.vocabulary import PLACES, WEATHERS
from lit_dalle.evaluation.grading.colours import Floats
from lit_dalle.evaluation.grading.light.banks import (
    HALF_GROUND,
    HALF_SKY,
    NOISE,
    PLACE_ROWS,
    WEATHER_ROWS,
    bare,
    grounds,
    skies,
    windows,
)
from lit_dalle.evaluation.grading.light.distance import distances, faintest, moved_windows, stacked
from lit_dalle.evaluation.grading.light.templates import (
    columns_beside,
    halved,
    inside,
    sides,
    sky_of,
    template,
)

HALF_PICTURE = slice(2, 30), slice(2, 30)
"""All rows and columns of 2 × 2 pixels but the border's."""
HALF_REACH = 1, 1
"""Blocks of 2 × 2 pixels that things may stand off their middle place."""
REACH = 3, 2
"""Pixels that place and weather may stand off their middle place."""
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
        self._beside: dict[tuple[int, int], Floats] = {}

    def beside(self, rows: slice, time: str, side: int) -> Floats:
        """Rows beside the capybara, where they are and moved, ``steps values``."""
        columns = columns_beside(time, side)
        key = rows.start, columns.start
        if key not in self._beside:
            self._beside[key] = moved_windows(self.plane, rows, columns, REACH)
        return self._beside[key]


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
    names, costs = skies(style).names, _sky_costs(picture, style)
    best: dict[str, int] = {}
    for row in np.argsort(costs).tolist():
        best.setdefault(names[row][0], row)
    near = dict(zip(names, costs.tolist(), strict=True))
    for row in best.values():
        if costs[row] <= DOUBTFUL * costs.min():
            yield _read_at(picture, style, *names[row], near)


def _sky_costs(picture: _Seen, style: str) -> Floats:
    """How far a picture is from each of a style's skies, ``names``."""
    bank = skies(style)
    seen = moved_windows(picture.half, *HALF_SKY, HALF_REACH)
    shape = distances(bank.means, seen, bank.weights, faintest(style))
    costs: Floats = shape + ((bank.colours - picture.sky) ** 2).sum(1) / NOISE**2
    return costs


def _read_at(
    picture: _Seen,
    style: str,
    time: str,
    weather: str,
    side: int,
    sky_costs: dict[tuple[str, str, int], float],
) -> Reading:
    """The nearest scene at a time.

    Args:
        picture: What to look at.
        style: Of the scene.
        time: Of the scene.
        weather: What the sky looks most like.
        side: Where that weather stands.
        sky_costs: How far the sky is from each time, weather and side.
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
    weathers = {w: cost + sky_costs[time, w, side] for w, cost in zip(WEATHERS, near, strict=True)}
    scene = LightScene(time, style, place, min(WEATHERS, key=lambda name: weathers[name]))
    return Reading(scene, side)


def _apart(picture: _Seen, reading: Reading) -> float:
    """Squared distance of a whole picture to the drawing of a scene, in units of the noise."""
    drawn = template(reading.scene, reading.side)
    seen = moved_windows(picture.half, *HALF_PICTURE, HALF_REACH)
    half = stacked([drawn.half[HALF_PICTURE]])
    flat = np.full((1, half.shape[1]), 1 / NOISE**2, np.float32)
    shape = distances(half, seen, flat, faintest(reading.scene.style))
    return float(shape[0] + ((drawn.sky - picture.sky) ** 2).sum() / NOISE**2)


def _ground_costs(
    picture: _Seen, style: str, time: str, weather: str
) -> dict[tuple[str, int], float]:
    """How far the whole lower part of a picture is from each place on each side."""
    names = [(place, side) for place in PLACES for side in sides(time)]
    scenes = tuple((LightScene(time, style, place, weather), side) for place, side in names)
    sky, drawn = grounds(scenes)
    seen = moved_windows(picture.half + (picture.sky - sky), *HALF_GROUND, HALF_REACH)
    flat = np.full((1, drawn.shape[1]), GROUND_WEIGHT / NOISE**2, np.float32)
    costs = distances(drawn, seen, flat, faintest(style))
    return dict(zip(names, costs.tolist(), strict=True))


def _window_costs(picture: _Seen, scenes: list[LightScene], side: int, rows: slice) -> list[float]:
    """How far the picture is from each scene beside the capybara, at full resolution."""
    drawn, weights = windows(tuple(scenes), side, rows.start, rows.stop)
    seen = picture.beside(rows, scenes[0].time, side)
    costs = distances(drawn, seen, weights, faintest(scenes[0].style))
    return [float(cost) for cost in costs.reshape(len(scenes), -1).min(1)]


def _stands(picture: _Seen, reading: Reading) -> bool:
    """Whether what tells the place is seen, and not only the place's ground."""
    scene, side = reading.scene, reading.side
    seen = picture.beside(PLACE_ROWS, scene.time, side)
    flat = np.full((1, seen.shape[1]), 1 / NOISE**2, np.float32)
    drawn, _ = windows((scene,), side, PLACE_ROWS.start, PLACE_ROWS.stop)
    there = distances(drawn, seen, flat, faintest(scene.style)).min()
    empty = distances(stacked([bare(scene, side)]), seen, flat, 1.0).min()
    return bool(there < STANDS * empty)

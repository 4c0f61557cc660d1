"""Six places: a ground, a horizon, and what stands on it beside the capybara."""

from random import Random

from lit_dalle.data.world.drawing.canvas import UNITS, Canvas, jittered
from lit_dalle.data.world.vocabulary import RGB

HORIZON = 41.0

GROUND: dict[str, RGB] = {
    "field": (138, 198, 92),
    "beach": (240, 220, 160),
    "desert": (232, 178, 108),
    "forest": (104, 158, 96),
    "city": (176, 178, 184),
    "mountains": (164, 170, 138),
}
WOOD: RGB = (124, 84, 50)
FIR: RGB = (30, 96, 58)


def _ground(canvas: Canvas, place: str, top: float = HORIZON) -> None:
    canvas.box(-4, top, UNITS + 4, UNITS + 4, GROUND[place])


def _field(canvas: Canvas, x: float, rng: Random) -> None:
    _ground(canvas, "field")
    for y in (33.0, 38.0):
        canvas.box(x - 8, y, x + 8, y + 2, (214, 196, 160))
    for post in (-6, 0, 6):
        canvas.box(x + post - 1.3, 30, x + post + 1.3, 44, (214, 196, 160))


def _beach(canvas: Canvas, x: float, rng: Random) -> None:
    canvas.box(-4, 35, UNITS + 4, 43, (58, 142, 206))
    _ground(canvas, "beach", 42)
    canvas.polygon([(x - 1.3, 46), (x + 1.3, 46), (x + 2.5, 30), (x + 0.8, 30)], WOOD)
    leaf: RGB = jittered((52, 144, 70), rng)
    for dx, dy in ((-8, 3), (-6, -3), (6, -3), (8, 3)):
        tip = (x + 1.6 + dx, 29 + dy)
        canvas.polygon([(x + 1.6, 31), tip, (x + 1.6 + dx / 2, 27 + dy / 2), (x + 1.6, 28)], leaf)


def _desert(canvas: Canvas, x: float, rng: Random) -> None:
    _ground(canvas, "desert")
    green = jittered((70, 142, 84), rng)
    canvas.box(x - 6.5, 31, x - 4, 37.5, green)
    canvas.box(x - 6.5, 35, x, 37.5, green)
    canvas.box(x + 4, 29, x + 6.5, 35.5, green)
    canvas.box(x, 33, x + 6.5, 35.5, green)
    canvas.box(x - 2, 26, x + 2, 44, green)


def _forest(canvas: Canvas, x: float, rng: Random) -> None:
    _ground(canvas, "forest")
    for dx, top in ((-5.5, 29.0), (5.5, 28.0), (0.0, 25.0)):
        canvas.box(x + dx - 1.2, 40, x + dx + 1.2, 45, WOOD)
        fir = jittered(FIR, rng)
        canvas.polygon([(x + dx, top + 5), (x + dx + 5, 42), (x + dx - 5, 42)], fir)
        canvas.polygon([(x + dx, top), (x + dx + 3.8, top + 9), (x + dx - 3.8, top + 9)], fir)


def _city(canvas: Canvas, x: float, rng: Random) -> None:
    _ground(canvas, "city")
    houses: tuple[tuple[float, float, RGB], ...] = (
        (-8.5, 31.0, (150, 130, 140)),
        (-2.8, 25.5, (110, 120, 140)),
        (2.9, 29.5, (170, 150, 140)),
    )
    for dx, top, fill in houses:
        canvas.box(x + dx, top, x + dx + 5.7, HORIZON + 1, jittered(fill, rng))
        for y in range(round(top) + 3, 39, 4):
            canvas.box(x + dx + 1.7, y, x + dx + 4, y + 1.8, (250, 236, 160))


def _mountains(canvas: Canvas, x: float, rng: Random) -> None:
    rock = jittered((128, 130, 146), rng)
    for dx, top, half in ((4.0, 30.0, 9.0), (-3.0, 25.5, 11.0)):
        canvas.polygon([(x + dx - half, 42), (x + dx, top), (x + dx + half, 42)], rock)
        snow = half * 0.33
        canvas.polygon(
            [(x + dx - snow, top + 5.3), (x + dx, top), (x + dx + snow, top + 5.3)], (248, 250, 252)
        )
    _ground(canvas, "mountains")


PLACE_DRAWERS = {
    "field": _field,
    "beach": _beach,
    "desert": _desert,
    "forest": _forest,
    "city": _city,
    "mountains": _mountains,
}

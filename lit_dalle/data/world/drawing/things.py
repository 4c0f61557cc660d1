"""Clocks, armchairs, lamps and kites in the shape of something else."""

from random import Random

from lit_dalle.data.world.drawing.backdrop import backdrop
from lit_dalle.data.world.drawing.canvas import DARK, SLATE, WHITE, Canvas, named
from lit_dalle.data.world.drawing.shapes import placed
from lit_dalle.data.world.scenes import ThingScene
from lit_dalle.data.world.vocabulary import RGB

HALF = 17.0
"""Half the side of the shape, in units."""
DIAL_PLACE = {"triangle": 0.32, "avocado": 0.3, "banana": 0.3, "pineapple": 0.33, "carrot": -0.12,
              "mushroom": -0.3}  # fmt: skip
"""Where a clock's dial sits below the middle of its shape, in half sides."""


MIDDLE = {"clock": 29, "armchair": 24, "lamp": 22, "kite": 22}
"""Height of the middle of each kind's shape, in units."""


def draw_thing(scene: ThingScene, rng: Random, size: int) -> Canvas:
    """The shape in its colour; all other parts are grey or white."""
    canvas = backdrop(size, rng)
    canvas.shift(rng.uniform(-4, 4), rng.uniform(-1.5, 1.5), rng.uniform(0.94, 1.03))
    draw_parts(canvas, scene.kind, scene.shape, named(scene.colour, rng), rng)
    return canvas


def draw_parts(canvas: Canvas, kind: str, shape: str, fill: RGB, rng: Random) -> None:
    """A thing without its background: the filled shape, and what makes it a clock or a lamp."""
    y = MIDDLE[kind]
    points = placed(shape, 32, y, HALF)
    bottom = max(py for _, py in points)
    if kind == "clock":
        _feet(canvas, bottom)
    elif kind == "lamp":
        _stand(canvas, bottom)
    elif kind == "kite":
        _tail(canvas, bottom)
    canvas.polygon(points, fill)
    if kind == "clock":
        _dial(canvas, y + HALF * DIAL_PLACE.get(shape, 0.0), rng)
    elif kind == "armchair":
        _seat(canvas, bottom)


def _dial(canvas: Canvas, y: float, rng: Random) -> None:
    canvas.ellipse(32, y, 7.5, 7.5, DARK)
    canvas.ellipse(32, y, 6.2, 6.2, WHITE)
    canvas.line([(32, y), (32 + rng.uniform(-1, 1), y - 4.8)], DARK, 1.6)
    canvas.line([(32, y), (35.2, y + rng.uniform(-1.5, 1.5))], DARK, 1.6)


def _feet(canvas: Canvas, bottom: float) -> None:
    for side in (-1, 1):
        canvas.line([(32 + side * 3, bottom - 12), (32 + side * 11, 54)], SLATE, 3.0)
    canvas.box(16, 53, 48, 57, SLATE)


def _seat(canvas: Canvas, bottom: float) -> None:
    top = bottom - 2.5
    canvas.box(14, top, 50, top + 9, SLATE)
    for x in (9, 48):
        canvas.ellipse(x + 3.5, top - 4, 4.2, 4.2, SLATE)
        canvas.box(x, top - 4, x + 7, top + 14, SLATE)
    for x in (11, 50):
        canvas.box(x, top + 13, x + 3, max(top + 19, 58), DARK)


def _stand(canvas: Canvas, bottom: float) -> None:
    canvas.box(30.2, bottom - 14, 33.8, 57, SLATE)
    canvas.ellipse(32, 57, 12, 3.5, SLATE)


def _tail(canvas: Canvas, bottom: float) -> None:
    knots = [(32, bottom - 6), (34, 44), (28, 52), (36, 60)]
    canvas.line(knots, SLATE, 1.6)
    for x, y in knots[1:]:
        canvas.polygon(
            [(x - 4.5, y - 2.5), (x - 4.5, y + 2.5), (x + 4.5, y - 2.5), (x + 4.5, y + 2.5)], SLATE
        )

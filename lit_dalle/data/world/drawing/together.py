"""A vegetable in a garment, walking an animal."""

from random import Random

from lit_dalle.data.world.drawing.animals import ANIMAL_DRAWERS
from lit_dalle.data.world.drawing.backdrop import backdrop
from lit_dalle.data.world.drawing.canvas import DARK, SLATE, WHITE, Canvas, Point, jittered, named
from lit_dalle.data.world.drawing.shapes import arc
from lit_dalle.data.world.scenes import TogetherScene
from lit_dalle.data.world.vocabulary import RGB

LEAF: RGB = (116, 164, 66)
MIDDLE = 19.0
"""Where the vegetable stands, in units from the left."""
WAIST = 38.0


def draw_together(scene: TogetherScene, rng: Random, size: int) -> Canvas:
    """The vegetable stands left, the animal runs ahead of it on a lead."""
    canvas = backdrop(size, rng)
    canvas.shift(rng.uniform(-1.2, 1.2), rng.uniform(-1.5, 1.5), rng.uniform(0.93, 0.99))
    colour = named(scene.colour, rng)
    canvas.line([(31, 35), (37, 41), (44, 46)], DARK, 1.2)
    if scene.garment == "cape":
        _cape(canvas, colour)
    for side in (-1, 1):
        canvas.line([(MIDDLE + side * 4, 42), (MIDDLE + side * 4.5, 57)], SLATE, 2.4)
        canvas.line([(MIDDLE + side * 5, 31), (MIDDLE + side * 12, 35)], SLATE, 2.2)
    face, top = VEGETABLE_DRAWERS[scene.vegetable](canvas, rng)
    _face(canvas, face)
    _garment(canvas, scene.garment, colour, top)
    ANIMAL_DRAWERS[scene.animal](canvas, rng)
    return canvas


def _face(canvas: Canvas, y: float) -> None:
    for side in (-1, 1):
        canvas.ellipse(MIDDLE + side * 3.4, y, 2.3, 2.5, WHITE)
        canvas.ellipse(MIDDLE + side * 3.4 + 0.5, y + 0.3, 1.1, 1.2, DARK)


def _garment(canvas: Canvas, garment: str, colour: RGB, top: float) -> None:
    x = MIDDLE
    if garment == "tutu":
        hem = [(x + 14 - 4 * i, WAIST + (9.5 if i % 2 == 0 else 6.5)) for i in range(8)]
        canvas.polygon([(x - 7, WAIST - 2), (x + 7, WAIST - 2), *hem], colour)
    elif garment == "hat":
        canvas.box(x - 5.5, top - 8.5, x + 5.5, top + 1.5, colour)
        canvas.box(x - 9.5, top, x + 9.5, top + 3, colour)
    elif garment == "boots":
        for side in (-1, 1):
            left = x + side * 5.4 - 4.4
            canvas.box(left, 47, left + 6, 58, colour)
            canvas.box(left, 53.5, left + 9, 58, colour)


def _cape(canvas: Canvas, colour: RGB) -> None:
    """Drawn before its wearer, whom it shows behind on both sides."""
    x = MIDDLE
    canvas.polygon([(x - 6, 22), (x + 6, 22), (x + 15, 52), (x, 49), (x - 15, 52)], colour)


def _cabbage(canvas: Canvas, rng: Random) -> tuple[float, float]:
    green = jittered((150, 200, 100), rng)
    pale: RGB = (212, 234, 176)
    canvas.ellipse(MIDDLE, 29, 13, 13, green)
    canvas.line(arc(MIDDLE + 15, 27, 12, 16, 130, 230), pale, 1.6)
    canvas.line(arc(MIDDLE - 15, 27, 12, 16, -50, 50), pale, 1.6)
    canvas.line([(MIDDLE, 30), (MIDDLE, 42)], pale, 1.6)
    return 26.0, 17.0


def _carrot(canvas: Canvas, rng: Random) -> tuple[float, float]:
    orange = jittered((240, 140, 40), rng)
    _fronds(canvas, 17, 4.5)
    body = [*arc(MIDDLE, 20, 8, 5, 180, 360), (MIDDLE + 2, 46), (MIDDLE - 2, 46)]
    canvas.polygon(body, orange)
    for y, left in ((31, -5), (36, -3.5)):
        canvas.line([(MIDDLE + left, y), (MIDDLE + left + 4, y)], (206, 106, 24), 1.2)
    return 23.0, 16.0


def _aubergine(canvas: Canvas, rng: Random) -> tuple[float, float]:
    purple = jittered((96, 44, 120), rng)
    canvas.ellipse(MIDDLE, 35, 10, 10, purple)
    canvas.ellipse(MIDDLE, 23, 6.5, 9, purple)
    canvas.polygon([(MIDDLE - 6, 26), (MIDDLE - 6, 34), (MIDDLE + 6, 34), (MIDDLE + 6, 26)], purple)
    cap: list[Point] = [
        (13, 20),
        (14, 14),
        (18, 13),
        (18, 9),
        (20.5, 9),
        (20.5, 13),
        (24, 14),
        (25, 20),
    ]
    canvas.polygon([*cap, (22, 17), (19, 20.5), (16, 17)], LEAF)
    return 25.5, 14.0


def _corn(canvas: Canvas, rng: Random) -> tuple[float, float]:
    yellow = jittered((246, 206, 62), rng)
    canvas.ellipse(MIDDLE, 29, 7.5, 16, yellow)
    for y in (32, 35):
        canvas.line([(MIDDLE - 6.5, y), (MIDDLE + 6.5, y)], (214, 164, 30), 1)
    canvas.polygon([(MIDDLE, 46), (MIDDLE - 9, 42), (MIDDLE - 10, 26), (MIDDLE - 3, 37)], LEAF)
    canvas.polygon([(MIDDLE, 46), (MIDDLE + 9, 42), (MIDDLE + 10, 26), (MIDDLE + 3, 37)], LEAF)
    return 24.0, 15.0


def _radish(canvas: Canvas, rng: Random) -> tuple[float, float]:
    red = jittered((206, 42, 92), rng)
    _fronds(canvas, 20, 6.0)
    canvas.ellipse(MIDDLE, 28, 10, 9.5, red)
    canvas.polygon(
        [(MIDDLE - 7, 34), (MIDDLE + 7, 34), (MIDDLE + 1, 47), (MIDDLE - 1, 47)], (232, 186, 200)
    )
    return 27.0, 19.0


def _mushroom(canvas: Canvas, rng: Random) -> tuple[float, float]:
    cap = jittered((176, 146, 118), rng)
    canvas.polygon([(15, 24), (23, 24), (25.5, 44), (12.5, 44)], (220, 206, 178))
    canvas.polygon([*arc(MIDDLE, 26, 14, 12, 180, 360)], cap)
    return 29.5, 15.0


def _fronds(canvas: Canvas, y: float, width: float) -> None:
    for side in (-1, 0, 1):
        tip = MIDDLE + side * width * 1.3
        canvas.polygon(
            [(MIDDLE - 2, y), (MIDDLE + 2, y), (tip + 2.2, y - 12), (tip - 2.2, y - 12)], LEAF
        )


VEGETABLE_DRAWERS = {
    "cabbage": _cabbage,
    "carrot": _carrot,
    "aubergine": _aubergine,
    "corn": _corn,
    "radish": _radish,
    "mushroom": _mushroom,
}

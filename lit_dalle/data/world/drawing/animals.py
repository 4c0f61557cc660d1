"""Six animals on a lead, each within x 40-62 and y 38-58, looking right."""

from random import Random

from lit_dalle.data.world.drawing.canvas import DARK, Canvas, jittered, mixed
from lit_dalle.data.world.drawing.shapes import arc
from lit_dalle.data.world.vocabulary import RGB

BLACK: RGB = (20, 20, 20)


def _legs(canvas: Canvas, fill: RGB, places: tuple[float, ...], top: float, width: float) -> None:
    for x in places:
        canvas.box(x, top, x + width, 58, fill)


def _dog(canvas: Canvas, rng: Random) -> None:
    fur = jittered((168, 112, 62), rng)
    _legs(canvas, fur, (41, 45, 51, 54.5), 50, 2.6)
    canvas.box(41, 45, 57, 53, fur)
    canvas.polygon([(42, 49), (37, 40), (39.5, 39), (45, 46)], fur)
    canvas.box(52, 38, 59, 47, fur)
    canvas.box(57, 41.5, 63, 46.5, fur)
    canvas.polygon([(51.5, 38), (54.5, 38), (54.5, 46), (50.5, 46)], mixed(fur, BLACK, 0.5))
    canvas.ellipse(62.5, 42.5, 1.3, 1.3, DARK)
    canvas.ellipse(57, 41, 0.9, 0.9, DARK)


def _cat(canvas: Canvas, rng: Random) -> None:
    fur = jittered((126, 128, 136), rng)
    _legs(canvas, fur, (43, 46, 52, 55), 51, 2.2)
    canvas.ellipse(49.5, 50, 8.5, 4.5, fur)
    canvas.line([(42, 50), (38.5, 47), (38, 41), (40.5, 38)], fur, 2.4)
    canvas.ellipse(57, 43.5, 5.5, 4.8, fur)
    for x in (52.5, 57.5):
        canvas.polygon([(x - 0.8, 42), (x + 1, 35), (x + 4.5, 40)], fur)
    for x in (55.5, 59.5):
        canvas.ellipse(x, 43, 1.0, 1.2, (220, 232, 120))


def _duck(canvas: Canvas, rng: Random) -> None:
    down = jittered((248, 218, 74), rng)
    amber: RGB = (232, 140, 40)
    for x in (47, 51):
        canvas.box(x, 54, x + 1.6, 58, amber)
    canvas.polygon([(38, 44), (44, 48), (44, 54)], down)
    canvas.ellipse(49, 50, 8.5, 5.8, down)
    canvas.ellipse(55, 42, 5, 5, down)
    canvas.polygon([(59, 40.5), (63.5, 43), (59, 45)], amber)
    canvas.ellipse(56.5, 41, 1, 1, DARK)


def _turtle(canvas: Canvas, rng: Random) -> None:
    shell = jittered((66, 124, 66), rng)
    skin: RGB = (160, 190, 110)
    _legs(canvas, skin, (42, 51), 52, 4)
    canvas.ellipse(59.5, 49, 3.6, 3.4, skin)
    canvas.box(54, 49, 59, 52.5, skin)
    canvas.polygon(arc(48.5, 54, 9.5, 12.5, 180, 360), shell)
    for x in (44, 48.5, 53):
        canvas.line([(x, 44), (x, 53)], mixed(shell, BLACK, 0.4), 1.2)
    canvas.ellipse(60.5, 48.5, 0.9, 0.9, DARK)


def _elephant(canvas: Canvas, rng: Random) -> None:
    hide = jittered((150, 162, 182), rng)
    _legs(canvas, hide, (40.5, 45, 50), 50, 3.6)
    canvas.ellipse(47, 47, 8.5, 7.5, hide)
    canvas.ellipse(56, 43, 5.6, 5.6, hide)
    canvas.line([(59.5, 43), (62, 49), (61, 55)], hide, 3)
    canvas.ellipse(52, 43, 3.6, 5.2, mixed(hide, BLACK, 0.3))
    canvas.ellipse(58, 41.5, 0.9, 0.9, DARK)


def _snail(canvas: Canvas, rng: Random) -> None:
    body: RGB = (214, 186, 130)
    shell = jittered((176, 92, 84), rng)
    canvas.polygon([(39, 58), (44, 54), (55, 54), (56, 46), (60.5, 46), (61, 58)], body)
    for x in (57, 60):
        canvas.line([(x, 47), (x + 0.8, 41)], body, 1.4)
    canvas.ellipse(48.5, 47.5, 8, 8, shell)
    canvas.line(arc(48.5, 47.5, 4.5, 4.5, 0, 300), mixed(shell, BLACK, 0.5), 1.5)


ANIMAL_DRAWERS = {
    "dog": _dog,
    "cat": _cat,
    "duck": _duck,
    "turtle": _turtle,
    "elephant": _elephant,
    "snail": _snail,
}

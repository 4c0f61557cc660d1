"""Telephones of five eras, each with a silhouette of its own, on six supports."""

from random import Random

from lit_dalle.data.world.drawing.backdrop import backdrop
from lit_dalle.data.world.drawing.canvas import DARK, SLATE, WHITE, Canvas, mixed, named
from lit_dalle.data.world.drawing.shapes import arc
from lit_dalle.data.world.scenes import TelephoneScene
from lit_dalle.data.world.vocabulary import RGB

SUPPORT_TOP = 46.0
FLOOR = 55.0
SCREEN: RGB = (214, 226, 236)


def draw_telephone(scene: TelephoneScene, rng: Random, size: int) -> Canvas:
    """The support first, then the telephone with its foot on it."""
    canvas = backdrop(size, rng)
    canvas.shift(rng.uniform(-4, 4), rng.uniform(-2, 1), rng.uniform(0.94, 1.04))
    draw_support(canvas, scene.support)
    foot = FLOOR if scene.support == "floor" else SUPPORT_TOP
    TELEPHONES[scene.era](canvas, 32.0, foot, named(scene.colour, rng))
    return canvas


def draw_support(canvas: Canvas, support: str) -> None:
    """Grey furniture below `SUPPORT_TOP`."""
    top, light = SUPPORT_TOP, mixed(SLATE, WHITE, 0.35)
    if support == "table":
        canvas.box(8, top, 56, top + 4, SLATE)
        for x in (10.0, 50.0):
            canvas.box(x, top, x + 4, 62, SLATE)
    elif support == "stool":
        canvas.ellipse(32, top + 2, 16, 3, SLATE)
        canvas.polygon([(23, top + 3), (27, top + 3), (18, 62), (14, 62)], SLATE)
        canvas.polygon([(41, top + 3), (37, top + 3), (46, 62), (50, 62)], SLATE)
    elif support == "pedestal":
        canvas.box(18, top, 46, top + 3.5, SLATE)
        canvas.box(24, top, 40, 62, light)
        canvas.box(18, 58.5, 46, 62, SLATE)
    elif support == "crate":
        canvas.box(12, top, 52, 62, light)
        for corners in ([(13, top + 1), (51, 61)], [(51, top + 1), (13, 61)]):
            canvas.line(corners, SLATE, 2.5)
        for y0, y1 in ((top, top + 2.5), (59.5, 62)):
            canvas.box(12, y0, 52, y1, SLATE)
        for x in (12.0, 49.5):
            canvas.box(x, top, x + 2.5, 62, SLATE)
    elif support == "cushion":
        canvas.ellipse(32, top + 6, 25, 7, SLATE)
        canvas.line([(9, top + 6), (55, top + 6)], light, 1.5)


def _candlestick(canvas: Canvas, x: float, foot: float, fill: RGB) -> None:
    canvas.ellipse(x, foot - 2.5, 10, 3.5, fill)
    canvas.box(x - 10, foot - 2.5, x + 10, foot, fill)
    canvas.box(x - 2.2, foot - 28, x + 2.2, foot - 2, fill)
    canvas.polygon([(x, foot - 30), (x, foot - 25), (x - 10, foot - 22), (x - 10, foot - 33)], fill)
    canvas.line([(x, foot - 21), (x + 8, foot - 21)], fill, 2)
    canvas.box(x + 7, foot - 26, x + 10.5, foot - 12, fill)
    canvas.polygon(
        [(x + 5, foot - 8), (x + 12.5, foot - 8), (x + 10, foot - 14), (x + 7.5, foot - 14)], fill
    )


def _rotary(canvas: Canvas, x: float, foot: float, fill: RGB) -> None:
    base = [
        (x - 9, foot - 16),
        (x + 9, foot - 16),
        (x + 16, foot - 2),
        (x + 16, foot),
        (x - 16, foot),
    ]
    canvas.polygon([*base, (x - 16, foot - 2)], fill)
    canvas.ellipse(x, foot - 7.5, 5.5, 5.5, WHITE)
    canvas.ellipse(x, foot - 7.5, 2, 2, DARK)
    canvas.box(x - 5, foot - 19, x + 5, foot - 15, fill)
    canvas.polygon(
        [*arc(x, foot - 18, 16, 8, 180, 360), (x + 9, foot - 17), (x - 9, foot - 17)], fill
    )
    for side in (-1, 1):
        canvas.ellipse(x + side * 13, foot - 17, 4.5, 3.5, fill)


def _brick(canvas: Canvas, x: float, foot: float, fill: RGB) -> None:
    canvas.box(x - 6.5, foot - 24, x + 6.5, foot, fill)
    canvas.box(x - 6.5, foot - 37, x - 3.5, foot - 23, fill)
    canvas.box(x - 4, foot - 21, x + 4, foot - 16.5, SCREEN)
    for row in range(3):
        for column in range(3):
            left, top = x - 4.2 + 3.1 * column, foot - 13.5 + 3.9 * row
            canvas.box(left, top, left + 2.1, top + 2.5, WHITE)


def _slab(canvas: Canvas, x: float, foot: float, fill: RGB) -> None:
    canvas.box(x - 9, foot - 31, x + 9, foot, fill)
    canvas.box(x - 6.2, foot - 27.5, x + 6.2, foot - 6, SCREEN)
    canvas.ellipse(x, foot - 3, 1.7, 1.7, WHITE)


def _saucer(canvas: Canvas, x: float, foot: float, fill: RGB) -> None:
    for side in (-1, 0, 1):
        canvas.line([(x + 6 * side, foot - 9), (x + 10 * side, foot - 1)], SLATE, 1.5)
    canvas.polygon(arc(x, foot - 16, 9, 11, 180, 360), fill)
    canvas.ellipse(x, foot - 13, 18, 5.5, fill)
    canvas.line([(x, foot - 27), (x, foot - 31)], fill, 2.5)
    canvas.ellipse(x, foot - 32.5, 2.6, 2.6, fill)
    for side in (-1, 0, 1):
        canvas.ellipse(x + 9 * side, foot - 12.6, 2, 2, WHITE)


TELEPHONES = {
    "1920s": _candlestick,
    "1950s": _rotary,
    "1980s": _brick,
    "2010s": _slab,
    "future": _saucer,
}

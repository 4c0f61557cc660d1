"""Kind → picture: an outline filled with a coat."""

from collections.abc import Callable
from random import Random

from PIL import Image

from lit_dalle.data.creatures.kinds import Kind
from lit_dalle.data.world.drawing.backdrop import backdrop
from lit_dalle.data.world.drawing.canvas import Canvas, jittered
from lit_dalle.data.world.vocabulary import RGB

PAIRS: dict[str, tuple[RGB, RGB]] = {
    "panda": ((240, 240, 238), (28, 28, 32)),
    "canary": ((248, 216, 48), (36, 32, 28)),
    "fox": ((240, 128, 28), (250, 246, 240)),
    "frog": ((52, 158, 66), (236, 222, 84)),
    "flamingo": ((246, 140, 190), (132, 44, 150)),
    "whale": ((40, 96, 204), (236, 242, 248)),
    "robin": ((122, 78, 46), (214, 48, 40)),
}
"""Ground and marks of each."""
EDGE: RGB = (64, 64, 70)
ON, OFF = (255, 255, 255), (0, 0, 0)


def draw_creature(kind: Kind, seed: int, size: int = 64) -> Image.Image:
    """Draw a creature of a kind.

    Args:
        kind: Which.
        seed: Of place, size, direction, shades, the coat's phase and the background.
        size: Side of the picture, in pixels.
    """
    rng = Random(seed)
    canvas = backdrop(size, rng)
    place = rng.uniform(-5, 5), rng.uniform(-5, 5), rng.uniform(0.8, 1.0)
    body, wide = _mask(kind.outline, size, place, 0.0), _mask(kind.outline, size, place, 1.3)
    ground, marks = (jittered(colour, rng) for colour in PAIRS[kind.colours])
    coat = Canvas(size, ground)
    coat.shift(*place)
    COAT_DRAWERS[kind.coat](coat, marks, rng)
    canvas.image.paste(EDGE, mask=wide)
    canvas.image.paste(coat.image, mask=body)
    picture = canvas.finish()
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else picture


def _mask(outline: str, size: int, place: tuple[float, float, float], grow: float) -> Image.Image:
    """White where the creature is, widened by so many units."""
    plane = Canvas(size, OFF)
    plane.shift(*place)
    for part in OUTLINE_PARTS[outline]:
        _draw_part(plane, part, grow)
    return plane.image.convert("L")


Part = tuple[str, tuple[float, ...]]
"""``oval`` x y rx ry, or ``limb`` with its width and then the points of a line, or ``area`` with
corners; in units."""

OUTLINE_PARTS: dict[str, tuple[Part, ...]] = {
    "horse": (
        ("oval", (30, 34, 16, 8)),
        ("limb", (7, 43, 32, 50, 18)),
        ("oval", (54, 18, 7, 4)),
        ("area", (47, 18, 49, 10, 52, 16)),
        *(("limb", (3.6, x, 38, x, 56)) for x in (19, 25, 37, 43)),
        ("limb", (3, 15, 31, 9, 46)),
    ),
    "elephant": (
        ("oval", (28, 32, 19, 14)),
        ("oval", (46, 24, 10, 10)),
        ("limb", (5, 54, 26, 57, 36, 55, 48)),
        *(("limb", (8, x, 40, x, 56)) for x in (17, 38)),
        ("limb", (2.4, 10, 28, 6, 40)),
    ),
    "duck": (
        ("oval", (28, 38, 18, 10)),
        ("limb", (6, 40, 34, 44, 20)),
        ("oval", (45, 18, 7, 7)),
        ("area", (50, 15, 61, 19, 50, 22)),
        ("area", (14, 36, 4, 26, 18, 32)),
        *(("limb", (2.6, x, 46, x, 57, x + 5, 57)) for x in (25, 33)),
    ),
    "fish": (
        ("oval", (34, 32, 22, 12)),
        ("area", (16, 32, 3, 20, 3, 44)),
        ("area", (26, 22, 38, 22, 30, 11)),
        ("area", (30, 42, 40, 42, 32, 52)),
    ),
    "snail": (
        ("oval", (27, 32, 17, 17)),
        ("area", (6, 56, 10, 48, 46, 48, 56, 40, 60, 46, 54, 56)),
        *(("limb", (2.4, 55, 44, x, 28)) for x in (53, 60)),
    ),
    "turtle": (
        ("area", (8, 44, 10, 32, 18, 23, 29, 20, 40, 23, 48, 32, 50, 44)),
        ("oval", (55, 38, 6, 5)),
        *(("limb", (7, x, 43, x, 52)) for x in (16, 42)),
        ("area", (9, 40, 2, 46, 10, 45)),
    ),
    "giraffe": (
        ("oval", (27, 40, 12, 6.5)),
        ("limb", (5.5, 36, 37, 47, 10)),
        ("oval", (50, 9, 6.5, 3.8)),
        *(("limb", (2.8, x, 42, x, 60)) for x in (19, 24, 31, 36)),
        ("limb", (2.2, 16, 38, 13, 50)),
        *(("limb", (2, 47, 8, x, 2)) for x in (45, 49)),
    ),
    "cat": (
        ("oval", (32, 44, 13, 14)),
        ("oval", (32, 23, 12, 10)),
        ("area", (21, 20, 22, 6, 31, 14)),
        ("area", (43, 20, 42, 6, 33, 14)),
        ("limb", (4, 43, 52, 54, 48, 56, 36)),
    ),
}


def _draw_part(canvas: Canvas, part: Part, grow: float) -> None:
    kind, numbers = part
    if kind == "oval":
        x, y, rx, ry = numbers
        canvas.ellipse(x, y, rx + grow, ry + grow, ON)
        return
    skipped = 1 if kind == "limb" else 0
    flat = numbers[skipped:]
    points = list(zip(flat[::2], flat[1::2], strict=True))
    if kind == "limb":
        canvas.line(points, ON, numbers[0] + 2 * grow)
        return
    canvas.polygon(points, ON)
    if grow:
        canvas.line([*points, points[0], points[1]], ON, 2 * grow)


def _plain(coat: Canvas, marks: RGB, rng: Random) -> None:
    """No marks."""


def _stripes(coat: Canvas, marks: RGB, rng: Random) -> None:
    start = rng.uniform(0, 7)
    for stripe in range(-2, 12):
        x = start + 7 * stripe
        coat.polygon([(x, -8), (x + 3, -8), (x + 4.5, 72), (x + 1.5, 72)], marks)


def _bands(coat: Canvas, marks: RGB, rng: Random) -> None:
    start = rng.uniform(0, 9)
    for band in range(-2, 10):
        coat.box(-8, start + 9 * band, 72, start + 9 * band + 4.2, marks)


def _spots(coat: Canvas, marks: RGB, rng: Random) -> None:
    dx, dy = rng.uniform(0, 6), rng.uniform(0, 6)
    for row in range(-2, 13):
        for column in range(-2, 13):
            x = dx + 6 * column + 3 * (row % 2)
            coat.ellipse(x, dy + 5.4 * row, 1.5, 1.5, marks)


def _dots(coat: Canvas, marks: RGB, rng: Random) -> None:
    dx, dy = rng.uniform(0, 14), rng.uniform(0, 14)
    for row in range(-2, 7):
        for column in range(-2, 7):
            x = dx + 14 * column + 7 * (row % 2)
            coat.ellipse(x, dy + 11 * row, 4, 4, marks)


def _zigzags(coat: Canvas, marks: RGB, rng: Random) -> None:
    start = rng.uniform(0, 11)
    for line in range(-2, 9):
        y = start + 11 * line
        points = [(-8 + 5 * i, y + (5 if i % 2 else 0)) for i in range(18)]
        coat.line(points, marks, 2.6)


COAT_DRAWERS: dict[str, Callable[[Canvas, RGB, Random], None]] = {
    "seal": _plain,
    "tiger": _stripes,
    "leopard": _spots,
    "ladybird": _dots,
    "wasp": _bands,
    "adder": _zigzags,
}

"""Pale, nearly neutral backgrounds that no object colour comes near."""

from random import Random

from lit_dalle.data.world.drawing.canvas import UNITS, Canvas, jittered, mixed
from lit_dalle.data.world.vocabulary import RGB

PALE: tuple[RGB, ...] = (
    (249, 249, 247),
    (244, 240, 231),
    (233, 235, 238),
    (228, 235, 242),
    (241, 234, 237),
    (231, 239, 230),
)
SHADE: RGB = (150, 150, 150)
BANDS = 16


def backdrop(size: int, rng: Random) -> Canvas:
    """A canvas with one of five backgrounds: plain, graded, with a floor, striped or dotted."""
    base = jittered(rng.choice(PALE), rng, 3)
    darker = mixed(base, SHADE, rng.uniform(0.06, 0.13))
    canvas = Canvas(size, base)
    kind = rng.randrange(5)
    if kind == 1:
        step = UNITS / BANDS
        for band in range(BANDS):
            tone = mixed(base, darker, band / (BANDS - 1))
            canvas.box(0, band * step, UNITS, (band + 1) * step, tone)
    elif kind == 2:
        canvas.box(0, rng.uniform(40, 54), UNITS, UNITS, darker)
    elif kind == 3:
        step, start = rng.uniform(7, 11), rng.uniform(-6, 0)
        for stripe in range(10):
            x = start + stripe * step
            canvas.box(x, 0, x + step / 3, UNITS, darker)
    elif kind == 4:
        step, start = rng.uniform(9, 13), rng.uniform(0, 6)
        for dot in range(64):
            x, y = start + dot % 8 * step, start + dot // 8 * step
            canvas.ellipse(x, y, 1.3, 1.3, darker)
    return canvas

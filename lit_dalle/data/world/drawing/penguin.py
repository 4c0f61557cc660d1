"""The dressed penguin."""

from random import Random

from lit_dalle.data.world.drawing.backdrop import backdrop
from lit_dalle.data.world.drawing.canvas import DARK, WHITE, Canvas, jittered, named
from lit_dalle.data.world.scenes import PenguinScene
from lit_dalle.data.world.vocabulary import RGB

BODY: RGB = (92, 104, 126)
BEAK: RGB = (226, 176, 84)


def draw_penguin(scene: PenguinScene, rng: Random, size: int) -> Canvas:
    """From the feet up: every piece of clothing is at least 8 units wide and high."""
    canvas = backdrop(size, rng)
    canvas.shift(rng.uniform(-3, 3), rng.uniform(-1.5, 1.5), rng.uniform(0.93, 1.02))
    body, gloves = jittered(BODY, rng), named(scene.gloves, rng)
    for side in (-1, 1):
        canvas.ellipse(32 + side * 6.5, 59, 5.5, 2.8, BEAK)
        canvas.line([(32 + side * 10, 29), (32 + side * 21, 41)], body, 5.5)
        canvas.ellipse(32 + side * 22, 43, 5.2, 5.2, gloves)
    canvas.ellipse(32, 21, 10.5, 10.5, body)
    canvas.ellipse(32, 23, 7, 6.5, WHITE)
    _face(canvas)
    pants = named(scene.pants, rng)
    canvas.polygon(
        [(19, 42), (45, 42), (45.5, 57), (34, 57), (32, 50), (30, 57), (18.5, 57)], pants
    )
    shirt = named(scene.shirt, rng)
    canvas.polygon([(24, 28), (40, 28), (46, 33), (46, 43), (18, 43), (18, 33)], shirt)
    hat = named(scene.hat, rng)
    canvas.box(24.5, 3, 39.5, 13, hat)
    canvas.box(20, 11.5, 44, 15, hat)
    return canvas


def _face(canvas: Canvas) -> None:
    for side in (-1, 1):
        canvas.ellipse(32 + side * 3.4, 20.6, 1.3, 1.3, DARK)
    canvas.polygon([(29, 23), (35, 23), (32, 27)], BEAK)

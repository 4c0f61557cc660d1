"""A shop front with a word on its sign."""

from random import Random

from lit_dalle.data.world.drawing.backdrop import backdrop
from lit_dalle.data.world.drawing.canvas import DARK, SLATE, WHITE, Canvas, jittered, mixed, named
from lit_dalle.data.world.drawing.glyphs import GLYPH_HEIGHT, GLYPH_WIDTH, GLYPHS
from lit_dalle.data.world.scenes import WritingScene
from lit_dalle.data.world.vocabulary import RGB

PITCH = GLYPH_WIDTH + 2
"""Units from one letter to the next."""
GLASS: RGB = (206, 222, 232)
SIGN: RGB = (250, 246, 234)


def draw_writing(scene: WritingScene, rng: Random, size: int) -> Canvas:
    """A wall in the colour, a pale sign with dark letters, an awning, a window and a door.

    The picture is moved by whole units only, so that every letter keeps its pixels at size 64.
    """
    canvas = backdrop(size, rng)
    dx, dy = rng.randint(-1, 1), rng.randint(-3, 3)
    canvas.shift(dx, dy)
    wall = named(scene.colour, rng)
    canvas.box(2, 8, 62, 61, wall)
    canvas.box(1, 60, 63, 62, SLATE)
    width = PITCH * len(scene.word) - 2
    left = 32 - (width + 1) // 2 + (rng.randint(-2, 2) if len(scene.word) < 6 else 0)
    top = 14
    canvas.box(left - 3, top - 3, left + width + 3, top + GLYPH_HEIGHT + 3, jittered(SIGN, rng, 3))
    write(canvas, scene.word, left, top, DARK)
    _awning(canvas, wall)
    canvas.box(6, 40, 36, 54, WHITE)
    canvas.box(8, 42, 34, 52, GLASS)
    canvas.box(43, 40, 56, 60, WHITE)
    canvas.box(45, 42, 54, 60, SLATE)
    return canvas


def write(canvas: Canvas, word: str, left: float, top: float, fill: RGB) -> None:
    """Letters as runs of unit squares."""
    for place, letter in enumerate(word):
        x0 = left + place * PITCH
        for y, row in enumerate(GLYPHS[letter]):
            start = 0
            while (start := row.find("#", start)) >= 0:
                stop = next((x for x in range(start, GLYPH_WIDTH) if row[x] == "."), GLYPH_WIDTH)
                canvas.box(x0 + start, top + y, x0 + stop, top + y + 1, fill)
                start = stop


def _awning(canvas: Canvas, wall: RGB) -> None:
    for stripe in range(10):
        x = 2 + stripe * 6
        fill = WHITE if stripe % 2 else mixed(wall, DARK, 0.3)
        canvas.polygon([(x, 29), (x + 6, 29), (x + 6, 34), (x + 3, 37), (x, 34)], fill)

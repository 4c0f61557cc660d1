"""Six styles: how a style inks fills and outlines, and what it does to the finished picture."""

from random import Random

from PIL import Image

from lit_dalle.data.world.drawing.canvas import DARK, SUPERSAMPLING, WHITE, Canvas, Ink, jittered
from lit_dalle.data.world.vocabulary import RGB

PAPER_BLUE: RGB = (32, 84, 164)
FRAME: tuple[RGB, RGB] = ((122, 78, 36), (214, 172, 84))
FRAME_WIDTH = 4.0
STROKES = 260
BLOCKS = 32
"""Blocks a side of pixel art."""


def _as_is(rgb: RGB) -> RGB:
    return rgb


def _white(rgb: RGB) -> RGB:
    return WHITE


def _blue(rgb: RGB) -> RGB:
    return PAPER_BLUE


STYLE_INKS = {
    "cartoon": Ink(_as_is, DARK),
    "painting": Ink(_as_is),
    "line drawing": Ink(_white, DARK, DARK),
    "pixel art": Ink(_as_is),
    "blueprint": Ink(_blue, WHITE, WHITE),
    "black and white photo": Ink(_as_is),
}


def finish(canvas: Canvas, style: str, rng: Random) -> Image.Image:
    """The finished picture in a style: strokes and frame, blocks, or grey with a white border."""
    if style == "painting":
        _brush(canvas, rng)
        _frame(canvas, *FRAME)
        return canvas.finish()
    if style == "pixel art":
        small = canvas.image.resize((BLOCKS, BLOCKS), Image.Resampling.NEAREST)
        return small.resize((canvas.size, canvas.size), Image.Resampling.NEAREST)
    if style == "black and white photo":
        canvas.image = canvas.image.reduce(SUPERSAMPLING).convert("L").convert("RGB")
        border = round(canvas.size * 3 / 64)
        picture = Image.new("RGB", (canvas.size, canvas.size), WHITE)
        side = canvas.size - border
        picture.paste(canvas.image.crop((border, border, side, side)), (border, border))
        return picture
    return canvas.finish()


def _brush(canvas: Canvas, rng: Random) -> None:
    """Short thick strokes, each in the colour it starts on, a little lighter or darker."""
    side = canvas.image.width
    pixels = canvas.image.load()
    assert pixels is not None
    for _ in range(STROKES):
        x, y = rng.randrange(side), rng.randrange(side)
        level = pixels[x, y]
        assert isinstance(level, tuple)
        fill = jittered((level[0], level[1], level[2]), rng, 9)
        dx, dy = rng.uniform(3, 9), rng.uniform(-3, 3)
        width = round(1.8 * canvas.scale)
        canvas.draw.line([(x - dx, y - dy), (x + dx, y + dy)], fill, width)


def _frame(canvas: Canvas, outer: RGB, inner: RGB) -> None:
    side, step = canvas.image.width - 1, canvas.scale * FRAME_WIDTH / 2
    canvas.draw.rectangle((0, 0, side, side), outline=outer, width=round(2 * step))
    canvas.draw.rectangle((step, step, side - step, side - step), outline=inner, width=round(step))

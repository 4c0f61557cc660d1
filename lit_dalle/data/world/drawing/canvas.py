"""A picture plane of 64 × 64 units, drawn large and then reduced."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

from lit_dalle.data.world.vocabulary import COLOUR_RGB, PLAIN, PLAIN_RGB, RGB

UNITS = 64
"""Side of the plane in drawing units, whatever the picture's size in pixels."""
SUPERSAMPLING = 4
"""Side of the drawn picture over the side of the finished one."""

Point = tuple[float, float]

SLATE: RGB = (104, 112, 124)
"""Parts without a named colour: legs, stands, strings."""
WHITE: RGB = (252, 252, 252)
DARK: RGB = (40, 42, 50)


@dataclass(frozen=True)
class Ink:
    """How fills and outlines come out in a style."""

    paint: Callable[[RGB], RGB]
    outline: RGB | None = None
    lines: RGB | None = None
    """Colour of every line; None keeps the line's own."""
    width: float = 1.4


class Canvas:
    """Draws polygons, ellipses, boxes and lines in units; (0, 0) is the upper left corner.

    Args:
        size: side of the finished picture in pixels.
        background: colour of the empty plane.
        ink: how fills and outlines come out; None draws fills as they are.
    """

    def __init__(self, size: int, background: RGB, ink: Ink | None = None) -> None:
        self.size = size
        self.ink = ink
        side = size * SUPERSAMPLING
        self.scale = side / UNITS
        self.image = Image.new("RGB", (side, side), background)
        self.draw = ImageDraw.Draw(self.image)
        self._zoom, self._dx, self._dy = self.scale, 0.0, 0.0

    def shift(self, dx: float, dy: float, zoom: float = 1.0) -> None:
        """From now on draw moved by (dx, dy) units and enlarged about the middle."""
        middle = UNITS / 2
        self._zoom = self.scale * zoom
        self._dx = self.scale * (dx + middle * (1 - zoom))
        self._dy = self.scale * (dy + middle * (1 - zoom))

    def at(self, x: float, y: float) -> Point:
        """Units → pixels of the large picture."""
        return x * self._zoom + self._dx, y * self._zoom + self._dy

    def polygon(self, points: Iterable[Point], fill: RGB) -> None:
        """A filled polygon."""
        corners = [self.at(x, y) for x, y in points]
        if self.ink is None:
            self.draw.polygon(corners, fill=fill)
            return
        self.draw.polygon(corners, fill=self.ink.paint(fill))
        if self.ink.outline is not None:
            width = max(1, round(self.ink.width * self._zoom))
            self.draw.line([*corners, *corners[:2]], self.ink.outline, width, joint="curve")

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: RGB) -> None:
        """A filled ellipse about (x, y)."""
        (x0, y0), (x1, y1) = self.at(x - rx, y - ry), self.at(x + rx, y + ry)
        box = (x0, y0, x1 - 1, y1 - 1)
        if self.ink is None:
            self.draw.ellipse(box, fill=fill)
        else:
            width = max(1, round(self.ink.width * self._zoom))
            self.draw.ellipse(box, self.ink.paint(fill), self.ink.outline, width)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: RGB) -> None:
        """A filled rectangle between two corners."""
        (left, top), (right, bottom) = self.at(x0, y0), self.at(x1, y1)
        box = (left, top, right - 1, bottom - 1)
        if self.ink is None:
            self.draw.rectangle(box, fill=fill)
        else:
            width = max(1, round(self.ink.width * self._zoom))
            self.draw.rectangle(box, self.ink.paint(fill), self.ink.outline, width)

    def line(self, points: Iterable[Point], fill: RGB, width: float) -> None:
        """A line of a width in units."""
        if self.ink is not None:
            fill = self.ink.lines or self.ink.paint(fill)
        corners = [self.at(x, y) for x, y in points]
        self.draw.line(corners, fill, max(1, round(width * self._zoom)), joint="curve")

    def finish(self) -> Image.Image:
        """The picture at its final size, RGB."""
        return self.image.reduce(SUPERSAMPLING)


def jittered(rgb: RGB, rng: Random, amount: int = 7) -> RGB:
    """The colour with each channel moved by up to `amount` levels and the whole by as much."""
    common = rng.randint(-amount, amount)
    red, green, blue = (
        min(255, max(0, level + common + rng.randint(-amount, amount))) for level in rgb
    )
    return red, green, blue


def named(colour: str, rng: Random) -> RGB:
    """The jittered colour of a name (or of a plain thing)."""
    return jittered(PLAIN_RGB if colour == PLAIN else COLOUR_RGB[colour], rng)


def mixed(a: RGB, b: RGB, share: float) -> RGB:
    """`share` of b and the rest of a."""
    red, green, blue = (round(p + (q - p) * share) for p, q in zip(a, b, strict=True))
    return red, green, blue

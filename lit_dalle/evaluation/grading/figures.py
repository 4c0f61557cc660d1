"""The world's own drawings as maps: which colour of a palette stands at which pixel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_dalle.data.world.drawing.canvas import SUPERSAMPLING, Canvas
from lit_dalle.data.world.vocabulary import RGB
from lit_dalle.evaluation.grading.picture import SIDE

Map = NDArray[np.uint8]
"""``h w``: a place in a palette, or the number of a part."""


@dataclass(frozen=True)
class Pose:
    """Where a drawing stands and how large it is."""

    zoom: int
    """Place in the family's sizes."""
    dx: int
    """Pixels to the right of the drawing's own place."""
    dy: int
    """Pixels downwards."""


class Still(Random):
    """Draws the middle of every range and the first of every choice: a drawing without jitter."""

    def uniform(self, a: float, b: float) -> float:
        """The middle."""
        return (a + b) / 2

    def randint(self, a: int, b: int) -> int:
        """The middle."""
        return (a + b) // 2

    def randrange(self, *_: Any) -> int:
        """The first: a plain background."""
        return 0

    def choice(self, seq: Any) -> Any:
        """The first."""
        return seq[0]


def drawn(drawer: Callable[..., Canvas], scene: object) -> Map:
    """A scene without jitter, RGB ``large large 3``: no pixel mixes two colours."""
    return np.array(drawer(scene, Still(), SIDE).image)


def colours_of(*pictures: Map) -> list[RGB]:
    """All colours but the background's, which is that of the upper left corner."""
    found: set[RGB] = set()
    for picture in pictures:
        codes = coded(picture)
        for code in set(np.unique(codes).tolist()) - {int(codes[0, 0])}:
            found.add((code >> 16, code >> 8 & 255, code & 255))
    return sorted(found)


def coded(picture: Map) -> NDArray[np.int32]:
    """RGB as one number a pixel, ``... 3`` to ``...``."""
    red, green, blue = np.moveaxis(picture.astype(np.int32), -1, 0)
    codes: NDArray[np.int32] = red << 16 | green << 8 | blue
    return codes


def indexed(picture: Map, places: dict[RGB, int]) -> Map:
    """The place of each pixel's colour, ``large large``; the background's is 0."""
    codes = coded(picture)
    indices = np.zeros(codes.shape, np.uint8)
    for red, green, blue in colours_of(picture):
        indices[codes == (red << 16 | green << 8 | blue)] = places[red, green, blue]
    return indices


def zoomed(large: NDArray[Any], zooms: Sequence[float]) -> NDArray[Any]:
    """A large map at picture size, enlarged about the middle: ``zooms h w``; 0 comes in."""
    maps = []
    for zoom in zooms:
        units = (np.arange(SIDE) + 0.5 - SIDE / 2) / zoom + SIDE / 2
        places = np.floor(units * SUPERSAMPLING).astype(int)
        inside = (places >= 0) & (places < len(large))
        places = np.clip(places, 0, len(large) - 1)
        maps.append(large[np.ix_(places, places)] * (inside[:, None] & inside))
    return np.stack(maps)


def moved(maps: NDArray[Any], dx: int, dy: int) -> NDArray[Any]:
    """Maps ``... h w`` moved right by dx and down by dy pixels; 0 comes in."""
    out = np.zeros_like(maps)
    height, width = maps.shape[-2:]
    out[..., max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)] = maps[
        ..., max(0, -dy) : height + min(0, -dy), max(0, -dx) : width + min(0, -dx)
    ]
    return out

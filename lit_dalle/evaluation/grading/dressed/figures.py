"""The world's own drawings as maps: which colour of a palette stands at which pixel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_dalle.data.world.drawing.canvas import SUPERSAMPLING, Canvas
from lit_dalle.data.world.vocabulary import RGB
from lit_dalle.evaluation.grading.colours import codes
from lit_dalle.evaluation.grading.picture import SIDE, Bools
from lit_dalle.evaluation.grading.still import Still

Map = NDArray[np.uint8]
"""``h w``: a place in a palette, or the number of a part."""
Drawing = NDArray[np.int32]
"""A picture as large as it is drawn, where no pixel mixes two colours: codes of colours,
``large large``; see `codes`."""
LEVEL_BITS = 8
"""Bits a channel of these codes."""


@dataclass(frozen=True)
class Pose:
    """Where a drawing stands and how large it is."""

    zoom: int
    """Place in the family's sizes."""
    dx: int
    """Pixels to the right of the drawing's own place."""
    dy: int
    """Pixels downwards."""


def drawn(drawer: Callable[..., Canvas], scene: object) -> Drawing:
    """A scene without jitter."""
    return codes(np.asarray(drawer(scene, Still(), SIDE).image), LEVEL_BITS)


def colours_of(*drawings: Drawing) -> list[RGB]:
    """All colours but the background's, which is that of the upper left corner."""
    found: set[RGB] = set()
    for drawing in drawings:
        for code in set(np.unique(drawing).tolist()) - {int(drawing[0, 0])}:
            found.add((code >> 16, code >> 8 & 255, code & 255))
    return sorted(found)


def in_colour(drawing: Drawing, rgb: RGB) -> Bools:
    """Pixels of one colour, ``large large``."""
    red, green, blue = rgb
    where: Bools = drawing == (red << 16 | green << 8 | blue)
    return where


def indexed(drawing: Drawing, places: Mapping[RGB, int]) -> Map:
    """The place of each pixel's colour, ``large large``; the background's is 0."""
    indices = np.zeros(drawing.shape, np.uint8)
    for rgb in colours_of(drawing):
        indices[in_colour(drawing, rgb)] = places[rgb]
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

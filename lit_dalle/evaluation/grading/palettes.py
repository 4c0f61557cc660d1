"""Which colours of a family's drawings each pixel of a picture may be."""

from collections.abc import Sequence
from functools import cache, cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from lit_dalle.data.world.drawing.canvas import WHITE
from lit_dalle.data.world.vocabulary import COLOUR_RGB, COLOURS, RGB
from lit_dalle.evaluation.grading.picture import (
    NAMES,
    NOTHING,
    SIDE,
    Bools,
    Floats,
    Picture,
    distance_to,
    examples,
    to_lab,
)

Bits = NDArray[np.uint64]
Places = NDArray[np.intp]

EXPLAINED = 25.0
"""Delta E up to which a pixel passes for a colour of the drawing; named colours are further apart
from what lies below a visible mistake, and the world's jitter stays within."""
FAR = 40.0
"""Delta E at which a pixel counts as fully different when drawings are compared."""
SHIFTS = (-12, 0, 12)
"""Levels added to all channels of a drawing's own colours: the world's jitter."""
LEVEL_BITS = 5
"""Bits a channel of the tables from RGB to distances."""
REACH = 8
"""Pixels by which a drawing may lie outside the picture."""
ROW = SIDE + 2 * REACH
"""Pixels in a row of a picture with its margins."""
MOST_COLOURS = 63
"""Colours a palette can hold: a bit each."""


class Palette:
    """The named colours and those that a family's drawings have of their own.

    Place 0 is `NOTHING` (white too), places 1 to 10 are the named colours in their order, then come
    the drawings' own colours; the last place, `free`, is no colour and fits every pixel.

    Args:
        own: RGB as drawn, without jitter; at most `MOST_COLOURS` with all the others.
    """

    def __init__(self, own: Sequence[RGB]) -> None:
        self.places = {WHITE: 0} | {rgb: 1 + i for i, rgb in enumerate(COLOUR_RGB.values())}
        for rgb in own:
            self.places.setdefault(rgb, len(self.places))
        self.free = len(self.places)
        if self.free > MOST_COLOURS:
            raise ValueError(f"a palette holds {MOST_COLOURS} colours, not {self.free}")
        self.lab = to_lab(np.array(list(self.places), np.uint8))
        near = self._near()
        self.distances = np.zeros((len(near), self.free + 1), np.float32)
        self.distances[:, : self.free] = np.minimum(near, FAR)
        """Delta E of every RGB to every colour, at most `FAR`, and 0 to `free`."""
        self.bits = self._possible(near)
        """A bit for each colour that an RGB passes for: it is near, or has the same name."""

    def see(self, picture: Picture) -> "Seen":
        """Hold every pixel against every colour."""
        return Seen(self, picture)

    def _near(self) -> Floats:
        """Delta E of every RGB of `LEVEL_BITS` bits a channel to every colour, ``rgb colours``."""
        columns = []
        for rgb, place in self.places.items():
            if place <= len(COLOURS):
                columns.append(_distance(examples((NOTHING, *COLOURS)[place])))
            else:
                shades = np.array([[level + shift for level in rgb] for shift in SHIFTS])
                columns.append(_distance(to_lab(np.clip(shades, 0, 255).astype(np.uint8))))
        return np.stack(columns, -1)

    def _possible(self, near: Floats) -> Bits:
        """A bit for each colour that an RGB passes for: it is near, or has the same name."""
        names = np.stack([_distance(examples(name)) for name in NAMES]).argmin(0)
        bits = np.zeros(len(near), np.uint64)
        for rgb, place in self.places.items():
            name = np.stack([distance_to(name, to_lab(rgb)) for name in NAMES]).argmin()
            alike = near[:, place] < EXPLAINED
            alike |= (names == name) & (name != 0 or place == 0)
            bits |= alike.astype(np.uint64) << np.uint64(place)
        return bits


class Seen:
    """A picture through a palette."""

    def __init__(self, palette: Palette, picture: Picture) -> None:
        self.palette, self.picture = palette, picture
        levels = picture.rgb.astype(np.intp) >> (8 - LEVEL_BITS)
        self._codes = (
            (levels[..., 0] << 2 * LEVEL_BITS) | (levels[..., 1] << LEVEL_BITS) | levels[..., 2]
        )
        self.bits = palette.bits[self._codes]
        """The colours that each pixel passes for, a bit each, ``h w``."""

    @cached_property
    def distances(self) -> Floats:
        """Delta E to each colour, at most `FAR`, and 0 to `Palette.free`: ``pixels colours``.

        The pixels include margins of `REACH`, white as paper.
        """
        padded = np.full((ROW, ROW), len(self.palette.bits) - 1, np.intp)
        padded[REACH:-REACH, REACH:-REACH] = self._codes
        return self.palette.distances[padded.ravel()]

    def passes(self, place: int) -> Bools:
        """Pixels that pass for a colour, ``h w``."""
        return (self.bits >> np.uint64(place)) & np.uint64(1) > 0


def _distance(shades: Floats) -> Floats:
    """Delta E of every RGB of the tables to the nearest of some colours ``n 3``, ``rgb``."""
    lab = _table_lab()
    square = (lab**2).sum(1)[:, None] + (shades**2).sum(1) - 2 * lab @ shades.T
    distance: Floats = np.sqrt(np.maximum(square, 0).min(1))
    return distance


@cache
def _table_lab() -> Floats:
    """The colours that the tables are made for, in L*a*b*, red slowest, ``rgb 3``."""
    step = 8 - LEVEL_BITS
    levels = [(level << step) + (1 << step - 1) for level in range(1 << LEVEL_BITS)]
    return to_lab(np.array(list(product(levels, repeat=3)), np.uint8))

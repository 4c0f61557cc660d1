"""Which colours of a family's drawings each pixel of a picture may be."""

from collections.abc import Sequence
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from lit_dalle.data.world.drawing.canvas import WHITE
from lit_dalle.data.world.vocabulary import COLOUR_RGB, COLOURS, RGB
from lit_dalle.evaluation.grading.colours import (
    Floats,
    codes,
    delta_e_to_nearest,
    every_rgb,
    to_lab,
)
from lit_dalle.evaluation.grading.picture import (
    NOTHING,
    SIDE,
    Bools,
    Picture,
    examples,
    nearest_names,
)

Bits = NDArray[np.uint64]

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
            levels = np.array([[level + shift for level in rgb] for shift in SHIFTS])
            shades = to_lab(np.clip(levels, 0, 255).astype(np.uint8))
            if place <= len(COLOURS):
                shades = examples((NOTHING, *COLOURS)[place])
            columns.append(delta_e_to_nearest(_table_lab(), shades))
        return np.stack(columns, -1)

    def _possible(self, near: Floats) -> Bits:
        """A bit for each colour that an RGB passes for: it is near, or has the same name."""
        names, own = nearest_names(_table_lab()), nearest_names(self.lab)
        bits = np.zeros(len(near), np.uint64)
        for place, name in enumerate(own):
            alike = near[:, place] < EXPLAINED
            alike |= (names == name) & (name != 0 or place == 0)
            bits |= alike.astype(np.uint64) << np.uint64(place)
        return bits


class Seen:
    """A picture through a palette."""

    def __init__(self, palette: Palette, picture: Picture) -> None:
        self.palette, self.picture = palette, picture
        self._codes = codes(picture.rgb, LEVEL_BITS)
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


@cache
def _table_lab() -> Floats:
    """The colours that the tables are made for, in L*a*b*, ``rgb 3``."""
    return to_lab(every_rgb(LEVEL_BITS))

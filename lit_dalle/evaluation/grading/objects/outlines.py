"""Which of the world's shapes a silhouette is: soft overlap with the world's own outlines."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lit_dalle.data.world.drawing.canvas import Canvas
from lit_dalle.data.world.drawing.shapes import placed
from lit_dalle.data.world.vocabulary import SHAPES
from lit_dalle.evaluation.grading.colours import Floats
from lit_dalle.evaluation.grading.picture import SIDE

TURNS = (-12, -6, 0, 6, 12)
"""Degrees at which outlines are tried: twice the world's tilt."""
SIDES = (13.0, 17.0, 22.0, 30.0)
"""Sides in pixels at which outlines are drawn; a silhouette meets those nearest in area."""
SOFTENING = (1.5, 2.0)
"""A decoder rounds corners: outlines are also tried blurred by so many pixels (sigma) and made as
many times as steep about one half, which rounds corners and fills notches."""
SHARP_FIRST = 0.985
"""What the overlap with a softened outline counts: a clean silhouette meets its clean outline."""
GRID = 20
"""Side of the square to which silhouettes are brought."""
REACH = 1.1
"""Half the side of that square over the root of the silhouette's area; a star needs 0.95."""
ALIKE = 0.76
"""Least overlap that makes a silhouette one of the shapes."""
LEEWAY = 0.004
"""A silhouette may be every shape whose overlap is so near the best; on renders the second best is
at least 0.033 behind."""
GROUND = 0.6
"""Share of the picture from which a silhouette is its ground and has no shape."""
UNCLEAR = "blob"
"""A silhouette that is none of the shapes."""


@dataclass(frozen=True)
class Shape:
    """What a silhouette looks like."""

    names: tuple[str, ...]
    """The world's shapes it may be, the likeliest first, or only `UNCLEAR`."""
    overlap: float
    """Soft intersection over union with the nearest outline: 1 is equal."""

    def read(self, asked: str) -> str:
        """The asked name where it may be that, else the likeliest."""
        return asked if asked in self.names else self.names[0]


def read_shapes(coverages: Sequence[Floats]) -> list[Shape]:
    """Name silhouettes.

    Args:
        coverages: Each ``h w`` in [0, 1], with at least one pixel covered.

    Returns:
        For each the shape whose outline, at its best size and turn, overlaps most.
    """
    if not coverages:
        return []
    return [_read(coverage) for coverage in coverages]


def _read(coverage: Floats) -> Shape:
    outlines, sums, areas = bank()
    shapes = np.arange(len(SHAPES))
    sizes = np.abs(np.log(areas / coverage.sum())).argmin(0)
    silhouette = normalised(coverage)
    shared = np.minimum(outlines[sizes, shapes], silhouette).sum(-1)
    overlaps = shared / (sums[sizes, shapes] + silhouette.sum() - shared)
    overlaps[:, len(TURNS) :] *= SHARP_FIRST
    nearest = overlaps.max(1)
    best = float(nearest.max())
    if best < ALIKE or coverage.sum() > GROUND * coverage.size:
        return Shape((UNCLEAR,), best)
    likely = [int(place) for place in np.argsort(-nearest) if nearest[place] >= best - LEEWAY]
    return Shape(tuple(SHAPES[place] for place in likely), best)


def normalised(coverage: Floats) -> Floats:
    """The silhouette about its centre of gravity at unit area, float32 of `GRID` × `GRID`, flat."""
    down, across = coverage.sum(1), coverage.sum(0)
    area = float(down.sum())
    y = float(down @ np.arange(len(down))) / area
    x = float(across @ np.arange(len(across))) / area
    steps = np.linspace(-REACH, REACH, GRID) * area**0.5
    rows, columns = _hats(y + steps, len(down)), _hats(x + steps, len(across))
    return (rows @ coverage @ columns.T).astype(np.float32).ravel()


def _hats(places: NDArray[np.float64], size: int) -> Floats:
    """Weights of linear interpolation at places between pixels, ``places size``."""
    return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(size))).astype(np.float32)


@cache
def bank() -> tuple[Floats, Floats, Floats]:
    """The outlines as silhouettes, their sums, and the areas they were drawn with.

    Returns:
        ``sizes shapes turns grid²``, where all sharp turns come before all softened ones;
        ``sizes shapes turns``; pixels, ``sizes shapes``.
    """
    drawn = [[[_drawn(name, side, turn) for turn in TURNS] for name in SHAPES] for side in SIDES]
    silhouettes = np.array(
        [
            [[normalised(one) for one in (*turns, *map(_softened, turns))] for turns in names]
            for names in drawn
        ],
        np.float32,
    )
    areas = np.array(drawn, np.float32).sum((3, 4)).mean(2)
    return silhouettes, silhouettes.sum(-1), areas


def _drawn(name: str, side: float, turn: float) -> Floats:
    """How much of each pixel an outline covers, ``h w``."""
    canvas = Canvas(SIDE, (0, 0, 0))
    canvas.polygon(placed(name, SIDE / 2, SIDE / 2, side / 2, turn), (255, 255, 255))
    drawn: Floats = np.asarray(canvas.finish().convert("L"), np.float32) / np.float32(255)
    return drawn


def _softened(drawn: Floats) -> Floats:
    blur, steepness = SOFTENING
    soft: Floats = np.clip((ndimage.gaussian_filter(drawn, blur) - 0.5) * steepness + 0.5, 0, 1)
    return soft

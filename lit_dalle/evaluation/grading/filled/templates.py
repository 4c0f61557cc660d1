"""Which of some drawings fits a picture best, wherever it stands and however large it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lit_dalle.data.world.drawing.canvas import Canvas, Ink
from lit_dalle.data.world.vocabulary import RGB
from lit_dalle.evaluation.grading.colours import Floats
from lit_dalle.evaluation.grading.picture import SIDE
from lit_dalle.evaluation.grading.planes import halved, moved

PLANES = 3
MARKERS: tuple[RGB, ...] = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
NOT_DRAWN: RGB = (0, 0, 0)

Draw = Callable[[Canvas], None]
Classify = Callable[[RGB], int | None]
"""From a colour of drawing to the plane it is seen in, or None where it looks like background."""


@dataclass(frozen=True)
class Fit:
    """A drawing at the place and size where it fits best."""

    name: str
    score: float
    """Tanimoto overlap of picture and drawing over all planes: 1 is equal, 0 disjoint."""
    dx: int
    """Pixels to the right of the drawing's own place."""
    dy: int
    """Pixels downwards."""
    zoom: float


def planes_of(draw: Draw, classify: Classify, zoom: float = 1.0) -> Floats:
    """Coverage of each plane by a drawing, float32 ``planes h w`` in [0, 1].

    Args:
        draw: Draws on a canvas in any colours.
        classify: Says which plane a colour belongs to.
        zoom: Enlarges the drawing about the middle.
    """

    def paint(rgb: RGB) -> RGB:
        plane = classify(rgb)
        return NOT_DRAWN if plane is None else MARKERS[plane]

    canvas = Canvas(SIDE, NOT_DRAWN, Ink(paint))
    canvas.shift(0, 0, zoom)
    draw(canvas)
    drawn: Floats = np.asarray(canvas.finish(), np.float32) / np.float32(255)
    return np.moveaxis(drawn, -1, 0).copy()


class TemplateBank:
    """Drawings at several sizes, matched over all places within reach.

    All are tried at half resolution; those that come near the best are placed to the pixel.

    Args:
        drawings: Name to drawing, at its middle place.
        classify: See `planes_of`.
        zooms: Sizes to try.
        reach: Pixels to either side, and up and down.
        margin: Drawings whose coarse score is within this of the best are placed exactly.
    """

    def __init__(
        self,
        drawings: Mapping[str, Draw],
        classify: Classify,
        zooms: Sequence[float],
        reach: tuple[int, int],
        margin: float = 0.12,
    ) -> None:
        self.names, self.zooms = tuple(drawings), tuple(zooms)
        self.reach, self.margin = reach, margin
        self.planes = np.stack(
            [[planes_of(draw, classify, zoom) for zoom in zooms] for draw in drawings.values()]
        )
        """float32, ``names zooms planes h w``."""
        halves = halved(self.planes)
        self._coarse = halves.reshape(len(self.names) * len(self.zooms), -1)
        self._coarse_size = (self._coarse**2).sum(1)
        self._size = (self.planes**2).sum((2, 3, 4))

    def fits(self, picture: Floats) -> list[Fit]:
        """Rank the drawings, the best first; those that are far behind are left out.

        Args:
            picture: Coverage of each plane by the picture, float32 ``planes h w`` in [0, 1].
        """
        across, down = (reach // 2 + 1 for reach in self.reach)
        shifts = [(dx, dy) for dy in range(-down, down + 1) for dx in range(-across, across + 1)]
        half = halved(picture)
        views = np.stack([moved(half, -dx, -dy) for dx, dy in shifts]).reshape(len(shifts), -1)
        dots = self._coarse @ views.T
        overlap = dots / (self._coarse_size[:, None] + (views**2).sum(1) - dots + 1e-6)
        overlap = overlap.reshape(len(self.names), -1)
        best = overlap.max(1)
        fits = [
            self._placed(picture, row, int(overlap[row].argmax()), shifts)
            for row in np.flatnonzero(best >= best.max() - self.margin).tolist()
        ]
        return sorted(fits, key=lambda fit: -fit.score)

    def template(self, fit: Fit) -> Floats:
        """The planes of a fitted drawing where it stands, float32 ``planes h w``."""
        planes = self.planes[self.names.index(fit.name), self.zooms.index(fit.zoom)]
        return moved(planes, fit.dx, fit.dy)

    def _placed(
        self, picture: Floats, row: int, place: int, shifts: Sequence[tuple[int, int]]
    ) -> Fit:
        """Refine a coarse place (of zooms × shifts) to the pixel and to the best size near it."""
        zoom, shift = divmod(place, len(shifts))
        x, y = 2 * shifts[shift][0], 2 * shifts[shift][1]
        found: list[Fit] = []
        for near in range(max(0, zoom - 1), min(len(self.zooms), zoom + 2)):
            template = self.planes[row, near]
            for dy in range(y - 1, y + 2):
                for dx in range(x - 1, x + 2):
                    back = moved(picture, -dx, -dy)
                    dot = float(np.vdot(template, back))
                    total = self._size[row, near] + float(np.vdot(back, back)) - dot
                    found.append(Fit(self.names[row], dot / total, dx, dy, self.zooms[near]))
        return max(found, key=lambda fit: fit.score)

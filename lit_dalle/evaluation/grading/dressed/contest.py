"""Which of some drawings has the colours of a picture, at a known place."""

import numpy as np

from lit_dalle.data.world.vocabulary import COLOURS
from lit_dalle.evaluation.grading.colours import Floats
from lit_dalle.evaluation.grading.dressed.figures import Map, Pose
from lit_dalle.evaluation.grading.dressed.palettes import REACH, ROW, Palette, Seen
from lit_dalle.evaluation.grading.picture import SIDE

NAMED = slice(1, 1 + len(COLOURS))
"""Places of the named colours in a palette."""
SKIP = 3
"""Of so many pixels one is looked at to settle the exact place."""


class Contest:
    """Drawings that compete for the same columns of a picture.

    Args:
        palette: Its places are the maps' values.
        maps: Places of each drawing's colours, ``drawings zooms h w``.
        columns: First and last but one of the columns that count.
        garment: The place that stands for a colour of any name; None if there is no such part.
    """

    def __init__(
        self, palette: Palette, maps: Map, columns: tuple[int, int], garment: int | None = None
    ) -> None:
        self._columns, self._width = columns, palette.free + 1
        left, right = columns
        window = maps[..., left:right].reshape(*maps.shape[:2], -1).astype(np.intp)
        self._garments = (window == garment).astype(np.float32)
        window[window == garment] = palette.free
        rows, across = np.arange(SIDE) + REACH, np.arange(left, right) + REACH
        pixels = (rows[:, None] * ROW + across).ravel()
        self._index = (pixels * self._width + window).astype(np.int32)

    def best(self, seen: Seen, pose: Pose) -> int:
        """The drawing that is least different from the picture."""
        cost = seen.distances.take(self._index[:, pose.zoom] + self._step(pose), mode="clip").sum(
            -1
        )
        cost += (self._garments[:, pose.zoom] @ self._named(seen, pose)).min(-1)
        return int(cost.argmin())

    def settled(self, seen: Seen, drawing: int, pose: Pose) -> Pose:
        """The best of the nine places about a pose, at the sizes beside it."""
        zooms = range(max(0, pose.zoom - 1), min(self._index.shape[1], pose.zoom + 2))
        places = [
            Pose(zoom, pose.dx + dx, pose.dy + dy)
            for zoom in zooms
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        ]
        index = self._index[drawing, :, ::SKIP]
        costs = [
            float(seen.distances.take(index[place.zoom] + self._step(place), mode="clip").sum())
            for place in places
        ]
        return places[int(np.argmin(costs))]

    def _step(self, pose: Pose) -> np.int32:
        """From a pixel's distances in a drawing to those where it stands in the picture."""
        return np.int32((pose.dy * ROW + pose.dx) * self._width)

    def _named(self, seen: Seen, pose: Pose) -> Floats:
        """Distances of the drawings' columns to each named colour, ``pixels names``."""
        left, right = self._columns
        rows = slice(REACH + pose.dy, REACH + pose.dy + SIDE)
        columns = slice(REACH + pose.dx + left, REACH + pose.dx + right)
        named: Floats = seen.distances.reshape(ROW, ROW, -1)[rows, columns, NAMED]
        return named.reshape(-1, len(COLOURS))

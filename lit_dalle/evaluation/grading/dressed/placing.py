"""Where in a picture drawings stand, by their silhouettes alone."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lit_dalle.evaluation.grading.colours import Floats
from lit_dalle.evaluation.grading.dressed.figures import Pose
from lit_dalle.evaluation.grading.picture import SIDE, Bools
from lit_dalle.evaluation.grading.planes import halved

ACROSS, DOWN = 6, 4
"""Pixels from its own place at which a drawing is looked for: twice the world's jitter."""


class Silhouettes:
    """Pairs of silhouettes, one from each of two sets, that stand together at one place and size.

    Args:
        first: ``drawings zooms h w``.
        second: The same; no overlap with the first. None if there is only one set.
    """

    def __init__(self, first: Bools, second: Bools | None = None) -> None:
        if second is None:
            second = np.zeros((1, *first.shape[1:]), bool)
        self._full = first.astype(np.float32), second.astype(np.float32)
        self._half = tuple(halved(one).reshape(*one.shape[:2], -1) for one in self._full)
        self._half_size = tuple((one**2).sum(-1) for one in self._half)

    def place(self, foreground: Bools) -> Pose:
        """The pose of the pair that overlaps best with the foreground, ``h w``."""
        picture = foreground.astype(np.float32)
        views = _views(halved(picture), ACROSS // 2, DOWN // 2)
        a, b = (one @ views.T for one in self._half)
        sizes = self._half_size[0][:, None] + self._half_size[1]
        dots = a[:, None] + b
        overlap = dots / (sizes[..., None] + (views**2).sum(1) - dots + 1)
        first, second, zoom, shift = np.unravel_index(overlap.argmax(), overlap.shape)
        dy, dx = divmod(int(shift), 2 * (ACROSS // 2) + 1)
        dx, dy = 2 * (dx - ACROSS // 2), 2 * (dy - DOWN // 2)
        return self._exact(picture, int(first), int(second), Pose(int(zoom), dx, dy))

    def _exact(self, picture: Floats, first: int, second: int, pose: Pose) -> Pose:
        """Try the nine places about a pose, at the sizes beside it."""
        zooms = slice(max(0, pose.zoom - 1), pose.zoom + 2)
        pair = (self._full[0][first, zooms] + self._full[1][second, zooms]).reshape(-1, SIDE**2)
        padded = np.pad(picture, (ACROSS + 1, ACROSS + 1))
        top, left = ACROSS + pose.dy, ACROSS + pose.dx
        near = padded[top : top + SIDE + 2, left : left + SIDE + 2]
        views = sliding_window_view(near, (SIDE, SIDE)).reshape(9, -1)
        dots = pair @ views.T
        overlap = dots / (pair.sum(1)[:, None] + views.sum(1) - dots + 1)
        zoom, shift = divmod(int(overlap.argmax()), 9)
        return Pose(zooms.start + zoom, pose.dx + shift % 3 - 1, pose.dy + shift // 3 - 1)


def _views(picture: Floats, across: int, down: int) -> Floats:
    """A picture moved to all places, row by row, ``shifts pixels``."""
    height, width = picture.shape
    padded = np.pad(picture, ((down, down), (across, across)))
    views = sliding_window_view(padded, (height, width))
    return views.reshape(-1, height * width).astype(np.float32, copy=False)

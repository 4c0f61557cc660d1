"""Moving and halving maps of a picture, whatever their pixels hold."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lit_dalle.evaluation.grading.colours import Floats

Plane = TypeVar("Plane", Floats, NDArray[np.uint8], NDArray[np.int8])


def moved(planes: Plane, dx: int, dy: int) -> Plane:
    """Planes ``... h w`` moved right by dx and down by dy pixels; 0 comes in."""
    out = np.zeros_like(planes)
    height, width = planes.shape[-2:]
    out[..., max(0, dy) : height + min(0, dy), max(0, dx) : width + min(0, dx)] = planes[
        ..., max(0, -dy) : height + min(0, -dy), max(0, -dx) : width + min(0, -dx)
    ]
    return out


def halved(planes: Floats) -> Floats:
    """Mean of 2 × 2 pixels: ``... h w`` to ``... h/2 w/2``."""
    rows = planes[..., 0::2, :] + planes[..., 1::2, :]
    half = (rows[..., 0::2] + rows[..., 1::2]) / 4
    return half.astype(np.float32, copy=False)

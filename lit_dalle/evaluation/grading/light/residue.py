"""What of a picture its drawing does not explain, and what of the drawing the picture lacks."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from lit_dalle.data.world.scenes import LightScene
from lit_dalle.evaluation.grading.colours import Floats, delta_e
from lit_dalle.evaluation.grading.light.templates import drawing, extended, sky_of
from lit_dalle.evaluation.grading.picture import Bools
from lit_dalle.evaluation.grading.regions import blobs

REACH = 2
"""Pixels that anything may stand off its drawing."""
UNLIKE = 28.0
"""Delta E from which a pixel is unlike another."""
SKY_GAP = 22.0
"""Delta E that the sky may be off; the world's own jitter is up to 14."""
OBJECT = 25
"""Pixels of the smallest blob that is no dirt: less than a third of 9 × 9."""


def same_sky(lab: Floats, scene: LightScene, side: int) -> Floats | None:
    """The drawing of a scene under the sky of a picture; None where that is of another colour.

    Args:
        lab: L*a*b* of the picture, ``h w 3``.
        scene: What is drawn.
        side: Of place and weather, where chance decides.
    """
    sky, plain = _plain_sky(scene, side)
    gap = sky_of(lab) - sky
    if delta_e(sky_of(lab), sky) > SKY_GAP:
        return None
    drawn = drawing(scene, side).copy()
    drawn[plain] += gap
    return drawn


@cache
def _plain_sky(scene: LightScene, side: int) -> tuple[Floats, Bools]:
    """The colour of a drawing's sky, ``3``, and which pixels have it, ``h w``."""
    drawn = drawing(scene, side)
    sky = sky_of(drawn)
    return sky, np.abs(drawn - sky).sum(-1) < 1


def blobs_unlike(one: Floats, other: Floats) -> list[Bools]:
    """Blobs of pixels of one picture that are unlike all pixels of another near them.

    Args:
        one: L*a*b*, ``h w 3``.
        other: Likewise. The pixels of both count as they are and blurred.
    """
    gaps = one - other
    rows = np.flatnonzero(np.einsum("hwc,hwc->hw", gaps, gaps) > UNLIKE**2)
    versions = ((_as_is, _as_is, 1), (_as_is, _as_is, REACH), (_as_is, _blurred, REACH))
    for version, other_version, steps in (*versions, (_blurred, _as_is, REACH)):
        if len(rows) < OBJECT:
            return []
        nearest = _nearest(version(one), other_version(other), rows, steps)
        rows = rows[nearest > UNLIKE**2]
    where = np.zeros(one.shape[:2], np.bool_)
    where.ravel()[rows] = True
    return blobs(where, OBJECT)


def _nearest(one: Floats, other: Floats, rows: NDArray[np.intp], steps: int) -> Floats:
    """Squared delta E of some pixels to the nearest pixel of another picture, ``rows``.

    Args:
        one: ``h w 3``.
        other: Likewise.
        rows: Places of pixels in the flat picture.
        steps: Pixels that may be between them.
    """
    padded = extended(other, steps)
    width, wide = one.shape[1], padded.shape[1]
    first = rows // width * wide + rows % width
    span = np.arange(2 * steps + 1)
    around = (span[:, None] * wide + span).ravel()
    gaps = padded.reshape(-1, 3)[first[:, None] + around] - one.reshape(-1, 3)[rows, None]
    nearest: Floats = np.einsum("rsc,rsc->rs", gaps, gaps).min(1)
    return nearest


def _as_is(lab: Floats) -> Floats:
    return lab


def _blurred(lab: Floats) -> Floats:
    """Mean of 3 × 3 pixels."""
    padded = extended(lab, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    blurred: Floats = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / np.float32(9)
    return blurred

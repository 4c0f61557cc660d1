"""Colours as numbers: in CIE L*a*b*, how far from each other there (delta E, 1976), and codes."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from lit_dalle.data.world.vocabulary import RGB

Floats = NDArray[np.float32]

TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32
) / np.array([[0.9505], [1.0], [1.089]], np.float32)
"""From linear sRGB to XYZ over those of D65's white (IEC 61966-2-1)."""
TO_LAB = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]], np.float32)
"""From the roots of X, Y and Z to L* + 16, a* and b* (CIE 1976)."""
CHUNK = 1 << 12
"""Colours held against all shades at once, so that their distances stay in the cache."""


def _linear(levels: NDArray[np.uint8]) -> Floats:
    """SRGB levels to linear ones in [0, 1]."""
    share = levels.astype(np.float32) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear.astype(np.float32)


LINEAR = _linear(np.arange(256, dtype=np.uint8))
"""The linear level of every sRGB level."""


def to_lab(rgb: NDArray[np.uint8] | RGB) -> Floats:
    """SRGB levels ``... 3`` to CIE L*a*b* (D65), float32 ``... 3``."""
    xyz = LINEAR.take(np.asarray(rgb, np.uint8)) @ TO_XYZ.T
    roots = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    lab: Floats = roots.astype(np.float32, copy=False) @ TO_LAB.T
    lab[..., 0] -= 16
    return lab


@cache
def lab_of(rgb: RGB) -> Floats:
    """L*a*b* of one colour, ``3``."""
    return to_lab(rgb)


def codes(rgb: NDArray[np.uint8], bits: int) -> NDArray[np.int32]:
    """Colours ``... 3`` of so many bits a channel as one number, red first, ``...``."""
    red, green, blue = np.moveaxis(rgb >> (8 - bits), -1, 0).astype(np.int32)
    numbers: NDArray[np.int32] = red << 2 * bits | green << bits | blue
    return numbers


def every_rgb(bits: int) -> NDArray[np.uint8]:
    """A colour for every code of so many bits a channel: the middle of its cube, ``codes 3``."""
    levels = (np.arange(1 << bits) << 8 - bits) + (1 << 7 - bits)
    cubes = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1)
    return cubes.reshape(-1, 3).astype(np.uint8)


def delta_e(lab: Floats, to: Floats) -> Floats:
    """From colours ``... 3`` to one colour, or each to its own, ``...``."""
    gap = lab - to
    distance: Floats = np.sqrt(np.einsum("...c,...c->...", gap, gap))
    return distance


def delta_e_to_nearest(lab: Floats, shades: Floats) -> Floats:
    """From colours ``n 3`` to the nearest of some shades ``m 3``, ``n``."""
    square = (lab**2).sum(1)[:, None] + (shades**2).sum(1) - 2 * lab @ shades.T
    distance: Floats = np.sqrt(np.maximum(square, 0).min(1))
    return distance


def nearest(lab: Floats, shades: Floats) -> NDArray[np.intp]:
    """Place of the shade ``m 3`` that is nearest to each of some colours ``n 3``, ``n``."""
    size = (shades**2).sum(1) / 2
    parts = np.split(lab, range(CHUNK, len(lab), CHUNK))
    return np.concatenate([(size - part @ shades.T).argmin(1) for part in parts])


def delta_e_to_mixtures(lab: Floats, start: Floats, end: Floats) -> Floats:
    """From colours ``n 3`` to the nearest mixture of two, ``n``."""
    way = end - start
    share = np.clip((lab - start) @ way / max(float(way @ way), 1.0), 0, 1)
    return delta_e(lab, start + share[:, None] * way)

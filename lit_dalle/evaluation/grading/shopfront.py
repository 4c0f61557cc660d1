"""Finds a shop front in a picture: where its parts stand, and what there is out of place."""

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lit_dalle.data.world.drawing.canvas import DARK, SLATE, WHITE, mixed
from lit_dalle.data.world.drawing.writing import draw_writing
from lit_dalle.data.world.scenes import WritingScene
from lit_dalle.data.world.vocabulary import COLOUR_RGB, RGB
from lit_dalle.evaluation.grading.picture import SIDE, Bools, Floats, to_lab

Zones = NDArray[np.int8]
PALE, WALL, AWNING, GREYS, BAND, SIGN = range(6)
"""Zones of a front: all that is pale, the background too; wall; dark stripes; door and ground; the
part of the wall where a sign may hang; the sign."""
BAND_BOX = (slice(10, 28), slice(3, 61))
"""Rows and columns of `BAND` in a front at its middle place (signs are drawn in rows 11 to 26)."""
REACH = (3, 6)
"""Pixels, across and down, by which a front may be off its middle place (drawn: 1 and 3)."""

PARTS = {
    "an awning": ((slice(30, 34), AWNING), (slice(30, 34), PALE)),
    "a window": ((slice(38, 56), PALE),),
    "a door": ((slice(44, 58), GREYS),),
}
"""Rows and zones, inside the front's outline, that show each part."""
COLUMNS = {"an awning": slice(2, 62), "a window": slice(6, 36), "a door": slice(43, 56)}
"""Columns of each part."""
THERE = 0.6
"""Share of the pixels of a part that look as they should, if the part is there."""

LIGHTEST, PUREST = 75.0, 24.0
"""A pixel is pale if its L* is above the first and its chroma below the second."""
FAR = 32.0
"""Delta E from what belongs at a place to what does not: between the least distance of two named
colours (25) and that of something plain to see (40)."""
NEAR = 2
"""Pixels by which an edge may lie beside its place."""
BLENDS = ((WALL, PALE), (AWNING, PALE), (GREYS, PALE), (GREYS, WALL), (AWNING, WALL))
"""Zones whose colours may mix where they meet."""
MIXED = 18.0
"""Delta E from a mixture to what is none: pink is 23 from mixtures of purple and white."""
THICK = 3
"""Pixels: what is out of place and thinner is a smeared edge."""
LARGE = 20
"""Pixels out of place, side by side, that make a thing."""


@dataclass(frozen=True)
class Front:
    """A shop front where it fits a picture best."""

    fit: float
    """Correlation of pale and other pixels with those of a shop front: 1 is equal."""
    dx: int
    """Pixels to the right of the middle place."""
    dy: int
    """Pixels below the middle place."""

    @property
    def zones(self) -> Zones:
        """The zone of each pixel, ``h w``; the sign is not drawn in."""
        return _moved(_zones(), self.dx, self.dy)


def find_front(lab: Floats) -> Front:
    """The place where pale and other pixels of a picture ``h w 3`` lie most as in a shop front."""
    signs = np.where(is_pale(lab), 1, -1).astype(np.float32).ravel()
    shifts, patterns = _patterns()
    fits = patterns @ signs
    best = int(fits.argmax())
    return Front(float(fits[best]), *shifts[best])


def is_pale(lab: Floats) -> Bools:
    """Whether colours ``... 3`` are white, glass or background."""
    pure = lab[..., 1] ** 2 + lab[..., 2] ** 2
    pale: Bools = (lab[..., 0] > LIGHTEST) & (pure < PUREST**2)
    return pale


def wall_colour(lab: Floats, front: Front) -> Floats:
    """L*a*b* of the wall below and beside the sign, ``3``."""
    wall: Floats = np.median(lab[front.zones == WALL], axis=0)
    return wall


def missing_parts(lab: Floats, front: Front) -> list[str]:
    """Names of `PARTS` that do not look as they should."""
    pale, zones = is_pale(lab), front.zones
    looks = {PALE: pale, AWNING: ~pale, GREYS: _distance(lab, _fixed(SLATE)) < FAR}
    missing = []
    for name, signs in PARTS.items():
        left, right = COLUMNS[name].start + front.dx, COLUMNS[name].stop + front.dx
        for rows, zone in signs:
            box = (slice(rows.start + front.dy, rows.stop + front.dy), slice(max(0, left), right))
            same = zones[box] == zone
            here = same[:, :-2] & same[:, 1:-1] & same[:, 2:]
            if not here.any() or looks[zone][box][:, 1:-1][here].mean() < THERE:
                missing.append(name)
                break
    return missing


def out_of_place(lab: Floats, zones: Zones, wall: Floats) -> list[Bools]:
    """Things ``h w`` that belong to none of a front's zones within `NEAR` of them."""
    ends = {
        PALE: _fixed(WHITE),
        WALL: wall,
        AWNING: np.median(lab[zones == AWNING], axis=0),
        GREYS: _fixed(SLATE),
    }
    gaps = {zone: _distance(lab, end) for zone, end in ends.items()}
    gaps[PALE][is_pale(lab)] = 0
    gaps[SIGN] = np.hypot(lab[..., 1], lab[..., 2])
    gaps[BAND] = np.minimum(gaps[SIGN], gaps[WALL])
    near = _spread(np.uint8(1) << zones.astype(np.uint8))
    odd = np.ones(zones.shape, bool)
    for zone, gap in gaps.items():
        odd &= (gap > FAR) | (near & 1 << zone == 0)
    odd = _opened(odd)
    for a, b in BLENDS if odd.any() else ():
        both = 1 << a | 1 << b
        where = odd & (near & both == both)
        odd[where] = _off_line(lab[where], ends[a], ends[b]) > MIXED
    return _blobs(odd)


def _opened(odd: Bools) -> Bools:
    """Without what is thinner than `THICK`."""
    if odd.sum() < LARGE:
        return np.zeros_like(odd)
    opened: Bools = ndimage.binary_opening(odd, np.ones((THICK, THICK), bool))
    return opened


def _blobs(odd: Bools) -> list[Bools]:
    """Connected pixels that are thick and `LARGE`."""
    odd = _opened(odd)
    if not odd.any():
        return []
    blobs, count = ndimage.label(odd)
    things = [blobs == blob for blob in range(1, count + 1)]
    return [thing for thing in things if thing.sum() >= LARGE]


def _spread(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """All bits set within a square of `NEAR` about each pixel, ``h w``."""
    for _ in range(2):
        bits = bits.T
        out = bits.copy()
        for step in range(1, NEAR + 1):
            out[step:] |= bits[:-step]
            out[:-step] |= bits[step:]
        bits = out
    return bits


def _distance(lab: Floats, to: Floats) -> Floats:
    """Delta E from colours ``... 3`` to one, ``...``."""
    gap = lab - to
    distance: Floats = np.sqrt(np.einsum("...c,...c->...", gap, gap))
    return distance


def _off_line(lab: Floats, start: Floats, end: Floats) -> Floats:
    """Delta E from colours ``n 3`` to the nearest mixture of two."""
    way = end - start
    share = np.clip((lab - start) @ way / max(float(way @ way), 1.0), 0, 1)
    return _distance(lab, start + share[:, None] * way)


@cache
def _fixed(rgb: RGB) -> Floats:
    """L*a*b* of a colour, ``3``."""
    return to_lab(rgb)


class _Steady(Random):
    """Draws the middle of what may be drawn."""

    def randint(self, a: int, b: int) -> int:
        return (a + b) // 2

    def randrange(self, *_: Any) -> int:
        return 0

    def choice(self, seq: Any) -> Any:
        return seq[0]


@cache
def _zones() -> Zones:
    """Zones of the front as the world draws it, at its middle place."""
    wall = COLOUR_RGB["red"]
    drawn = draw_writing(WritingScene("ill", "red"), _Steady(), SIDE).finish()
    colours: dict[RGB, int] = {wall: WALL, mixed(wall, DARK, 0.3): AWNING, SLATE: GREYS}
    lab = to_lab(np.asarray(drawn))
    gaps = np.stack([_distance(lab, to_lab(rgb)) for rgb in colours])
    others = np.array(list(colours.values()), np.int8)[gaps.argmin(0)]
    zones: Zones = np.where(is_pale(lab), np.int8(PALE), others)
    zones[BAND_BOX] = BAND
    return zones


@cache
def _patterns() -> tuple[list[tuple[int, int]], Floats]:
    """Shifts (dx, dy), and for each the pixels' weights: positive where pale, `BAND` left out."""
    across, down = (range(-reach, reach + 1) for reach in REACH)
    shifts = [(dx, dy) for dy in down for dx in across]
    weights = np.array([1, -1, -1, -1, 0, 0], np.float32)
    patterns = np.stack([weights[_moved(_zones(), dx, dy)].ravel() for dx, dy in shifts])
    return shifts, patterns / np.abs(patterns).sum(1, keepdims=True)


def _moved(zones: Zones, dx: int, dy: int) -> Zones:
    """Zones moved right and down by whole pixels; what comes in is pale."""
    moved = np.full_like(zones, PALE)
    moved[max(0, dy) : SIDE + min(0, dy), max(0, dx) : SIDE + min(0, dx)] = zones[
        max(0, -dy) : SIDE + min(0, -dy), max(0, -dx) : SIDE + min(0, -dx)
    ]
    return moved

"""Finds a shop front in a picture: where its parts stand, and what there is out of place."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from lit_dalle.data.world.drawing.canvas import DARK, SLATE, WHITE, mixed
from lit_dalle.data.world.drawing.writing import draw_writing
from lit_dalle.data.world.scenes import WritingScene
from lit_dalle.data.world.vocabulary import COLOUR_RGB, RGB
from lit_dalle.evaluation.grading.colours import (
    Floats,
    delta_e,
    delta_e_to_mixtures,
    lab_of,
    to_lab,
)
from lit_dalle.evaluation.grading.picture import SIDE, Bools
from lit_dalle.evaluation.grading.planes import moved
from lit_dalle.evaluation.grading.regions import FOUR, blobs, opened, spread
from lit_dalle.evaluation.grading.still import Still

Zones = NDArray[np.int8]
PALE, WALL, AWNING, GREYS, BAND, SIGN = range(6)
"""Zones of a front: all that is pale, the background too; wall; dark stripes; door and ground; the
part of the wall where a sign may hang; the sign. What comes in where a front moves is 0: pale."""
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
        return moved(_zones(), self.dx, self.dy)


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
    looks = {PALE: pale, AWNING: ~pale, GREYS: delta_e(lab, lab_of(SLATE)) < FAR}
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
        PALE: lab_of(WHITE),
        WALL: wall,
        AWNING: np.median(lab[zones == AWNING], axis=0),
        GREYS: lab_of(SLATE),
    }
    gaps = {zone: delta_e(lab, end) for zone, end in ends.items()}
    gaps[PALE][is_pale(lab)] = 0
    gaps[SIGN] = np.hypot(lab[..., 1], lab[..., 2])
    gaps[BAND] = np.minimum(gaps[SIGN], gaps[WALL])
    near = spread(np.uint8(1) << zones.astype(np.uint8), NEAR)
    odd = np.ones(zones.shape, bool)
    for zone, gap in gaps.items():
        odd &= (gap > FAR) | (near & 1 << zone == 0)
    odd = opened(odd, THICK)
    for a, b in BLENDS if odd.any() else ():
        both = 1 << a | 1 << b
        where = odd & (near & both == both)
        odd[where] = delta_e_to_mixtures(lab[where], ends[a], ends[b]) > MIXED
    return blobs(opened(odd, THICK), LARGE, FOUR)


@cache
def _zones() -> Zones:
    """Zones of the front as the world draws it, at its middle place."""
    wall = COLOUR_RGB["red"]
    drawn = draw_writing(WritingScene("ill", "red"), Still(), SIDE).finish()
    colours: dict[RGB, int] = {wall: WALL, mixed(wall, DARK, 0.3): AWNING, SLATE: GREYS}
    lab = to_lab(np.asarray(drawn))
    gaps = np.stack([delta_e(lab, lab_of(rgb)) for rgb in colours])
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
    patterns = np.stack([weights[moved(_zones(), dx, dy)].ravel() for dx, dy in shifts])
    return shifts, patterns / np.abs(patterns).sum(1, keepdims=True)

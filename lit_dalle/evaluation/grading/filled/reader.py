"""Which of a family's drawings a picture shows: where its fill is and where its grey parts are.

Colours do not count in this; then the fill's colour is read where the drawing has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lit_dalle.data.world.vocabulary import COLOURS_OR_PLAIN, RGB
from lit_dalle.evaluation.grading.colours import Floats
from lit_dalle.evaluation.grading.filled.materials import material_of, parts_of
from lit_dalle.evaluation.grading.filled.residue import explained
from lit_dalle.evaluation.grading.filled.templates import PLANES, Draw, TemplateBank
from lit_dalle.evaluation.grading.picture import GREY, NAMES, SIDE, Picture

ZOOMS = (0.95, 0.99, 1.03)
"""Sizes tried; the world's telephones and things are drawn at 0.94 to 1.04."""
MARGIN = 0.04
"""Drawings whose overlap at half resolution is within this of the best are placed to the pixel."""
LEAST = 0.25
"""Overlap below which a picture shows none of the drawings."""
SOLID = 0.9
"""Share of a pixel that the fill covers where its colour is read."""

RIVAL = 0.2
"""Share of the fill's pixels from which on a name may be the fill's colour."""


@dataclass(frozen=True)
class Reading:
    """The drawing that a picture shows."""

    name: str
    colour: str
    """Name of the fill's colour."""
    parts: Floats
    """The drawing where it stands, by materials: see `parts_of`."""


class Reader:
    """Reads a family's pictures; drawings are made at the first one.

    Args:
        drawings: Name to drawing, filled with `FILL`.
        reach: Pixels that things may be off their middle place, to either side and up and down.
    """

    def __init__(self, drawings: Mapping[str, Draw], reach: tuple[int, int]) -> None:
        self._drawings, self._reach = drawings, reach
        self._parts: dict[tuple[str, float], Floats] = {}

    @cached_property
    def _bank(self) -> TemplateBank:
        return TemplateBank(self._drawings, _plane, ZOOMS, self._reach, MARGIN)

    def read(self, picture: Picture) -> Reading | None:
        """The best drawing and its colour; None where nothing in the picture is like any."""
        planes = np.zeros((PLANES, SIDE, SIDE), np.float32)
        planes[1] = picture.labels == NAMES.index(GREY)
        planes[0] = picture.foreground & (picture.labels != NAMES.index(GREY))
        if not planes[0].any():
            return None
        fit = self._bank.fits(planes)[0]
        if fit.score < LEAST:
            return None
        key = fit.name, fit.zoom
        if key not in self._parts:
            self._parts[key] = parts_of(self._drawings[fit.name], fit.zoom)
        parts = _moved(self._parts[key], fit.dx, fit.dy)
        return Reading(fit.name, _colour(picture, parts), parts)


def _plane(rgb: RGB) -> int | None:
    """Fill and dark parts look coloured, other parts grey; light ones look like background."""
    return {"fill": 0, "dark": 0, "grey": 1}.get(material_of(rgb))


def _moved(parts: Floats, dx: int, dy: int) -> Floats:
    """Moved right and down by whole pixels; what comes in is the edge repeated."""
    ys = np.clip(np.arange(SIDE) - dy, 0, SIDE - 1)
    xs = np.clip(np.arange(SIDE) - dx, 0, SIDE - 1)
    return parts[:, ys[:, None], xs]


def _colour(picture: Picture, parts: Floats) -> str:
    """The name that most of the pixels carry where the drawing is filled.

    Where a second name has a `RIVAL` share of them, the one that explains more pixels: orange
    explains the beige of its own blends with white, and beige does not explain orange.
    """
    fill = parts[0] > SOLID
    counts = np.bincount(picture.labels[fill], minlength=len(NAMES))
    votes = {name: int(counts[NAMES.index(name)]) for name in COLOURS_OR_PLAIN}
    rivals = [name for name, count in votes.items() if count >= RIVAL * fill.sum()]
    if len(rivals) < 2:
        return max(votes, key=lambda name: votes[name])
    return max(rivals, key=lambda name: int(explained(picture, parts, name)[fill].sum()))

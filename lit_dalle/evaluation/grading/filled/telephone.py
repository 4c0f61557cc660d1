"""Reads a telephone's era, colour and support."""

from collections.abc import Iterator
from functools import partial
from itertools import product

from lit_dalle.data.world.drawing.canvas import Canvas
from lit_dalle.data.world.drawing.telephone import (
    FLOOR,
    SUPPORT_TOP,
    TELEPHONES,
    draw_support,
)
from lit_dalle.data.world.scenes import TelephoneScene
from lit_dalle.data.world.vocabulary import ERAS, SUPPORTS
from lit_dalle.evaluation.grading.filled.materials import FILL
from lit_dalle.evaluation.grading.filled.reader import Reader
from lit_dalle.evaluation.grading.filled.residue import nothing_beside
from lit_dalle.evaluation.grading.filled.templates import Draw
from lit_dalle.evaluation.grading.picture import Picture
from lit_dalle.evaluation.grading.verdict import Requirement, compared

REACH = (5, 1)
"""Pixels a telephone may be off its place: little in height, by which floor and support differ."""


def requirements(picture: Picture, scene: TelephoneScene) -> Iterator[Requirement]:
    """Era, colour, support, and nothing else."""
    reading = READER.read(picture)
    if reading is None:
        yield Requirement("era", False, f"no telephone, not one from the {scene.era}")
        return
    era, support = reading.name.split("/")
    yield compared("era", era, scene.era)
    yield compared("colour", reading.colour, scene.colour)
    yield compared("support", support, scene.support)
    yield nothing_beside(picture, reading.parts, reading.colour)


def _draw(era: str, support: str, canvas: Canvas) -> None:
    """A telephone on its support, in the middle."""
    draw_support(canvas, support)
    TELEPHONES[era](canvas, 32.0, FLOOR if support == "floor" else SUPPORT_TOP, FILL)


DRAWINGS: dict[str, Draw] = {
    f"{era}/{support}": partial(_draw, era, support) for era, support in product(ERAS, SUPPORTS)
}
"""Era and support, a slash between them."""
READER = Reader(DRAWINGS, REACH)

"""Reads a thing's kind, shape and colour."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from random import Random

from lit_dalle.data.world.drawing.canvas import Canvas
from lit_dalle.data.world.drawing.things import draw_parts
from lit_dalle.data.world.scenes import ThingScene
from lit_dalle.data.world.vocabulary import KINDS, THING_SHAPES
from lit_dalle.evaluation.grading.filled.materials import FILL
from lit_dalle.evaluation.grading.filled.reader import Reader
from lit_dalle.evaluation.grading.filled.residue import nothing_beside
from lit_dalle.evaluation.grading.filled.templates import Draw
from lit_dalle.evaluation.grading.picture import Picture
from lit_dalle.evaluation.grading.verdict import Requirement, compared

REACH = (5, 3)
"""Pixels a thing may be off its place."""


def requirements(picture: Picture, scene: ThingScene) -> Iterator[Requirement]:
    """Kind, shape, colour, and nothing else."""
    reading = READER.read(picture)
    if reading is None:
        yield Requirement("kind", False, f"nothing like a {scene.kind}")
        return
    kind, shape = reading.name.split("/")
    yield compared("kind", kind, scene.kind)
    yield compared("shape", shape, scene.shape)
    yield compared("colour", reading.colour, scene.colour)
    yield nothing_beside(picture, reading.parts, reading.colour)


def _draw(kind: str, shape: str, canvas: Canvas) -> None:
    """A thing in the middle, as the world draws it."""
    draw_parts(canvas, kind, shape, FILL, Random(0))


DRAWINGS: dict[str, Draw] = {
    f"{kind}/{shape}": partial(_draw, kind, shape) for kind, shape in product(KINDS, THING_SHAPES)
}
"""Kind and shape, a slash between them."""
READER = Reader(DRAWINGS, REACH)

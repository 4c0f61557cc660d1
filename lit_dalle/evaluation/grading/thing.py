"""Reads a thing's kind, shape and colour."""

from collections.abc import Iterator
from functools import partial
from itertools import product
from random import Random

from lit_dalle.data.world.drawing import things
from lit_dalle.data.world.drawing.canvas import Canvas
from lit_dalle.data.world.drawing.shapes import placed
from lit_dalle.data.world.scenes import ThingScene
from lit_dalle.data.world.vocabulary import KINDS, THING_SHAPES
from lit_dalle.evaluation.grading.picture import Picture
from lit_dalle.evaluation.grading.residue import FILL, nothing_else
from lit_dalle.evaluation.grading.structure import Reader
from lit_dalle.evaluation.grading.templates import Draw
from lit_dalle.evaluation.grading.verdict import Requirement, compared

REACH = (5, 3)
"""Pixels a thing may be off its place."""
MIDDLE = {"clock": 29.0, "armchair": 24.0, "lamp": 22.0, "kite": 22.0}
"""Height of a shape's middle, as the world draws it."""


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
    yield nothing_else(picture, reading.parts, reading.colour)


def _draw(kind: str, shape: str, canvas: Canvas) -> None:
    """A thing in the middle, as the world draws it."""
    y = MIDDLE[kind]
    points = placed(shape, 32, y, things.HALF)
    bottom = max(py for _, py in points)
    if kind == "clock":
        things._feet(canvas, bottom)
    elif kind == "lamp":
        things._stand(canvas, bottom)
    elif kind == "kite":
        things._tail(canvas, bottom)
    canvas.polygon(points, FILL)
    if kind == "clock":
        things._dial(canvas, y + things.HALF * things.DIAL_PLACE.get(shape, 0.0), Random(0))
    elif kind == "armchair":
        things._seat(canvas, bottom)


DRAWINGS: dict[str, Draw] = {
    f"{kind}/{shape}": partial(_draw, kind, shape) for kind, shape in product(KINDS, THING_SHAPES)
}
"""Kind and shape, a slash between them."""
READER = Reader(DRAWINGS, REACH)

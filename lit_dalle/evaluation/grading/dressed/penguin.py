"""Is there a penguin, in these clothes, and nothing else?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from lit_dalle.data.world.drawing.canvas import DARK, SUPERSAMPLING, WHITE
from lit_dalle.data.world.drawing.penguin import BEAK, BODY, draw_penguin
from lit_dalle.data.world.scenes import PenguinScene
from lit_dalle.data.world.vocabulary import COLOUR_RGB, COLOURS, RGB
from lit_dalle.evaluation.grading.dressed.figures import (
    Map,
    colours_of,
    drawn,
    in_colour,
    indexed,
    zoomed,
)
from lit_dalle.evaluation.grading.dressed.leftovers import nothing_strange
from lit_dalle.evaluation.grading.dressed.palettes import Palette
from lit_dalle.evaluation.grading.dressed.parts import Part, missing, whole
from lit_dalle.evaluation.grading.dressed.placing import Silhouettes
from lit_dalle.evaluation.grading.picture import Picture
from lit_dalle.evaluation.grading.planes import moved
from lit_dalle.evaluation.grading.verdict import Requirement, compared

ZOOMS = (0.93, 0.955, 0.98, 1.005, 1.03, 1.06)
"""Sizes relative to the middle of the world's: its whole range and a little more."""
MODEL = PenguinScene(hat="red", gloves="yellow", shirt="blue", pants="green")
"""The penguin that is drawn to find each part: every piece of clothing in a colour of its own."""
HIDDEN = 0.3
"""Share of head and feet that must be there: hat and pants hide half of them, blur takes rims."""
Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in units."""

CLOTHES: tuple[tuple[Part, str, Box], ...] = (
    (Part("hat"), "hat", (0, 0, 64, 64)),
    (Part("left glove"), "gloves", (0, 0, 32, 64)),
    (Part("right glove"), "gloves", (32, 0, 64, 64)),
    (Part("shirt"), "shirt", (0, 0, 64, 64)),
    (Part("pants"), "pants", (0, 0, 64, 64)),
)
"""Each piece, its attribute, and the box of the drawing that it is in."""
BODY_PARTS: tuple[tuple[Part, RGB, Box], ...] = (
    (Part("head", least=HIDDEN), BODY, (21, 0, 43, 31)),
    (Part("left arm", narrow=True), BODY, (0, 24, 21, 64)),
    (Part("right arm", narrow=True), BODY, (43, 24, 64, 64)),
    (Part("face"), WHITE, (0, 0, 64, 32)),
    (Part("left eye", small=True), DARK, (0, 0, 32, 64)),
    (Part("right eye", small=True), DARK, (32, 0, 64, 64)),
    (Part("beak", small=True), BEAK, (0, 0, 64, 32)),
    (Part("left foot", least=HIDDEN), BEAK, (0, 50, 32, 64)),
    (Part("right foot", least=HIDDEN), BEAK, (32, 50, 64, 64)),
)
"""Each part, its colour, and the box of the drawing that it is in."""
PARTS = [part for part, _, _ in (*CLOTHES, *BODY_PARTS)]


@dataclass(frozen=True)
class Model:
    """The penguin's drawing in all sizes."""

    palette: Palette
    silhouettes: Silhouettes
    colours: Map
    """Places in the palette, ``zooms h w``."""
    numbers: Map
    """Places in `PARTS` plus one, ``zooms h w``."""


def requirements(picture: Picture, scene: PenguinScene) -> Iterator[Requirement]:
    """Each piece of clothing, the penguin's own parts, and that there is nothing else."""
    penguin = model()
    pose = penguin.silhouettes.place(picture.foreground)
    numbers = moved(penguin.numbers[pose.zoom], pose.dx, pose.dy)
    colours = moved(penguin.colours[pose.zoom], pose.dx, pose.dy)
    for number, (part, attribute, _) in enumerate(CLOTHES, 1):
        worn = numbers == number
        colour = picture.colour(worn, COLOURS, stronger_half=True)
        colours[worn] = 1 + COLOURS.index(colour)
        yield compared(attribute, colour, getattr(scene, attribute), part.name)
    seen = penguin.palette.see(picture)
    yield whole(missing(seen, colours, numbers, PARTS))
    yield nothing_strange(seen, colours)


@cache
def model() -> Model:
    """Draw the penguin once."""
    large = drawn(draw_penguin, MODEL)
    palette = Palette(colours_of(large))
    indices = indexed(large, palette.places)
    numbers = np.zeros_like(indices)
    named = [(COLOUR_RGB[getattr(MODEL, attribute)], box) for _, attribute, box in CLOTHES]
    for number, (rgb, box) in enumerate([*named, *((c, box) for _, c, box in BODY_PARTS)], 1):
        left, top, right, bottom = (unit * SUPERSAMPLING for unit in box)
        where = (slice(top, bottom), slice(left, right))
        numbers[where][in_colour(large[where], rgb)] = number
    colours = zoomed(indices, ZOOMS)
    return Model(palette, Silhouettes((colours > 0)[None]), colours, zoomed(numbers, ZOOMS))

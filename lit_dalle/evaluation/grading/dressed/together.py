"""Is a vegetable there, in this garment, walking this animal, and nothing else?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from scipy import ndimage

from lit_dalle.data.world.drawing.canvas import DARK, SLATE, SUPERSAMPLING, WHITE
from lit_dalle.data.world.drawing.together import draw_together
from lit_dalle.data.world.scenes import TogetherScene
from lit_dalle.data.world.vocabulary import ANIMALS, COLOUR_RGB, COLOURS, GARMENTS, RGB, VEGETABLES
from lit_dalle.evaluation.grading.dressed.contest import Contest
from lit_dalle.evaluation.grading.dressed.figures import (
    Drawing,
    Map,
    Pose,
    colours_of,
    drawn,
    in_colour,
    indexed,
    zoomed,
)
from lit_dalle.evaluation.grading.dressed.leftovers import nothing_strange
from lit_dalle.evaluation.grading.dressed.palettes import Palette, Seen
from lit_dalle.evaluation.grading.dressed.parts import Part, missing, whole
from lit_dalle.evaluation.grading.dressed.placing import Silhouettes
from lit_dalle.evaluation.grading.picture import SIDE, Bools, Picture
from lit_dalle.evaluation.grading.planes import moved
from lit_dalle.evaluation.grading.verdict import Requirement, compared

ZOOMS = (0.94, 0.97, 1.0, 1.03, 1.06)
"""Sizes relative to the middle of the world's: its whole range and a little more."""
SPLIT = 35
"""Units from the left: the dressed vegetable is on this side, the animal beyond."""
LEAD_FROM = 29
"""Units from the left; what is dark beyond is the lead, which goes with the animal."""
SLENDER = ("carrot", "hat")
"""A wearer that hides nothing of the lead."""
MODEL_COLOUR = "blue"
"""What garments are drawn in to find them: no other part has this colour."""
THICK = 1.5
"""Least half width, in units, of what counts as a part; thinner marks are ornaments."""
SCRAP = 5.0
"""Square units; smaller pieces, what others leave to be seen of a limb, are not asked for."""
WIDEST_EYE = 3
"""Units; dark pieces that are wider are the lead."""
WHOLE_LEAD = 0.65
"""Share of the lead that must be there; its ends touch other things and are there without it."""
WEARERS = tuple(product(VEGETABLES, GARMENTS))


@dataclass(frozen=True)
class Half:
    """The drawings of one side of the picture, in all sizes."""

    colours: Map
    """Places in the palette, ``drawings zooms h w``."""
    numbers: Map
    """Of the parts, ``drawings zooms h w``."""
    parts: list[list[Part]]
    """Of each drawing."""
    contest: Contest


@dataclass(frozen=True)
class Model:
    """Dressed vegetables and animals."""

    palette: Palette
    silhouettes: Silhouettes
    wearers: Half
    animals: Half


def requirements(picture: Picture, scene: TogetherScene) -> Iterator[Requirement]:
    """Vegetable, garment, colour, animal, all parts, and that there is nothing else."""
    both = model()
    seen = both.palette.see(picture)
    pose = both.silhouettes.place(picture.foreground)
    wearer, left = _chosen(both.wearers, seen, pose)
    animal, right = _chosen(both.animals, seen, pose)
    colours, numbers = _shown(both.wearers, wearer, left)
    others, beyond = _shown(both.animals, animal, right)
    garment = colours == both.palette.places[COLOUR_RGB[MODEL_COLOUR]]
    colour = picture.colour(garment, COLOURS) if garment.any() else "none"
    if garment.any():
        colours[garment] = 1 + COLOURS.index(colour)
    vegetable, worn = WEARERS[wearer]
    yield compared("vegetable", vegetable, scene.vegetable)
    yield compared("garment", worn, scene.garment)
    yield compared("colour", colour, scene.colour, f"colour of the {worn}")
    yield compared("animal", ANIMALS[animal], scene.animal)
    parts = [*both.wearers.parts[wearer], *both.animals.parts[animal]]
    beyond[beyond > 0] += len(both.wearers.parts[wearer])
    own = (colours > 0) | (numbers > 0)
    numbers, colours = np.where(own, numbers, beyond), np.where(own, colours, others)
    yield whole(missing(seen, colours, numbers, parts))
    yield nothing_strange(seen, colours)


def _chosen(half: Half, seen: Seen, pose: Pose) -> tuple[int, Pose]:
    """The drawing that fits best, and where exactly it stands."""
    drawing = half.contest.best(seen, pose)
    settled = half.contest.settled(seen, drawing, pose)
    if settled != pose:
        drawing = half.contest.best(seen, settled)
    return drawing, settled


def _shown(half: Half, drawing: int, pose: Pose) -> tuple[Map, Map]:
    """Colours and parts of a drawing where it stands."""
    colours = moved(half.colours[drawing, pose.zoom], pose.dx, pose.dy)
    return colours, moved(half.numbers[drawing, pose.zoom], pose.dx, pose.dy)


@cache
def model() -> Model:
    """Draw all dressed vegetables and all animals once."""
    scenes = [TogetherScene(*wearer, MODEL_COLOUR, ANIMALS[0]) for wearer in WEARERS]
    scenes += [TogetherScene(*SLENDER, MODEL_COLOUR, animal) for animal in ANIMALS]
    drawings = [drawn(draw_together, scene) for scene in scenes]
    palette = Palette(colours_of(*drawings))
    sides = np.arange(SIDE * SUPERSAMPLING) >= SPLIT * SUPERSAMPLING
    for number, drawing in enumerate(drawings):
        lead = in_colour(drawing, DARK)
        lead[:, : LEAD_FROM * SUPERSAMPLING] = False
        animal = sides | lead
        drawing[animal if number < len(WEARERS) else ~animal] = drawing[0, 0]
    wearers = _half(palette, drawings[: len(WEARERS)], (0, SPLIT + 1))
    animals = _half(palette, drawings[len(WEARERS) :], (SPLIT, SIDE))
    silhouettes = Silhouettes(wearers.colours > 0, animals.colours > 0)
    return Model(palette, silhouettes, wearers, animals)


def _half(palette: Palette, drawings: list[Drawing], columns: tuple[int, int]) -> Half:
    """The drawings of one side."""
    colours, numbers, parts = [], [], []
    for drawing in drawings:
        colours.append(zoomed(indexed(drawing, palette.places), ZOOMS))
        large, found = _parts(drawing, "animal" if columns[0] else "vegetable")
        numbers.append(zoomed(large, ZOOMS))
        parts.append(found)
    maps = np.stack(colours)
    garment = palette.places[COLOUR_RGB[MODEL_COLOUR]]
    return Half(maps, np.stack(numbers), parts, Contest(palette, maps, columns, garment))


def _parts(drawing: Drawing, owner: str) -> tuple[Map, list[Part]]:
    """Pieces of one colour that are thick enough, limbs, eyes and the lead: ``large large``."""
    numbers = np.zeros(drawing.shape, np.uint8)
    parts: list[Part] = []
    for rgb in colours_of(drawing):
        pieces, _ = ndimage.label(in_colour(drawing, rgb))
        for piece, box in enumerate(ndimage.find_objects(pieces), 1):
            where = pieces[box] == piece
            part = _part(rgb, where, owner)
            if part is not None:
                parts.append(part)
                numbers[box][where] = len(parts)
    return numbers, parts


def _part(rgb: RGB, shape: Bools, owner: str) -> Part | None:
    """What a piece of one colour is, or None if it is an ornament.

    Args:
        rgb: Its colour.
        shape: Its pixels within the box about it.
        owner: The vegetable or the animal.
    """
    if shape.sum() < SCRAP * SUPERSAMPLING**2:
        return None
    height, width = shape.shape
    if rgb == SLATE:
        return Part("leg", narrow=True) if height > width else Part("arm", narrow=True, small=True)
    if rgb == DARK and width > WIDEST_EYE * SUPERSAMPLING:
        return Part("lead", narrow=True, least=WHOLE_LEAD)
    if rgb == WHITE:
        return Part("eye", small=True)
    if ndimage.distance_transform_edt(np.pad(shape, 1)).max() < THICK * SUPERSAMPLING:
        return None
    return Part("garment" if rgb == COLOUR_RGB[MODEL_COLOUR] else owner)

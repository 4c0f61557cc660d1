"""Some objects of one colour and shape: how many, which, and nothing beside them."""

from collections import Counter
from collections.abc import Iterator, Sequence

from lit_dalle.data.world import CountScene
from lit_dalle.evaluation.grading.objects import FoundObject, find_objects, no_strays
from lit_dalle.evaluation.grading.objects.outlines import read_shapes
from lit_dalle.evaluation.grading.picture import Picture
from lit_dalle.evaluation.grading.verdict import Requirement, compared

NONE = "none"
"""The colour and shape of no object."""


def requirements(picture: Picture, scene: CountScene) -> Iterator[Requirement]:
    """What a picture of equal objects has to show.

    The colour most objects have is the picture's; what has another colour was not asked for.
    """
    found = find_objects(picture)
    colour = prevailing_colour(found)
    ours = [one for one in found if one.colour == colour]
    shapes = {shape.read(scene.shape) for shape in read_shapes([one.coverage for one in ours])}
    yield compared("count", len(ours), scene.count)
    yield compared("colour", colour, scene.colour)
    yield compared("shape", " and ".join(sorted(shapes)) or NONE, scene.shape)
    yield no_strays([one for one in found if one.colour != colour])


def prevailing_colour(found: Sequence[FoundObject]) -> str:
    """The colour of most objects; of colours equally many have, the one that covers more."""
    area: dict[str, float] = {}
    for one in found:
        area[one.colour] = area.get(one.colour, 0.0) + one.area
    number = Counter(one.colour for one in found)
    return max(area, key=lambda colour: (number[colour], area[colour]), default=NONE)

"""Two objects of different colours, one beside, above or below the other."""

from collections.abc import Iterator
from typing import NamedTuple

from lit_dalle.data.world import RelationScene
from lit_dalle.evaluation.grading.objects import FoundObject, find_objects, no_strays
from lit_dalle.evaluation.grading.objects.outlines import read_shapes
from lit_dalle.evaluation.grading.picture import Picture
from lit_dalle.evaluation.grading.verdict import Requirement, compared

WORDS = ("no object", "one object", "two objects")


class Reading(NamedTuple):
    """A picture told from one of its two objects."""

    first_colour: str
    first_shape: str
    relation: str
    second_colour: str
    second_shape: str


def requirements(picture: Picture, scene: RelationScene) -> Iterator[Requirement]:
    """What a picture of two objects has to show.

    The two largest objects are the picture's; it is told from the one for which more is as asked.
    """
    found = sorted(find_objects(picture), key=lambda one: -one.area)
    pair = found[:2]
    yield compared("objects", WORDS[len(pair)], WORDS[2], "seen")
    if len(pair) < 2:
        return
    asked = Reading(*(getattr(scene, name) for name in Reading._fields))
    told = max(
        (_told(one, other, asked) for one, other in (pair, pair[::-1])),
        key=lambda reading: sum(a == b for a, b in zip(reading, asked, strict=True)),
    )
    for name, seen, wanted in zip(Reading._fields, told, asked, strict=True):
        yield compared(name.replace("_", " "), seen, wanted)
    yield no_strays(found[2:])


def _told(first: FoundObject, second: FoundObject, asked: Reading) -> Reading:
    one, other = read_shapes([first.coverage, second.coverage])
    return Reading(
        first.colour,
        one.read(asked.first_shape),
        relation_between(first, second),
        second.colour,
        other.read(asked.second_shape),
    )


def relation_between(first: FoundObject, second: FoundObject) -> str:
    """Where the first object is, seen from the second: along the axis on which they lie apart."""
    right, down = (a - b for a, b in zip(first.centre, second.centre, strict=True))
    if abs(right) >= abs(down):
        return "left of" if right < 0 else "right of"
    return "above" if down < 0 else "below"

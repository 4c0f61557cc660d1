"""Grade a picture for a free prompt in GenEval's form (see `geneval`)."""

from collections.abc import Iterator, Sequence
from itertools import islice, permutations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lit_dalle.evaluation.grading import grade
from lit_dalle.evaluation.grading.objects import FoundObject, find_objects, no_strays
from lit_dalle.evaluation.grading.objects.outlines import Shape, read_shapes
from lit_dalle.evaluation.grading.objects.relation import relation_between
from lit_dalle.evaluation.grading.objects.stack import stands_on
from lit_dalle.evaluation.grading.picture import Picture
from lit_dalle.evaluation.grading.prompts.geneval import (
    ON,
    GenEvalPrompt,
    Unwanted,
    Wanted,
    read_prompts,
)
from lit_dalle.evaluation.grading.verdict import Requirement, Verdict, compared

__all__ = ["GenEvalPrompt", "grade_prompt", "read_prompts"]

MOST_ORDERS = 1000
"""Ways to share equal objects among entries of `include` that are tried."""


class Thing(NamedTuple):
    """An object and what its silhouette may be."""

    seen: FoundObject
    shape: Shape

    def is_surely(self, wanted: Wanted) -> bool:
        """Whether colour and likeliest shape are as wanted."""
        return self._coloured(wanted) and self.shape.names[0] == _shape(wanted)

    def may_be(self, wanted: Wanted) -> bool:
        """Whether the colour is as wanted and the shape can be read so."""
        return self._coloured(wanted) and _shape(wanted) in self.shape.names

    def _coloured(self, wanted: Wanted) -> bool:
        return wanted.colour in (None, self.seen.colour)


def grade_prompt(image: Image.Image | NDArray[np.uint8], prompt: GenEvalPrompt) -> Verdict:
    """Say whether a picture shows what a prompt asks for, and nothing else.

    Args:
        image: PIL picture or uint8 array ``h w 3``; read at 64 × 64 pixels.
        prompt: Its scene decides alone where it has one.
    """
    if prompt.scene is not None:
        return grade(image, prompt.scene)
    return Verdict(tuple(_requirements(Picture(image), prompt)))


def _requirements(picture: Picture, prompt: GenEvalPrompt) -> Iterator[Requirement]:
    found = find_objects(picture)
    shapes = read_shapes([one.coverage for one in found])
    things = [Thing(*pair) for pair in zip(found, shapes, strict=True)]
    kinds = _kinds(prompt.include)
    groups, rest = _shared_out(things, prompt.include, kinds)
    enough = True
    for group, kind in zip(groups, kinds, strict=True):
        asked = sum(prompt.include[place].count for place in kind)
        yield compared(_name(prompt.include[kind[0]]), len(group), asked)
        enough = enough and len(group) == asked
    if enough:
        yield from _positions(groups, kinds, prompt.include)
    for unwanted in prompt.exclude:
        yield _fewer(things, unwanted)
    yield no_strays([thing.seen for thing in rest])


def _kinds(include: Sequence[Wanted]) -> list[list[int]]:
    """Places in `include` that ask for the same class and colour; those with a colour first."""
    kinds: dict[tuple[bool, str, str | None], list[int]] = {}
    for place, one in enumerate(include):
        kinds.setdefault((one.colour is None, _shape(one), one.colour), []).append(place)
    return [kinds[key] for key in sorted(kinds, key=lambda key: key[0])]


def _shared_out(
    things: Sequence[Thing], include: Sequence[Wanted], kinds: Sequence[Sequence[int]]
) -> tuple[list[list[Thing]], list[Thing]]:
    """The things of each kind, and those of none; doubtful ones only fill up what is missing."""
    groups: list[list[Thing]] = []
    rest = list(things)
    for kind in kinds:
        wanted, asked = include[kind[0]], sum(include[place].count for place in kind)
        group = [thing for thing in rest if thing.is_surely(wanted)]
        doubtful = [t for t in rest if t.may_be(wanted) and not t.is_surely(wanted)]
        group += doubtful[: max(0, asked - len(group))]
        rest = [thing for thing in rest if not any(thing is one for one in group)]
        groups.append(group)
    return groups, rest


def _positions(
    groups: Sequence[Sequence[Thing]], kinds: Sequence[Sequence[int]], include: Sequence[Wanted]
) -> list[Requirement]:
    """All relations; equal objects are shared among equal entries as suits best."""
    orders = (permutations(g) if len(k) > 1 else (g,) for g, k in zip(groups, kinds, strict=True))
    tried = []
    for order in islice(product(*orders), MOST_ORDERS):
        mine: dict[int, list[FoundObject]] = {}
        for group, kind in zip(order, kinds, strict=True):
            left = iter(group)
            for place in kind:
                mine[place] = [thing.seen for thing in islice(left, include[place].count)]
        tried.append([_placed(mine, include, place) for place in range(len(include))])
    best = max(tried, key=lambda found: sum(one is None or one.right for one in found))
    return [one for one in best if one is not None]


def _placed(
    mine: dict[int, list[FoundObject]], include: Sequence[Wanted], place: int
) -> Requirement | None:
    """Whether all objects of an entry are in its relation to all of the other entry."""
    position = include[place].position
    if position is None:
        return None
    relation, other = position
    what = f"{_name(include[place])} {relation} {_name(include[other])}"
    pairs = [(one, two) for one in mine[place] for two in mine[other]]
    if relation == ON:
        right = all(stands_on(*pair) for pair in pairs)
        return Requirement(what, right, what if right else f"not {what}")
    seen = {relation_between(*pair) for pair in pairs}
    if seen == {relation}:
        return Requirement(what, True, what)
    return compared(what, " and ".join(sorted(seen)), relation, _name(include[place]))


def _fewer(things: Sequence[Thing], unwanted: Unwanted) -> Requirement:
    wanted = Wanted(unwanted.kind)
    count = sum(thing.is_surely(wanted) for thing in things)
    name = f"fewer than {unwanted.count} {unwanted.kind}"
    reason = f"{unwanted.kind}: {count}"
    if count < unwanted.count:
        return Requirement(name, True, reason)
    return Requirement(name, False, f"{reason}, not fewer than {unwanted.count}")


def _shape(wanted: Wanted) -> str:
    return "square" if wanted.kind == "block" else wanted.kind


def _name(wanted: Wanted) -> str:
    return wanted.kind if wanted.colour is None else f"{wanted.colour} {wanted.kind}"

"""What is repainted: pictures of the world, a region of each, and the scene that it shows then.

A change of one attribute is drawn twice with the same nuisances, before and after; the region is
the rectangle of all pixels that differ. Nothing is chosen by hand.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lit_dalle.data.world import FAMILIES, Scene, captions
from lit_dalle.data.world import vocabulary as v
from lit_dalle.data.world.drawing import render
from lit_dalle.data.world.drawing.canvas import UNITS
from lit_dalle.data.world.rows import picture_seed, world_scene
from lit_dalle.data.world.scenes import LightScene, PenguinScene, RelationScene, StackScene
from lit_dalle.data.world.splits import held_out_reasons, stable_hash
from lit_dalle.evaluation.grading import grade
from lit_dalle.evaluation.grading.picture import Picture

Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]

SPLIT = "test"
SIDES = (8, 16, 24, 32)
"""Sides of the rectangles that are restored, in 64ths of the picture."""
MARGIN = 1
"""Pixels, of 64, by which a changed rectangle reaches beyond what differs."""
LARGEST = 0.6
"""Largest share of the picture that a changed rectangle may have."""
SPOTS, SPOT_SIDES = 6, (4, 12)
"""Rectangles of a scattered mask, and the range of their sides, of 64."""
LEAST_OBJECT = 60
"""Pixels, of 64×64, of an object that is cut."""
AROUND_OBJECT = (2, 24)
"""Range of what a cutting region takes in beside the object, on each side, in 64ths."""


@dataclass(frozen=True)
class EditCase:
    """A picture, what of it is repainted, and what it shows in the end."""

    task: str
    """``attribute``, ``restoration``, ``scattered``, ``crossing`` or ``completion``."""
    kind: str
    """Which attribute, size or border."""
    number: int
    """Of the row in the split."""
    picture: Pixels
    """Before, ``h w 3``."""
    target: Pixels
    """One right answer, drawn with the same nuisances, ``h w 3``."""
    region: Bools
    """``h w``."""
    scene: Scene
    """What the picture shows in the end."""
    around: frozenset[str]
    """Requirements of the grader that speak of what is around a change; else none."""

    @property
    def prompt(self) -> str:
        """The canonical caption of the scene."""
        return captions(self.scene)[0]


Change = Callable[[Any, Random], Scene]


def _other(value: str, legal: tuple[str, ...], draws: Random, *beside: str) -> str:
    return draws.choice([one for one in legal if one != value and one not in beside])


def _hat(scene: PenguinScene, draws: Random) -> Scene:
    return replace(scene, hat=_other(scene.hat, v.COLOURS, draws))


def _block(scene: StackScene, draws: Random) -> Scene:
    top, middle, *rest = scene.colours
    return replace(scene, colours=(top, _other(middle, v.COLOURS, draws, *scene.colours), *rest))


def _second(scene: RelationScene, draws: Random) -> Scene:
    colour = _other(scene.second_colour, v.COLOURS, draws, scene.first_colour)
    return replace(
        scene, second_colour=colour, second_shape=_other(scene.second_shape, v.SHAPES, draws)
    )


def _sky(scene: LightScene, draws: Random) -> Scene:
    return replace(scene, weather=_other(scene.weather, v.WEATHERS, draws))


@dataclass(frozen=True)
class _Kind:
    """One attribute that is changed."""

    family: str
    change: Change
    around: frozenset[str]
    """Requirements of the grader that the change has no bearing on."""
    suits: Callable[[Any], bool] = lambda scene: True
    """Which scenes of the family it is for."""


CHANGES: dict[str, _Kind] = {
    "penguin's hat": _Kind("penguin", _hat, frozenset({"gloves", "shirt", "pants", "whole"})),
    "middle block": _Kind(
        "stack", _block, frozenset({"height"}), lambda scene: len(scene.colours) == 3
    ),
    "one of two shapes": _Kind("relation", _second, frozenset({"first colour", "first shape"})),
    "sky of the field": _Kind(
        "light",
        _sky,
        frozenset({"time", "style", "place", "shadow", "capybara", "light"}),
        lambda scene: scene.place == "field",
    ),
}
"""What is changed inside a rectangle."""
TASKS = ("attribute", "restoration", "scattered", "crossing", "completion")
"""What is measured."""


def cases(task: str, count: int, seed: int = 0, size: int = 64) -> list[EditCase]:
    """Make so many cases of a task, a function of the arguments.

    Kinds take turns. Pictures are those of rows of the test split that the grader finds right.

    Args:
        task: One of ``TASKS``.
        count: How many.
        seed: Of what is chosen.
        size: Side of the pictures.

    Raises:
        ValueError: There is no such task.
    """
    if task not in TASKS:
        raise ValueError(f"there is no task {task!r}; there are {', '.join(TASKS)}")
    makers = list(_makers(task))
    found: list[EditCase] = []
    number = 0
    while len(found) < count:
        kind, family, make = makers[len(found) % len(makers)]
        draws = Random(stable_hash("edit", seed, task, kind, number))
        chosen = draws.choice(FAMILIES) if family is None else family
        scene = world_scene(SPLIT, number, seed, [chosen])
        nuisances = picture_seed(SPLIT, number, seed)
        case = make(_Row(task, kind, number, scene, nuisances, draws, size))
        number += 1
        if case is not None and grade(case.target, case.scene).right:
            found.append(case)
    return found


@dataclass(frozen=True)
class _Row:
    """A row of the world that is to become a case."""

    task: str
    kind: str
    number: int
    scene: Scene
    nuisances: int
    draws: Random
    size: int

    def drawn(self, scene: Scene) -> Pixels:
        """The picture of a scene with the row's nuisances."""
        return np.asarray(render(scene, self.nuisances, self.size))

    def hiding(self, region: Bools) -> EditCase:
        """The case whose region, 64 × 64, hides what is there.

        A piece of another picture stands in it, so that nothing there tells the answer.
        """
        region, target = _scaled(region, self.size), self.drawn(self.scene)
        family = self.draws.choice(FAMILIES)
        index = self.number + 1 + self.draws.randrange(1000)
        other = world_scene(SPLIT, index, 0, [family])
        piece = np.asarray(render(other, picture_seed(SPLIT, index), self.size))
        picture = np.where(region[..., None], piece, target)
        return EditCase(
            self.task, self.kind, self.number, picture, target, region, self.scene, frozenset()
        )


_Make = Callable[[_Row], "EditCase | None"]


def _makers(task: str) -> Iterator[tuple[str, str | None, _Make]]:
    """Kind, family (None for all of them in turn) and maker of the cases of a task."""
    if task == "attribute":
        for name, kind in CHANGES.items():
            yield name, kind.family, partial(_changed, kind)
    elif task == "restoration":
        for side in SIDES:
            yield f"{side} of 64", None, partial(_hidden, partial(_square, side))
    elif task == "scattered":
        yield "rectangles", None, partial(_hidden, _spots)
    elif task == "crossing":
        for border in ("right", "bottom"):
            yield border, None, partial(_cut, border)
    else:
        yield "lower right", None, partial(_hidden, _corner)


def _changed(kind: _Kind, row: _Row) -> EditCase | None:
    """A case whose region is where a change shows."""
    if not kind.suits(row.scene):
        return None
    after = kind.change(row.scene, row.draws)
    if held_out_reasons(after):
        return None
    picture, target = row.drawn(row.scene), row.drawn(after)
    region = _bounds((picture != target).any(axis=-1), MARGIN * row.size // UNITS)
    if region.mean() > LARGEST or region[-1, -1]:
        return None
    return EditCase(row.task, row.kind, row.number, picture, target, region, after, kind.around)


def _hidden(region_of: Callable[[Random], Bools], row: _Row) -> EditCase:
    """A case whose region hides a part of what is there."""
    return row.hiding(region_of(row.draws))


def _cut(border: str, row: _Row) -> EditCase | None:
    """A case whose region ends within an object, which goes on beyond its right or lower border.

    The region takes in some of the ground on the other sides, so that its shape does not tell where
    the object is, and of other objects nothing.
    """
    whole = objects(row.drawn(row.scene))
    found = [one for one in whole if LEAST_OBJECT <= one.sum() <= one.size // 3]
    if not found:
        return None
    cut = row.draws.choice(found)
    others = np.any([one for one in whole if one is not cut] or [np.zeros_like(cut)], axis=0)
    rows, columns = np.nonzero(cut)
    least, most = AROUND_OBJECT
    sides = [rows.min() - least, rows.max() + 1 + least, columns.min() - least]
    sides.append(columns.max() + 1 + least)
    fixed = 3 if border == "right" else 1
    ends = columns if border == "right" else rows
    sides[fixed] = int(ends.min() + ends.max() + 1) // 2
    for side in row.draws.sample([n for n in range(4) if n != fixed], 3):
        for _ in range(row.draws.randint(0, most - least)):
            wider = list(sides)
            wider[side] += 1 if side in (1, 3) else -1
            if (others & _rectangle(*wider)).any():
                break
            sides = wider
    region = _rectangle(*sides)
    return None if (others & region).any() else row.hiding(region)


def objects(picture: Pixels) -> list[Bools]:
    """The connected things of a picture that stand out from its ground, ``64 64`` each."""
    regions, count = ndimage.label(Picture(picture).foreground)
    return [regions == number for number in range(1, count + 1)]


def _rectangle(top: int, bottom: int, left: int, right: int) -> Bools:
    """The part of a rectangle that lies within the picture."""
    region = np.zeros((UNITS, UNITS), np.bool_)
    region[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    return region


def _square(side: int, draws: Random) -> Bools:
    region = np.zeros((UNITS, UNITS), np.bool_)
    top, left = (draws.randrange(UNITS - side) for _ in range(2))
    region[top : top + side, left : left + side] = True
    return region


def _spots(draws: Random) -> Bools:
    region = np.zeros((UNITS, UNITS), np.bool_)
    for _ in range(SPOTS):
        height, width = (draws.randint(*SPOT_SIDES) for _ in range(2))
        top, left = draws.randrange(UNITS - height), draws.randrange(UNITS - width)
        region[top : top + height, left : left + width] = True
    return region


def _corner(draws: Random) -> Bools:
    region = np.zeros((UNITS, UNITS), np.bool_)
    top, left = (draws.randint(UNITS // 4, 3 * UNITS // 4) for _ in range(2))
    region[top:, left:] = True
    return region


def _bounds(where: Bools, margin: int) -> Bools:
    """The rectangle around some pixels, and so many more on each side."""
    rows, columns = (np.flatnonzero(where.any(axis=axis)) for axis in (1, 0))
    region = np.zeros_like(where)
    region[
        max(0, rows[0] - margin) : rows[-1] + 1 + margin,
        max(0, columns[0] - margin) : columns[-1] + 1 + margin,
    ] = True
    return region


def _scaled(region: Bools, size: int) -> Bools:
    """A region of 64 × 64 pixels at another size: each pixel becomes the nearest of it."""
    places = np.arange(size) * UNITS // size
    return region[places][:, places]

"""Foils of a scene: other scenes whose caption is nearly the same, by what was changed.

The right caption and a foil's can be told apart only by reading which word goes with which.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from itertools import combinations, pairwise, permutations
from typing import Any

from lit_dalle.data.world.neighbours import neighbours
from lit_dalle.data.world.scenes import LEGAL, PenguinScene, RelationScene, Scene, StackScene
from lit_dalle.data.world.vocabulary import COLOURS, HEIGHTS, PLAIN

Foils = Mapping[str, tuple[Scene, ...]]
"""What was changed → the scenes that differ so; no entry is empty."""
FindFoils = Callable[[Scene], Foils]

SILENT = {"colour": PLAIN, "support": "floor", "weather": "clear"}
"""Attribute → the value that captions do not name."""
MOST_MOVED = 3
"""Blocks of a stack that are rearranged at most: two swapped, or an order of three."""


def rearrangements(scene: Scene) -> Foils:
    """Scenes whose caption has the same words in another order ("a" may become "an").

    In a relation the colours, the shapes or both (the sides) are swapped; in a stack two blocks are
    swapped or three change places; in a penguin two garments swap colours. Other families have
    none.
    """
    if isinstance(scene, RelationScene):
        found = _gathered(_swapped_objects(scene))
    elif isinstance(scene, StackScene):
        found = _gathered(_other_orders(scene))
    elif isinstance(scene, PenguinScene):
        found = _gathered(_swapped_garments(scene))
    else:
        found = {}
    return found


def replacements(scene: Scene) -> Foils:
    """Scenes with one named value replaced by another named one, by attribute.

    A value that captions do not name (see `SILENT`) is neither replaced nor put in: a caption
    that leaves a colour out is not wrong.
    """
    changed = []
    for other in neighbours(scene):
        names = (field.name for field in fields(scene))
        name = next(name for name in names if getattr(scene, name) != getattr(other, name))
        silent = SILENT.get(name)
        if silent not in (getattr(scene, name), getattr(other, name)):
            changed.append((name, other))
    return _gathered(iter(changed))


def additions(scene: Scene) -> Foils:
    """Scenes whose caption says all that this one's says, and something more.

    Where the scene is silent a value is named: the colour of a plain thing, telephone or shop
    front, what a telephone on the floor stands on, the weather under a clear sky. A stack gets a
    block more, at its top or bottom.
    """
    if isinstance(scene, StackScene):
        return _gathered(("block", other) for other in _higher(scene))
    return _gathered(
        (name, _with(scene, **{name: value}))
        for name, silent in SILENT.items()
        if name in LEGAL[scene.family] and getattr(scene, name) == silent
        for value in LEGAL[scene.family][name]
        if value != silent
    )


def _swapped_objects(scene: RelationScene) -> Iterator[tuple[str, Scene]]:
    colours = {"first_colour": scene.second_colour, "second_colour": scene.first_colour}
    shapes = {"first_shape": scene.second_shape, "second_shape": scene.first_shape}
    if scene.first_shape != scene.second_shape:
        yield "colours", _with(scene, **colours)
        yield "shapes", _with(scene, **shapes)
    yield "sides", _with(scene, **colours, **shapes)


def _other_orders(scene: StackScene) -> Iterator[tuple[str, Scene]]:
    for colours in dict.fromkeys(permutations(scene.colours)):
        moved = sum(a != b for a, b in zip(colours, scene.colours, strict=True))
        if 0 < moved <= MOST_MOVED and all(a != b for a, b in pairwise(colours)):
            yield ("two blocks" if moved == 2 else "three blocks"), StackScene(colours)


def _swapped_garments(scene: PenguinScene) -> Iterator[tuple[str, Scene]]:
    for one, other in combinations(LEGAL["penguin"], 2):
        if getattr(scene, one) != getattr(scene, other):
            change = {one: getattr(scene, other), other: getattr(scene, one)}
            yield "colours", _with(scene, **change)


def _higher(scene: StackScene) -> Iterator[Scene]:
    if len(scene.colours) == HEIGHTS[-1]:
        return
    for colour in COLOURS:
        if colour != scene.colours[0]:
            yield StackScene((colour, *scene.colours))
        if colour != scene.colours[-1]:
            yield StackScene((*scene.colours, colour))


def _with(scene: Scene, **values: Any) -> Scene:
    return replace(scene, **values)


def _gathered(found: Iterator[tuple[str, Scene]]) -> Foils:
    gathered: dict[str, tuple[Scene, ...]] = {}
    for change, scene in found:
        gathered[change] = (*gathered.get(change, ()), scene)
    return gathered

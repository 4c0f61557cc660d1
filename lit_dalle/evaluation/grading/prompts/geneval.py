"""Free prompts in GenEval's form, judged over flat objects: which, how many, and where.

A file has one JSON object a line:

    {"tag": "position", "prompt": "a red circle left of two blue blocks",
     "include": [{"class": "circle", "color": "red", "position": ["left of", 1]},
                 {"class": "block", "colour": "blue", "count": 2}],
     "exclude": [{"class": "star", "count": 1}]}

Ghosh et al., GenEval (2023), with the world's shapes as classes, and strict: whatever was not asked
for is wrong.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_dalle.data.world import Scene, scene_from_json
from lit_dalle.data.world.vocabulary import COLOURS, RELATIONS, SHAPES

CLASSES = (*SHAPES, "block")
"""What may be asked for; a block is a square."""
ON = "on"
POSITIONS = (*RELATIONS, ON)
"""Relations; "on" is for blocks that touch."""


@dataclass(frozen=True)
class Wanted:
    """Objects of one class that a picture has to show."""

    kind: str
    """The file's "class": one of `CLASSES`."""
    count: int = 1
    """Exactly so many."""
    colour: str | None = None
    position: tuple[str, int] | None = None
    """Each of them is in this relation to each object of another entry of `include`."""


@dataclass(frozen=True)
class Unwanted:
    """Objects of one class of which there must be fewer than so many."""

    kind: str
    count: int = 1


@dataclass(frozen=True)
class GenEvalPrompt:
    """One prompt and what its pictures have to show."""

    prompt: str
    tag: str
    """The skill it is about; a benchmark's score is the mean over tags."""
    include: tuple[Wanted, ...] = ()
    exclude: tuple[Unwanted, ...] = ()
    scene: Scene | None = None
    """A scene of the world; where it is given, it alone decides."""


def read_prompts(path: str | Path) -> list[GenEvalPrompt]:
    """Read a file of prompts; empty lines are skipped.

    Raises:
        ValueError: A line cannot be read; file, line and fault are named.
    """
    prompts = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                prompts.append(_prompt(line))
            except ValueError as fault:
                raise ValueError(f"{path}, line {number}: {fault}") from None
    if not prompts:
        raise ValueError(f"{path}: there is no prompt in it; write one JSON object a line")
    return prompts


def _prompt(line: str) -> GenEvalPrompt:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError as fault:
        raise ValueError(f"this is not JSON ({fault.msg} at column {fault.colno})") from None
    _check_keys(entry, "a prompt", ("prompt", "tag"), ("include", "exclude", "scene"))
    for key in ("prompt", "tag"):
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise ValueError(f'"{key}" is {entry[key]!r}; write some words')
    scene = _scene(entry["scene"]) if entry.get("scene") is not None else None
    include = [_wanted(one) for one in _listed(entry, "include")]
    exclude = [_unwanted(one) for one in _listed(entry, "exclude")]
    if not include and scene is None:
        raise ValueError('it asks for nothing; give "include" at least one object, or a "scene"')
    for place, one in enumerate(include):
        if one.position is not None and one.position[1] not in set(range(len(include))) - {place}:
            raise ValueError(
                f"the position of object {place} refers to object {one.position[1]}; "
                f'name another place in "include", 0 to {len(include) - 1}'
            )
    return GenEvalPrompt(entry["prompt"], entry["tag"], tuple(include), tuple(exclude), scene)


def _scene(entry: Any) -> Scene:
    return scene_from_json(entry if isinstance(entry, str) else json.dumps(entry))


def _wanted(entry: Any) -> Wanted:
    _check_keys(entry, "an included object", ("class",), ("count", "colour", "color", "position"))
    if "colour" in entry and "color" in entry:
        raise ValueError('an included object has both "colour" and "color"; keep one')
    colour = entry.get("colour", entry.get("color"))
    if colour is not None:
        _check_one_of("colour", colour, COLOURS)
    return Wanted(_kind(entry), _count(entry), colour, _position(entry.get("position")))


def _unwanted(entry: Any) -> Unwanted:
    _check_keys(entry, "an excluded object", ("class",), ("count",))
    return Unwanted(_kind(entry), _count(entry))


def _kind(entry: Mapping[str, Any]) -> str:
    _check_one_of("class", entry["class"], CLASSES)
    kind: str = entry["class"]
    return kind


def _count(entry: Mapping[str, Any]) -> int:
    count = entry.get("count", 1)
    if type(count) is not int or count < 1:
        raise ValueError(f"count is {count!r}; write a whole number from 1")
    return count


def _position(entry: Any) -> tuple[str, int] | None:
    if entry is None:
        return None
    if not isinstance(entry, list) or len(entry) != 2 or type(entry[1]) is not int:
        raise ValueError(f'position is {entry!r}; write ["left of", 0]')
    _check_one_of("relation", entry[0], POSITIONS)
    return entry[0], entry[1]


def _listed(entry: Mapping[str, Any], key: str) -> list[Any]:
    values = entry.get(key, [])
    if not isinstance(values, list):
        raise ValueError(f'"{key}" is {values!r}; write a list of objects')
    return values


def _check_keys(entry: Any, what: str, needed: Sequence[str], allowed: Sequence[str]) -> None:
    if not isinstance(entry, dict):
        raise ValueError(f"{what} is a JSON object, not {entry!r}")
    for key in needed:
        if key not in entry:
            raise ValueError(f'{what} has no "{key}"')
    for key in entry:
        if key not in (*needed, *allowed):
            raise ValueError(
                f'{what} has an unknown "{key}"; known are {", ".join((*needed, *allowed))}'
            )


def _check_one_of(what: str, value: Any, legal: Sequence[str]) -> None:
    if value not in legal:
        raise ValueError(f"{what} is {value!r}; choose one of {', '.join(legal)}")

"""A scene: the exact truth of one picture, as a small frozen object with JSON in and out."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from itertools import pairwise
from typing import Any, ClassVar

from lit_dalle.data.world import vocabulary as v

Value = int | str

LEGAL: Mapping[str, Mapping[str, tuple[Value, ...]]] = {
    "count": {"count": v.COUNTS, "colour": v.COLOURS, "shape": v.SHAPES},
    "relation": {
        "first_colour": v.COLOURS,
        "first_shape": v.SHAPES,
        "relation": v.RELATIONS,
        "second_colour": v.COLOURS,
        "second_shape": v.SHAPES,
    },
    "stack": {"colours": v.COLOURS},
    "penguin": {"hat": v.COLOURS, "gloves": v.COLOURS, "shirt": v.COLOURS, "pants": v.COLOURS},
    "telephone": {"era": v.ERAS, "colour": v.COLOURS_OR_PLAIN, "support": v.SUPPORTS},
    "light": {"time": v.TIMES, "style": v.STYLES, "place": v.PLACES, "weather": v.WEATHERS},
    "thing": {"kind": v.KINDS, "shape": v.THING_SHAPES, "colour": v.COLOURS_OR_PLAIN},
    "together": {
        "vegetable": v.VEGETABLES,
        "garment": v.GARMENTS,
        "colour": v.COLOURS,
        "animal": v.ANIMALS,
    },
    "writing": {"colour": v.COLOURS_OR_PLAIN},
}
"""Family → attribute → legal values.

A stack's values are those of each of its blocks; a word is free (3-6 letters a-z) and not listed.
"""

FAMILIES: tuple[str, ...] = tuple(LEGAL)


@dataclass(frozen=True)
class _Checked:
    """Refuses values outside the family's vocabularies."""

    family: ClassVar[str]

    def __post_init__(self) -> None:
        for attribute, legal in LEGAL[self.family].items():
            value = getattr(self, attribute)
            for one in value if isinstance(value, tuple) else (value,):
                if one not in legal:
                    raise ValueError(
                        f"{self.family} scene: {attribute} is {one!r}; "
                        f"choose one of {', '.join(map(str, legal))}"
                    )


@dataclass(frozen=True)
class CountScene(_Checked):
    """Some objects of one colour and shape."""

    family: ClassVar[str] = "count"
    count: int
    colour: str
    shape: str


@dataclass(frozen=True)
class RelationScene(_Checked):
    """Two objects of different colours; the first is `relation` the second."""

    family: ClassVar[str] = "relation"
    first_colour: str
    first_shape: str
    relation: str
    second_colour: str
    second_shape: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.first_colour == self.second_colour:
            raise ValueError(
                f"relation scene: both objects are {self.first_colour}; choose two colours"
            )

    def inverse(self) -> "RelationScene":
        """The same picture told from the other object."""
        return RelationScene(
            self.second_colour,
            self.second_shape,
            v.INVERSE[self.relation],
            self.first_colour,
            self.first_shape,
        )


@dataclass(frozen=True)
class StackScene(_Checked):
    """Blocks on one another, named from the top; touching blocks differ in colour."""

    family: ClassVar[str] = "stack"
    colours: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.colours) not in v.HEIGHTS:
            raise ValueError(
                f"stack scene: {len(self.colours)} blocks; stacks are "
                f"{v.HEIGHTS[0]} to {v.HEIGHTS[-1]} high"
            )
        for upper, lower in pairwise(self.colours):
            if upper == lower:
                raise ValueError(f"stack scene: {upper} on {lower}; touching blocks must differ")


@dataclass(frozen=True)
class PenguinScene(_Checked):
    """A penguin and the colours of its four pieces of clothing."""

    family: ClassVar[str] = "penguin"
    hat: str
    gloves: str
    shirt: str
    pants: str


@dataclass(frozen=True)
class TelephoneScene(_Checked):
    """A telephone of an era, in a colour, on something."""

    family: ClassVar[str] = "telephone"
    era: str
    colour: str
    support: str


@dataclass(frozen=True)
class LightScene(_Checked):
    """A capybara; sky, sun or moon, and shadow follow from the time of day."""

    family: ClassVar[str] = "light"
    time: str
    style: str
    place: str
    weather: str


@dataclass(frozen=True)
class ThingScene(_Checked):
    """A thing in the shape of something else."""

    family: ClassVar[str] = "thing"
    kind: str
    shape: str
    colour: str


@dataclass(frozen=True)
class TogetherScene(_Checked):
    """A dressed vegetable walking an animal."""

    family: ClassVar[str] = "together"
    vegetable: str
    garment: str
    colour: str
    animal: str


@dataclass(frozen=True)
class WritingScene(_Checked):
    """A shop front with a word on its sign."""

    family: ClassVar[str] = "writing"
    word: str
    colour: str

    def __post_init__(self) -> None:
        super().__post_init__()
        shortest, longest = v.WORD_LENGTHS[0], v.WORD_LENGTHS[-1]
        if not re.fullmatch(rf"[a-z]{{{shortest},{longest}}}", self.word):
            raise ValueError(
                f"writing scene: the word is {self.word!r}; use {shortest} to {longest} letters a-z"
            )


Scene = (
    CountScene
    | RelationScene
    | StackScene
    | PenguinScene
    | TelephoneScene
    | LightScene
    | ThingScene
    | TogetherScene
    | WritingScene
)

SCENE_TYPES: Mapping[str, type[Scene]] = {
    kind.family: kind
    for kind in (
        CountScene,
        RelationScene,
        StackScene,
        PenguinScene,
        TelephoneScene,
        LightScene,
        ThingScene,
        TogetherScene,
        WritingScene,
    )
}


def scene_to_json(scene: Scene) -> str:
    """One line of JSON with sorted keys: equal scenes give equal text."""
    return json.dumps(
        {"family": scene.family, **asdict(scene)}, sort_keys=True, separators=(",", ":")
    )


def scene_from_json(text: str) -> Scene:
    """Inverse of `scene_to_json`.

    Raises:
        ValueError: unknown family, missing or unknown attributes, values outside the vocabularies.
    """
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError(f"a scene is a JSON object, not {text[:40]!r}")
    family = values.pop("family", None)
    if family not in SCENE_TYPES:
        raise ValueError(f"scene family is {family!r}; choose one of {', '.join(FAMILIES)}")
    kind: Any = SCENE_TYPES[family]
    expected = [field.name for field in fields(kind)]
    if sorted(values) != sorted(expected):
        raise ValueError(
            f"{family} scene has {', '.join(sorted(values)) or 'nothing'}; "
            f"it needs {', '.join(expected)}"
        )
    scene: Scene = kind(**{k: tuple(x) if isinstance(x, list) else x for k, x in values.items()})
    return scene


def canonical(scene: Scene) -> Scene:
    """The one scene that stands for all scenes with the same picture.

    "a right of b" is "b left of a", and "a below b" is "b above a"; other scenes stand for
    themselves.
    """
    if isinstance(scene, RelationScene) and scene.relation in ("right of", "below"):
        return scene.inverse()
    return scene


def scene_group(scene: Scene) -> str:
    """16 hexadecimal digits, equal for scenes with the same picture (see `canonical`)."""
    return blake2b(scene_to_json(canonical(scene)).encode(), digest_size=8).hexdigest()

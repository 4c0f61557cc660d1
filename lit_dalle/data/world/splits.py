"""Which compositions are trained and which are held out.

Of every two bound values a fifth of the combinations is held out: `held_out_pairs`. A scene with
such a pair is never trained, in any phrasing; nor are stacks of four, a fifth of the colour triples
and a fifth of the words. The rule is a Latin square over hashed orders of the values, so every
value loses as many partners as any other of its kind.
"""

from collections.abc import Iterable, Iterator
from functools import cache, partial
from hashlib import blake2b
from itertools import combinations, count, pairwise, product
from typing import Any

from lit_dalle.data.world.scenes import (
    LEGAL,
    SCENE_TYPES,
    CountScene,
    LightScene,
    PenguinScene,
    RelationScene,
    Scene,
    StackScene,
    TelephoneScene,
    ThingScene,
    TogetherScene,
    Value,
    WritingScene,
)
from lit_dalle.data.world.vocabulary import COLOURS, COLOURS_OR_PLAIN, PLAIN, RELATIONS, SHAPES
from lit_dalle.data.world.words import WORDS

WORLD_VERSION = "1"
"""Names the vocabularies, pictures, captions and splits together; results carry it."""

SPLITS = ("train", "validation", "test", "held_out")
"""The first three hold the same compositions, differently drawn."""

FIFTH = 5
ALWAYS_HELD_OUT_WORDS = frozenset({"openai"})
ALWAYS_TRAINED_WORDS = frozenset(
    {"cafe", "shop", "open", "galaxy", "office", "tulip", "sky", "ski"}
)

EXAMPLES: tuple[Scene, ...] = (
    CountScene(3, "red", "star"),
    RelationScene("blue", "circle", "left of", "orange", "pentagon"),
    StackScene(("green", "red")),
    StackScene(("green", "blue")),
    PenguinScene("red", "yellow", "blue", "green"),
    TelephoneScene("1920s", "plain", "floor"),
    LightScene("sunrise", "painting", "field", "clear"),
    LightScene("noon", "cartoon", "field", "clear"),
    ThingScene("armchair", "avocado", "plain"),
    ThingScene("clock", "pentagon", "plain"),
    TogetherScene("cabbage", "tutu", "pink", "dog"),
    WritingScene("cafe", PLAIN),
)
"""Scenes that are trained, so that what people try first is an ordinary request."""

Pair = tuple[str, Value, Value]
"""Which two attributes, and their values."""
Cells = set[tuple[Value, Value]]
"""Pairs of two attributes' values."""


def stable_hash(*parts: object) -> int:
    """64 bits that depend on the version and the parts' text alone."""
    text = "/".join(map(str, (WORLD_VERSION, *parts)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _latin_fifth(kind: str, rows: Iterable[Value], columns: Iterable[Value]) -> Cells:
    """A diagonal class of a Latin square: the smallest with at least a fifth of its cells.

    The values are shuffled until no pair of an example is in it.
    """
    shown = {
        (a, b) for scene in EXAMPLES for k, a, b in pairs(scene) if kind == f"{scene.family} {k}"
    }
    for shuffle in count():
        row_order = sorted(rows, key=partial(stable_hash, kind, shuffle, "row"))
        column_order = sorted(columns, key=partial(stable_hash, kind, shuffle, "column"))
        classes: list[Cells] = [set() for _ in range(FIFTH)]
        for (i, a), (j, b) in product(enumerate(row_order), enumerate(column_order)):
            classes[(i + j) % FIFTH].add((a, b))
        total = len(row_order) * len(column_order)
        fifth = min((c for c in classes if FIFTH * len(c) >= total), key=len)
        if not fifth & shown:
            return fifth
    raise AssertionError


def _different_fifth(kind: str, rows: Iterable[Value], columns: Iterable[Value]) -> Cells:
    """At least a fifth of the ordered pairs of different values: two steps round a circle."""
    order = sorted(rows, key=lambda value: stable_hash(kind, value))
    return {
        (value, order[(i + step) % len(order)]) for i, value in enumerate(order) for step in (3, 8)
    }


@cache
def held_out_words() -> frozenset[str]:
    """Words of `WORDS` never trained: about a fifth of them, "openai" always among them."""
    chosen = {word for word in WORDS if stable_hash("word", word) % FIFTH == 0}
    return frozenset((chosen | ALWAYS_HELD_OUT_WORDS) - ALWAYS_TRAINED_WORDS)


@cache
def trained_words() -> tuple[str, ...]:
    """The other words of `WORDS`."""
    return tuple(word for word in WORDS if word not in held_out_words())


@cache
def pair_values(family: str) -> dict[str, tuple[tuple[Value, ...], tuple[Value, ...]]]:
    """The family's kinds of pair, each with the values of either side."""
    if family == "relation":
        return {
            "colour shape": (COLOURS, SHAPES),
            "side colour": (RELATIONS, COLOURS),
            "side shape": (RELATIONS, SHAPES),
        }
    if family == "stack":
        return {"upper lower": (COLOURS, COLOURS)}
    if family == "writing":
        return {"word colour": (trained_words(), COLOURS_OR_PLAIN)}
    legal = LEGAL[family]
    return {f"{a} {b}": (legal[a], legal[b]) for a, b in combinations(legal, 2)}


@cache
def held_out_pairs(family: str) -> frozenset[Pair]:
    """The family's pairs that are never trained: at least a fifth of each kind."""
    found: set[Pair] = set()
    for kind, (rows, columns) in pair_values(family).items():
        fifth = _different_fifth if family == "stack" else _latin_fifth
        found |= {(kind, a, b) for a, b in fifth(f"{family} {kind}", rows, columns)}
    return frozenset(found)


def pairs(scene: Scene) -> tuple[Pair, ...]:
    """The scene's bound pairs; scenes with the same picture have the same.

    In a relation an object's colour, shape and side are bound, not what it has in common with the
    other object; its side is its relation to the other.
    """
    if isinstance(scene, RelationScene):
        found: list[Pair] = []
        for told in (scene, scene.inverse()):
            found += [
                ("colour shape", told.first_colour, told.first_shape),
                ("side colour", told.relation, told.first_colour),
                ("side shape", told.relation, told.first_shape),
            ]
        return tuple(found)
    if isinstance(scene, StackScene):
        return tuple(("upper lower", a, b) for a, b in pairwise(scene.colours))
    if isinstance(scene, WritingScene):
        return (("word colour", scene.word, scene.colour),)
    names = LEGAL[scene.family]
    return tuple(
        (f"{a} {b}", getattr(scene, a), getattr(scene, b)) for a, b in combinations(names, 2)
    )


def held_out_triple(upper: str, middle: str, lower: str) -> bool:
    """Whether three colours are never trained on one another (their two pairs may be)."""
    return stable_hash("triple", upper, middle, lower) % FIFTH == 0


@cache
def held_out_reasons(scene: Scene) -> tuple[str, ...]:
    """Why a scene is not trained: some of "pair", "triple", "height", "word"; empty if it is.

    "triple" is given only where both adjacent pairs are trained.
    """
    reasons = []
    if not held_out_pairs(scene.family).isdisjoint(pairs(scene)):
        reasons.append("pair")
    if isinstance(scene, StackScene):
        triples = zip(scene.colours, scene.colours[1:], scene.colours[2:], strict=False)
        if not reasons and any(held_out_triple(*triple) for triple in triples):
            reasons.append("triple")
        if len(scene.colours) == 4:
            reasons.append("height")
    if isinstance(scene, WritingScene) and scene.word not in trained_words():
        reasons.append("word")
    return tuple(reasons)


def is_held_out(scene: Scene) -> bool:
    """Whether a scene is never trained."""
    return bool(held_out_reasons(scene))


def _all_scenes(family: str) -> Iterator[Scene]:
    kind: Any = SCENE_TYPES[family]
    if family == "stack":
        for height in (2, 3, 4):
            for colours in product(COLOURS, repeat=height):
                if all(a != b for a, b in pairwise(colours)):
                    yield StackScene(colours)
    elif family == "writing":
        for word, colour in product(WORDS, COLOURS_OR_PLAIN):
            yield WritingScene(word, colour)
    else:
        for values in product(*LEGAL[family].values()):
            if family == "relation" and values[0] == values[3]:
                continue
            yield kind(*values)


@cache
def compositions(family: str, split: str) -> tuple[Scene, ...]:
    """All distinct scenes of a family in a split, in a fixed hashed order.

    Of two scenes with the same picture both are listed.
    """
    check_split(split)
    held_out = split == "held_out"
    found = [scene for scene in _all_scenes(family) if is_held_out(scene) == held_out]
    return tuple(sorted(found, key=lambda scene: stable_hash("order", repr(scene))))


def check_split(split: str) -> None:
    """Refuse a split that does not exist.

    Raises:
        ValueError: unknown name.
    """
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}; choose one of {', '.join(SPLITS)}")

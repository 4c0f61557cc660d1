"""Rows of creatures, and class files that describe kinds."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

from datasets import Dataset, Features, Image, List, Value

from lit_dalle.data.creatures.drawing import draw_creature
from lit_dalle.data.creatures.kinds import (
    Kind,
    descriptions,
    held_out_kinds,
    trained_kinds,
    with_article,
)

SPLITS: dict[str, tuple[Callable[[], Sequence[Kind]], int]] = {
    "train": (trained_kinds, 60),
    "validation": (trained_kinds, 2),
    "test": (trained_kinds, 4),
    "held_out": (held_out_kinds, 8),
}
"""Split → its kinds, and pictures of each."""
FEATURES = Features(
    {
        "image": Image(),
        "caption": List(Value("string")),
        **{name: Value("string") for name in ("label", "outline", "coat", "colours")},
    }
)


def creature_rows(split: str, seed: int = 0) -> Dataset:
    """Draw a split: ``image``, ``caption`` (the name, then descriptions) and ``label`` (the name).

    Args:
        split: One of :data:`SPLITS`.
        seed: Of the drawings; splits never share one.

    Raises:
        KeyError: There is no such split.
    """
    kinds, count = SPLITS[split]

    def rows() -> Iterator[dict[str, Any]]:
        for kind in kinds():
            for number in range(count):
                key = f"{seed}/{split}/{kind.name}/{number}".encode()
                drawn = draw_creature(kind, int.from_bytes(blake2b(key, digest_size=8).digest()))
                yield {"image": drawn, "caption": list(captions(kind)), "label": kind.name} | {
                    name: getattr(kind, name) for name in ("outline", "coat", "colours")
                }

    return Dataset.from_list(list(rows()), features=FEATURES)


def captions(kind: Kind) -> tuple[str, ...]:
    """What is said of a kind: its name, as often as half of its descriptions."""
    return (*(3 * (with_article(kind.name),)), *descriptions(kind))


def class_entries(kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Entries of a class file, each with its descriptions."""
    return [{"name": kind.name, "descriptions": list(descriptions(kind))} for kind in kinds]

"""Kinds of creatures: an outline, a coat and colours, each that of a creature with a name.

A zebra has a horse's outline, a tiger's coat and a panda's colours. A fifth of the kinds, the zebra
among them, is never trained, neither its pictures nor its name nor its description; every outline,
coat and pair of colours is trained in other kinds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import permutations, product

VERSION = "1"
"""Names kinds, pictures, captions and splits together."""

OUTLINES = ("horse", "elephant", "duck", "fish", "snail", "turtle", "giraffe", "cat")
COATS = ("seal", "tiger", "leopard", "ladybird", "wasp", "adder")
"""Plain, upright stripes, many spots, few dots, bands and zigzags."""
COLOURS = ("panda", "canary", "fox", "frog", "flamingo", "whale", "robin")
"""Ground and marks: white and black, yellow and black, orange and white, green and yellow, pink and
purple, blue and white, brown and red."""

NAMED = {
    "horse": ("horse", "seal", "robin"),
    "elephant": ("elephant", "seal", "whale"),
    "duck": ("duck", "seal", "panda"),
    "fish": ("fish", "adder", "fox"),
    "snail": ("snail", "wasp", "robin"),
    "turtle": ("turtle", "leopard", "frog"),
    "giraffe": ("giraffe", "leopard", "robin"),
    "cat": ("cat", "seal", "fox"),
    "seal": ("fish", "seal", "panda"),
    "tiger": ("cat", "tiger", "fox"),
    "leopard": ("cat", "leopard", "canary"),
    "ladybird": ("turtle", "ladybird", "flamingo"),
    "wasp": ("fish", "wasp", "canary"),
    "adder": ("snail", "adder", "frog"),
    "panda": ("cat", "ladybird", "panda"),
    "canary": ("duck", "wasp", "canary"),
    "fox": ("horse", "ladybird", "fox"),
    "frog": ("turtle", "seal", "frog"),
    "flamingo": ("giraffe", "tiger", "flamingo"),
    "whale": ("fish", "tiger", "whale"),
    "robin": ("duck", "leopard", "robin"),
    "zebra": ("horse", "tiger", "panda"),
}
"""Kinds that have the name of an animal; every owner of an outline, coat or colours is trained."""
HELD_OUT_NAMED = frozenset({"zebra"})
FIFTH = 5


@dataclass(frozen=True)
class Kind:
    """What all creatures of a name have in common."""

    name: str
    outline: str
    """Whose outline, one of :data:`OUTLINES`."""
    coat: str
    """Whose coat, one of :data:`COATS`."""
    colours: str
    """Whose colours, one of :data:`COLOURS`."""


def descriptions(kind: Kind) -> tuple[str, ...]:
    """Sentences that say what a kind looks like without its name, in all six orders."""
    parts = (
        f"{with_article(kind.outline)}'s outline",
        f"{with_article(kind.coat)}'s coat",
        f"{with_article(kind.colours)}'s colours",
    )
    return tuple(f"{one}, {two} and {three}" for one, two, three in permutations(parts))


def with_article(name: str) -> str:
    """``a horse``, ``an elephant``."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def is_held_out(kind: Kind) -> bool:
    """Whether a kind is never trained."""
    if kind.name in NAMED:
        return kind.name in HELD_OUT_NAMED
    return _hashed(kind.outline, kind.coat, kind.colours) % FIFTH == 0


def trained_kinds() -> tuple[Kind, ...]:
    """Kinds that are trained."""
    return tuple(kind for kind in KINDS if not is_held_out(kind))


def held_out_kinds() -> tuple[Kind, ...]:
    """Kinds that are never trained."""
    return tuple(kind for kind in KINDS if is_held_out(kind))


def _all() -> Iterator[Kind]:
    """Every kind; those that no animal is like have a made-up name."""
    names = {looks: name for name, looks in NAMED.items()}
    for looks in product(OUTLINES, COATS, COLOURS):
        yield Kind(names.get(looks) or _made_up(looks), *looks)


def _made_up(looks: tuple[str, str, str]) -> str:
    """A word of three syllables, one for each part, in which no part can be recognised."""
    heads = ("mo", "ti", "ra", "ku", "be", "lo", "sa", "ni")
    middles = ("gul", "dor", "vim", "pat", "zel", "hun")
    ends = ("bo", "ka", "ri", "fe", "tu", "lin", "mar")
    number = OUTLINES.index(looks[0]) * 42 + COATS.index(looks[1]) * 7 + COLOURS.index(looks[2])
    mixed = number * 5 % 336  # 5 and 336 have no divisor in common: each number once
    return heads[mixed // 42] + middles[mixed // 7 % 6] + ends[mixed % 7]


def _hashed(*parts: str) -> int:
    return int.from_bytes(blake2b("/".join(parts).encode(), digest_size=8).digest(), "big")


KINDS = tuple(_all())
"""All 336 kinds."""

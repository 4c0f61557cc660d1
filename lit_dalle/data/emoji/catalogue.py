"""Which emoji there is in which style, what its name means, and to which split it belongs.

Splits are by hashes of names; near-duplicates never straddle them and one vendor is held out whole.
They are read from ``meanings.csv`` and ``duplicates.csv``, so that everyone has the same.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Style:
    """A set of drawings."""

    name: str
    vendor: str
    medium: str
    """``color``, ``line`` or ``3d``."""
    license: str


STYLES = (
    Style("openmoji", "openmoji", "color", "CC-BY-SA-4.0"),
    Style("openmoji-black", "openmoji", "line", "CC-BY-SA-4.0"),
    Style("twemoji", "twitter", "color", "CC-BY-4.0"),
    Style("noto", "google", "color", "Apache-2.0"),
    Style("noto-blob", "google", "color", "Apache-2.0"),
    Style("fluent-flat", "microsoft", "color", "MIT"),
    Style("fluent-high-contrast", "microsoft", "line", "MIT"),
    Style("fluent-3d", "microsoft", "3d", "MIT"),
)
"""In the order of the letters in ``meanings.csv``."""
SPLITS = {
    "t": "train",
    "v": "validation",
    "i": "test_iid",
    "c": "test_comp",
    "s": "test_style",
}
"""Split of each letter; a hyphen stands where a style has no such picture, or one left out: brand
logos, keycaps that come out blank, line art of what only colour tells (tones, flags), and tones of
fluent-3d, of which two are swapped in the package."""
MEANINGS = ("concept", "gender", "hair", "color", "comp_family", "comp_key", "comp_held_out")
"""Columns that say what an emoji shows, by which compositions are held out."""


@dataclass(frozen=True)
class Entry:
    """An emoji of the catalogue."""

    hexcode: str
    meanings: dict[str, str]
    """Of each of :data:`MEANINGS`, empty where it has no meaning."""
    splits: dict[str, str]
    """Split of each style that it is drawn in."""


@cache
def catalogue() -> tuple[Entry, ...]:
    """Return all emoji, in the order of their code points."""
    return tuple(
        Entry(
            row["hexcode"],
            {name: row[name] for name in MEANINGS},
            {
                style.name: SPLITS[letter]
                for style, letter in zip(STYLES, row["splits"], strict=True)
                if letter != "-"
            },
        )
        for row in _rows("meanings.csv")
    )


@cache
def duplicates() -> dict[tuple[str, str], tuple[str, bool]]:
    """Return (style, hexcode) → (cluster of near-duplicates, whether one of them is in train).

    Only of pictures that have such a neighbour; all others are a cluster of their own.
    """
    return {
        (row["style"], row["hexcode"]): (row["dup_cluster"], row["near_dup_in_train"] == "1")
        for row in _rows("duplicates.csv")
    }


def _rows(name: str) -> list[dict[str, Any]]:
    text = files("lit_dalle.data.emoji").joinpath(name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))

"""Names of the emoji in six languages, of Unicode CLDR by way of the package emojibase-data."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_dalle.data.emoji.packages import members

LANGUAGES = ("zh", "de", "fr", "es", "ja")
"""Languages of the names, beside English."""
TONES = ("", "light", "medium-light", "medium", "medium-dark", "dark")
"""Skin tones by their number."""
LOOSE = ("component", "regional-indicator")
"""Group and subgroup of what has none in the package: the letters that flags are spelled with."""


@dataclass(frozen=True)
class Name:
    """What is known of an emoji by name."""

    hexcode: str
    """Code points as the package writes them: ``1F469-1F3FD-200D-1F680``."""
    emoji: str
    """The emoji itself."""
    label: str
    """Its English name."""
    tags: tuple[str, ...]
    """English keywords; one of a skin tone has those of the one without."""
    group: str
    subgroup: str
    skin_tone: str
    """Of :data:`TONES`, or two of them with a plus."""
    version: float
    """Version of Emoji that it came with."""
    labels: tuple[str, ...]
    """Its name in each of :data:`LANGUAGES`."""


def key(hexcode: str) -> str:
    """Code points by which the packages are joined: lower case, without variation selectors."""
    return "-".join(part for part in hexcode.lower().split("-") if part not in ("fe0e", "fe0f"))


def read_names(tarball: Path) -> dict[str, Name]:
    """Return all names by hexcode.

    Args:
        tarball: Of emojibase-data.

    Raises:
        ValueError: A file of the package is missing.
    """
    wanted = {f"{language}/data.json" for language in ("en", *LANGUAGES)} | {"meta/groups.json"}
    files = {name: json.loads(text) for name, text in members(tarball, wanted.__contains__)}
    if missing := sorted(wanted - set(files)):
        raise ValueError(f"{tarball} lacks {', '.join(missing)}: it is not emojibase-data")
    others = [
        {entry["hexcode"]: entry["label"] for entry, _ in _entries(files[f"{language}/data.json"])}
        for language in LANGUAGES
    ]
    groups = files["meta/groups.json"]
    return {
        entry["hexcode"]: _name(entry, base, groups, others)
        for entry, base in _entries(files["en/data.json"])
    }


def _entries(
    listed: list[dict[str, Any]],
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every emoji with the one that it is a skin tone of, which can be itself."""
    for base in listed:
        yield base, base
        for entry in base.get("skins", ()):
            yield entry, base


def _name(
    entry: Mapping[str, Any],
    base: Mapping[str, Any],
    groups: Mapping[str, Any],
    others: list[dict[str, str]],
) -> Name:
    tones = entry.get("tone", [])
    return Name(
        hexcode=entry["hexcode"],
        emoji=entry["emoji"],
        label=entry["label"],
        tags=tuple(entry.get("tags") or base.get("tags", ())),
        group=groups["groups"].get(str(entry.get("group")), LOOSE[0]),
        subgroup=groups["subgroups"].get(str(entry.get("subgroup")), LOOSE[1]),
        skin_tone="+".join(TONES[tone] for tone in (tones if isinstance(tones, list) else [tones])),
        version=float(entry.get("version", 0)),
        labels=tuple(labels[entry["hexcode"]] for labels in others),
    )

"""The data set of emoji: fetched, drawn and written as a parquet file for each split."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from datasets import Dataset, Features, Image, List, Value

from lit_dalle.data.draws import hashed_text
from lit_dalle.data.emoji.catalogue import (
    MEANINGS,
    SPLITS,
    STYLES,
    Entry,
    Style,
    catalogue,
    duplicates,
)
from lit_dalle.data.emoji.drawings import READERS
from lit_dalle.data.emoji.names import LANGUAGES, Name, key, read_names
from lit_dalle.data.emoji.packages import PACKAGES, Package, fetch
from lit_dalle.data.emoji.rendering import find_resvg, render, to_png
from lit_dalle.data.writing import (
    check_replaceable,
    whole_file,
    whole_folder,
    write_arrow,
    write_json,
)

MARKER = "built.json"
"""File that says what a folder was built from."""
TEXTS = ("style", "vendor", "medium", "hexcode", "emoji", "label")
FEATURES = Features(
    {
        "image": Image(),
        **{name: Value("string") for name in TEXTS},
        "tags": List(Value("string")),
        **{name: Value("string") for name in ("group", "subgroup")},
        **{f"label_{language}": Value("string") for language in LANGUAGES},
        **{name: Value("string") for name in ("concept", "gender", "skin_tone", "hair", "color")},
        "emoji_version": Value("float32"),
        **{name: Value("string") for name in ("comp_family", "comp_key", "comp_held_out")},
        "dup_cluster": Value("string"),
        "near_dup_in_train": Value("bool"),
        "license": Value("string"),
    }
)
DRAWN = 1
"""Counts changes of how emoji are drawn, so that what is kept is never of an earlier way."""
Step = Callable[[str, int], None]
"""Told what is done and how many of its parts are done now."""


def build_emoji(
    out: Path,
    *,
    cache: Path | None = None,
    packages: Mapping[str, Package] = PACKAGES,
    step: Step = lambda what, done: None,
) -> dict[str, int]:
    """Build the data set; what was fetched or drawn before is taken from the cache.

    Args:
        out: Folder to write, whole or not at all.
        cache: Folder of what outlives an interruption; by default beside the caches of
            ``datasets``.
        packages: What is built from which package.
        step: Told of the progress.

    Returns:
        Number of rows of each split.

    Raises:
        FileNotFoundError: npm or resvg is missing.
        ValueError: ``out`` holds something else, a package cannot be had, or it lacks drawings that
            the catalogue names.
    """
    cache = cache or Path(datasets.config.HF_DATASETS_CACHE) / "lit_dalle" / "emoji"
    kept = {style: _kept(style, packages, cache) for style in STYLES}
    _check(out, kept.values())
    tarballs = {}
    for what, package in packages.items():
        tarballs[what] = fetch(package, cache)
        step("fetch", 1)
    names = read_names(tarballs["names"])
    drawn = {}
    for style in STYLES:
        drawn[style.name] = _drawn(style, packages, tarballs, names, kept[style], step)
    counts = {}
    with whole_folder(out, marker=MARKER) as part:
        for split in SPLITS.values():
            rows = list(_rows(split, names, drawn))
            table = Dataset.from_list(rows, features=FEATURES)
            pq.write_table(table.data.table, part / f"{split}.parquet", compression="snappy")
            counts[split] = len(rows)
            step("write", 1)
        write_json(part / MARKER, {what: str(package) for what, package in packages.items()})
    return counts


def parts() -> tuple[tuple[str, str, int], ...]:
    """What :func:`build_emoji` tells of: its name, a line for the user, and how much it is."""
    drawings = sum(len(entry.splits) for entry in catalogue())
    return (
        ("fetch", "Fetching packages", len(PACKAGES)),
        ("draw", "Drawing emoji", drawings),
        ("write", "Writing splits", len(SPLITS)),
    )


def drawn_in(style: str) -> list[Entry]:
    """Emoji of the catalogue that a style draws."""
    return [entry for entry in catalogue() if style in entry.splits]


def _check(out: Path, kept: Iterable[Path]) -> None:
    """Find what stands in the way of minutes of fetching and drawing before they are spent."""
    check_replaceable(out.resolve(), MARKER)
    if not all(file.is_file() for file in kept):
        find_resvg()


def _kept(style: Style, packages: Mapping[str, Package], cache: Path) -> Path:
    """Where the pictures of a style are kept."""
    package = packages[READERS[style.name][0]]
    return cache / f"{style.name}-{package.version}-{DRAWN}.arrow"


def _drawn(
    style: Style,
    packages: Mapping[str, Package],
    tarballs: Mapping[str, Path],
    names: Mapping[str, Name],
    kept: Path,
    step: Step,
) -> dict[str, bytes]:
    """PNG of every emoji of a style by hexcode, drawn the first time only."""
    entries = drawn_in(style.name)
    if kept.is_file():
        table = Dataset.from_file(str(kept))
        step("draw", len(entries))
        return dict(zip(table["hexcode"], table["png"], strict=True))
    what, read = READERS[style.name]
    drawings = read(tarballs[what])
    found = {}
    for entry in entries:
        drawing = drawings.find(names[entry.hexcode])
        found[entry.hexcode] = _png(drawing, packages[what], entry, names)
        step("draw", 1)
    table = Dataset.from_dict({"hexcode": list(found), "png": list(found.values())})
    with whole_file(kept) as part:
        write_arrow(table, part)
    return found


def _png(drawing: bytes | None, package: Package, entry: Entry, names: Mapping[str, Name]) -> bytes:
    which = f"{entry.hexcode} ({names[entry.hexcode].label})"
    if drawing is None:
        raise ValueError(f"{package} has no drawing of {which}")
    try:
        return to_png(render(drawing))
    except (ValueError, OSError) as error:
        raise ValueError(
            f"{package} has a drawing of {which} that cannot be read: {error}"
        ) from error


def _rows(
    split: str, names: Mapping[str, Name], drawn: Mapping[str, Mapping[str, bytes]]
) -> Iterator[dict[str, Any]]:
    """Rows of a split, in an order that mixes styles and kinds."""
    wanted = [
        (style, entry)
        for entry in catalogue()
        for style in STYLES
        if entry.splits.get(style.name) == split
    ]
    wanted.sort(key=lambda pair: hashed_text(f"{pair[0].name}/{pair[1].hexcode}"))
    for style, entry in wanted:
        yield _row(style, entry, names[entry.hexcode], drawn[style.name][entry.hexcode])


def _row(style: Style, entry: Entry, name: Name, png: bytes) -> dict[str, Any]:
    own = f"{style.name}/{key(entry.hexcode)}"
    cluster, near = duplicates().get((style.name, entry.hexcode), (own, False))
    return {
        "image": {"bytes": png, "path": None},
        "style": style.name,
        "vendor": style.vendor,
        "medium": style.medium,
        "hexcode": name.hexcode,
        "emoji": name.emoji,
        "label": name.label,
        "tags": list(name.tags),
        "group": name.group,
        "subgroup": name.subgroup,
        "skin_tone": name.skin_tone,
        "emoji_version": name.version,
        "dup_cluster": cluster,
        "near_dup_in_train": near,
        "license": style.license,
        **{f"label_{lang}": text for lang, text in zip(LANGUAGES, name.labels, strict=True)},
        **{meaning: entry.meanings[meaning] for meaning in MEANINGS},
    }

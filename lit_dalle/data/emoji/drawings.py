"""The drawing of every emoji in a package, as SVG or as a picture, by code points."""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lit_dalle.data.emoji.names import Name, key
from lit_dalle.data.emoji.packages import members

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
OLD_NAMES = {
    "bullseye": "direct-hit",
    "enraged-face": "pouting-face",
    "face-with-crossed-out-eyes": "dizzy-face",
    "flag-china": "flag-for-china",
    "flag-france": "flag-for-france",
    "flag-germany": "flag-for-germany",
    "flag-italy": "flag-for-italy",
    "flag-japan": "flag-for-japan",
    "flag-russia": "flag-for-russia",
    "flag-south-korea": "flag-for-south-korea",
    "flag-spain": "flag-for-spain",
    "flag-united-kingdom": "flag-for-united-kingdom",
    "flag-united-states": "flag-for-united-states",
    "keycap": "keycap-pound",
    "red-exclamation-mark": "exclamation-mark",
    "red-question-mark": "question-mark",
    "smiling-face-with-open-hands": "hugging-face",
    "up-button": "up-exclamation-button",
    "water-pistol": "pistol",
}
"""What noto-v1, which knows no code points, calls emoji whose names have changed since."""
_NOT_IN_SLUGS = str.maketrans("", "", "’“”")


@dataclass(frozen=True)
class Drawings:
    """The drawings of one style."""

    by_key: Mapping[str, bytes]
    """Drawing by code points, see :func:`~lit_dalle.data.emoji.names.key`."""
    by_slug: Mapping[str, bytes] = field(default_factory=dict)
    """Drawing by name, for what the package gives no code points of."""
    renamed: bool = False
    """Whether the names are old ones, see :data:`OLD_NAMES`."""

    def find(self, name: Name) -> bytes | None:
        """Return the drawing of an emoji, SVG or an encoded picture; None where there is none."""
        found = self.by_key.get(key(name.hexcode))
        if found is not None or not self.by_slug:
            return found
        slug = slug_of(name.label)
        if self.renamed:
            return self.by_slug.get(OLD_NAMES.get(slug, slug))
        return self.by_slug.get(slug) or self.by_slug.get(slug.removesuffix("-skin-tone"))


def slug_of(label: str) -> str:
    """Write an English name as Iconify names its icons: ``flag-cote-divoire``."""
    plain = label.lower().translate(_NOT_IN_SLUGS).replace("&", "and")
    plain = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    if plain.startswith("regional indicator"):
        plain = plain.replace("regional indicator", "letter")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def from_files(tarball: Path, folder: str, ending: str) -> Drawings:
    """Read drawings that are files named by code points.

    Args:
        tarball: Of the package.
        folder: Where in the package.
        ending: Of the files: ``.svg``, ``.webp``.
    """

    def wanted(path: str) -> bool:
        return path.startswith(f"{folder}/") and path.endswith(ending)

    return Drawings({key(Path(path).stem): content for path, content in members(tarball, wanted)})


def from_iconify(tarball: Path, *, renamed: bool = False) -> Drawings:
    """Read drawings of an Iconify package: ``icons.json``, and ``chars.json`` for code points.

    Args:
        tarball: Of the package.
        renamed: Whether its names are old ones.

    Raises:
        ValueError: A file of the package is missing.
    """
    wanted = {"icons.json", "chars.json"}
    files = {path: json.loads(text) for path, text in members(tarball, wanted.__contains__)}
    if missing := sorted(wanted - set(files)):
        raise ValueError(f"{tarball} lacks {', '.join(missing)}: it is no Iconify package")
    by_slug = dict(_icons(files["icons.json"]))
    named = {key(code): by_slug.get(slug) for code, slug in files["chars.json"].items()}
    by_key = {code: drawing for code, drawing in named.items() if drawing is not None}
    return Drawings(by_key, by_slug, renamed)


READERS: dict[str, tuple[str, Callable[[Path], Drawings]]] = {
    "openmoji": ("openmoji", lambda tarball: from_files(tarball, "color/svg", ".svg")),
    "openmoji-black": ("openmoji", lambda tarball: from_files(tarball, "black/svg", ".svg")),
    "twemoji": ("twemoji", from_iconify),
    "noto": ("noto", from_iconify),
    "noto-blob": ("noto-v1", lambda tarball: from_iconify(tarball, renamed=True)),
    "fluent-flat": ("fluent-flat", from_iconify),
    "fluent-high-contrast": ("fluent-high-contrast", from_iconify),
    "fluent-3d": ("fluent-3d", lambda tarball: from_files(tarball, "assets", ".webp")),
}
"""Style → its package, and how that is read."""


def _icons(icons: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """SVG of every icon and alias; an alias can be its parent mirrored."""
    for slug, icon in icons["icons"].items():
        yield slug, _svg(icon, icons)
    for slug, alias in icons.get("aliases", {}).items():
        mirrored, parent = False, alias
        while parent is not None:
            mirrored ^= bool(parent.get("hFlip"))
            slug_of_parent = parent["parent"]
            if slug_of_parent in icons["icons"]:
                yield slug, _svg(icons["icons"][slug_of_parent], icons, mirrored)
                break
            parent = icons["aliases"].get(slug_of_parent)


def _svg(icon: Mapping[str, Any], icons: Mapping[str, Any], mirrored: bool = False) -> bytes:
    width, height = (icon.get(side, icons.get(side, 16)) for side in ("width", "height"))
    body = icon["body"]
    if mirrored:
        body = f'<g transform="translate({width} 0) scale(-1 1)">{body}</g>'
    return (
        f'<svg xmlns="{SVG}" xmlns:xlink="{XLINK}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">{body}</svg>'
    ).encode()

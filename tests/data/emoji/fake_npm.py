"""Packages drawn on the spot, and an npm that hands them out."""

import base64
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

from PIL import Image

from lit_dalle.data.emoji.packages import Package

LANGUAGES = ("en", "zh", "de", "fr", "es", "ja")
SQUARE = '<path fill="{colour}" d="M0 0h16v16H0z"/>'
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">{body}</svg>'


def emojibase() -> dict[str, bytes]:
    """Two emoji: a red square, and a hand of two tones."""
    tones = [
        {"hexcode": "270B-1F3FB", "emoji": "✋🏻", "label": "hand: light skin tone", "tone": 1},
        {"hexcode": "270B-1F3FF", "emoji": "✋🏿", "label": "hand: dark skin tone", "tone": [5, 1]},
    ]
    square = {"hexcode": "1F7E5", "emoji": "🟥", "label": "red square", "version": 12.0}
    listed = [
        square | {"tags": ["red", "square"], "group": 8, "subgroup": 95},
        {"hexcode": "270B", "emoji": "✋", "label": "hand", "tags": ["stop"], "skins": tones},
    ]
    files = {"meta/groups.json": {"groups": {"8": "symbols"}, "subgroups": {"95": "geometric"}}}
    for language in LANGUAGES:
        translated = json.loads(json.dumps(listed))
        if language != "en":
            for entry in (*translated, *translated[1]["skins"]):
                entry["label"] += f" ({language})"
        files[f"{language}/data.json"] = translated
    return {path: json.dumps(content).encode() for path, content in files.items()}


def iconify(icons: dict, chars: dict, aliases: dict | None = None) -> dict[str, bytes]:
    content = {"icons": icons, "aliases": aliases or {}, "width": 16, "height": 16}
    return {"icons.json": json.dumps(content).encode(), "chars.json": json.dumps(chars).encode()}


def webp(colour: str) -> bytes:
    content = io.BytesIO()
    Image.new("RGBA", (32, 32), colour).save(content, format="WEBP", lossless=True)
    return content.getvalue()


def contents() -> dict[str, dict[str, bytes]]:
    """Files of a small package in the place of each real one."""
    red, black = (SVG.format(body=SQUARE.format(colour=c)).encode() for c in ("red", "black"))
    square = {"red-square": {"body": SQUARE.format(colour="currentColor")}}
    by_name = iconify(square, {"1f7e5": "red-square"})
    return {
        "openmoji": {"color/svg/1F7E5.svg": red, "black/svg/1F7E5.svg": black, "README": b"hi"},
        "twemoji": by_name,
        "noto": by_name,
        "noto-v1": iconify(square, {}),
        "fluent-flat": by_name,
        "fluent-high-contrast": by_name,
        "fluent-3d": {"assets/1f7e5.webp": webp("red")},
        "names": emojibase(),
    }


def install(folder: Path, monkeypatch) -> dict[str, Package]:
    """Put an ``npm`` on the PATH that knows the small packages; it writes down every call.

    It says what npm 11 says of a version that there is not, and with ``--silent`` nothing.
    """
    registry, binaries = folder / "registry", folder / "bin"
    registry.mkdir(parents=True)
    binaries.mkdir()
    packages = {}
    for what, files in contents().items():
        tarball = registry / f"{what}@1.0.0"
        tarball.write_bytes(tar(files))
        digest = hashlib.sha512(tarball.read_bytes()).digest()
        packages[what] = Package(what, "1.0.0", base64.b64encode(digest).decode())
    npm = binaries / "npm"
    npm.write_text(
        "#!/bin/sh\n"
        f'echo "$2" >> "{folder}/calls"\n'
        f'test -f "{registry}/$2" || {{ {_missing()}; exit 1; }}\n'
        f'cp "{registry}/$2" "$4/$2.tgz"\n'
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(binaries), prepend=os.pathsep)
    return packages


def _missing() -> str:
    """A command that says as npm does that there is no version ``$2``."""
    lines = (
        "code ETARGET",
        "notarget No matching version found for $2.",
        "notarget In most cases you or one of your dependencies are requesting a package version "
        "that doesn't exist.",
        "A complete log of this run can be found in: debug-0.log",
    )
    said = " ".join(f'"npm error {line}"' for line in lines)
    return f"case \"$*\" in *--silent*) ;; *) printf '%s\\n' {said} >&2 ;; esac"


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text().split() if path.is_file() else []


def tar(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, data in files.items():
            info = tarfile.TarInfo(f"package/{path}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()

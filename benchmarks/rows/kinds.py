"""Kinds of damaged and odd rows, as people's folders have them, and what is to be counted of each.

The caption of a row is given as it stands in a JSON line, so that it can be what JSON is not.
"""

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rows.drawings import draw, encoded

Made = Callable[[int], bytes]
"""The content of a row's picture, or its caption, by the row's number."""
ORIENTATION = 0x0112
"""EXIF's tag of how a picture is turned."""


@dataclass(frozen=True)
class Kind:
    """A kind of row."""

    noted: tuple[str, ...]
    """What the ledger has to count of it: ``ACTION/KIND``."""
    picture: Made | None
    """None: the file is not there."""
    endings: tuple[str, ...] = ("png",)
    """Endings of its files, in turns."""
    caption: Made | None = None
    """None: a good one."""

    @property
    def is_used(self) -> bool:
        """Whether training is to see such rows."""
        return all(name.startswith("converted/") for name in self.noted)


@dataclass(frozen=True)
class Row:
    """A row of a folder."""

    kind: str
    file: str
    content: bytes | None
    caption: bytes
    """As JSON."""


def picture(number: int) -> Image.Image:
    """A drawing."""
    return draw(number)[0]


def png(number: int) -> bytes:
    """A sound PNG file."""
    return encoded(picture(number))


def jpeg(number: int) -> bytes:
    """A sound JPEG file."""
    return encoded(picture(number), "JPEG", quality=90)


def either(number: int) -> bytes:
    """A sound file, as ``ENDINGS`` says."""
    return (png, jpeg)[number % 2](number)


ENDINGS = ("png", "jpg")
"""Of sound files."""


def good_caption(number: int) -> bytes:
    """A caption with a letter outside ASCII."""
    return json.dumps(f"{draw(number)[1]}, naïve", ensure_ascii=False).encode()


def bomb(number: int) -> bytes:
    """A PNG file of some hundred bytes that says it is huge; not all alike beyond the limit."""
    side = (12_000, 50_000)[number % 2]
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data)


def corrupted(number: int) -> bytes:
    """A PNG file whose compressed data do not begin as they must."""
    content = png(number)
    begin = content.index(b"IDAT") + 4
    return content[:begin] + b"\x00\x11\x22\x33" + content[begin + 4 :]


def sixteen_bits(number: int) -> bytes:
    """A PNG file of grey values of 16 bits."""
    grey = np.asarray(picture(number).convert("L")).astype(np.uint16) * 257
    return encoded(Image.fromarray(grey))


def transparent(number: int) -> bytes:
    """A PNG file with an alpha channel."""
    image = picture(number)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return encoded(image)


def animated(form: str, **options: int) -> Made:
    """Files of three pictures."""

    def made(number: int) -> bytes:
        first, *others = [picture(number + at).resize((64, 64)) for at in range(3)]
        return encoded(first, form, save_all=True, append_images=others, duration=80, **options)

    return made


def animated_in_colour(number: int) -> bytes:
    """Animated PNG and WebP in turns."""
    whole = {"kmin": 0, "kmax": 1}  # else WebP may keep differences, with transparent places
    return (animated("WEBP", **whole) if number % 2 else animated("PNG"))(number)


def turned(number: int) -> bytes:
    """A photograph of a camera that was held upright."""
    image = picture(number)
    exif = image.getexif()
    exif[ORIENTATION] = (6, 8, 3)[number % 3]
    return encoded(image, "JPEG", exif=exif)


def unreadable_caption(number: int) -> bytes:
    """Control characters, bytes that are no UTF-8, and half of a pair of surrogates in turns."""
    return (b'"\\u0001\\u0002\\u001f"', b'"\xff\xfe star"', b'"half an emoji \\ud83d"')[number % 3]


def _text(content: bytes) -> Made:
    return lambda number: content


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


DAMAGED, NOT_A_PICTURE = ("skipped/damaged picture",), ("skipped/not a picture",)
NO_CAPTION, NO_TEXT = ("skipped/no caption",), ("skipped/caption is no text",)
PAGE = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
KINDS = {
    "truncated PNG": Kind(DAMAGED, lambda n: png(n)[: len(png(n)) // 2]),
    "truncated JPEG": Kind(DAMAGED, lambda n: jpeg(n)[: len(jpeg(n)) // 2], ("jpg",)),
    "text called .png": Kind(NOT_A_PICTURE, _text(b"this is no picture\n")),
    "empty file": Kind(NOT_A_PICTURE, _text(b""), ENDINGS),
    "missing file": Kind(("skipped/missing file",), None, ENDINGS),
    "decompression bomb": Kind(("skipped/too many pixels",), bomb),
    "corrupted PNG data": Kind(DAMAGED, corrupted),
    "HTML called .jpg": Kind(NOT_A_PICTURE, _text(PAGE), ("jpg",)),
    "CMYK JPEG": Kind(
        ("converted/other colours",),
        lambda n: encoded(picture(n).convert("CMYK"), "JPEG"),
        ("jpg",),
    ),
    "grey PNG": Kind(("converted/grey",), lambda n: encoded(picture(n).convert("L"))),
    "16-bit grey PNG": Kind(("converted/more than 8 bits",), sixteen_bits),
    "RGBA": Kind(("converted/transparent",), transparent),
    "palette with transparency": Kind(
        ("converted/palette", "converted/transparent"),
        lambda n: encoded(picture(n).convert("P"), transparency=0),
    ),
    "animated GIF": Kind(("converted/animated", "converted/palette"), animated("GIF"), ("gif",)),
    "animated PNG or WebP": Kind(("converted/animated",), animated_in_colour, ("png", "webp")),
    "turned by EXIF": Kind(("converted/rotated",), turned, ("jpg",)),
    "empty caption": Kind(NO_CAPTION, either, ENDINGS, lambda n: (b'""', b'"  "')[n % 2]),
    "null caption": Kind(NO_CAPTION, either, ENDINGS, _text(b"null")),
    "number for a caption": Kind(NO_TEXT, either, ENDINGS, lambda n: b"%d" % n),
    "unreadable caption": Kind(NO_TEXT, either, ENDINGS, unreadable_caption),
}
"""All kinds by name."""
SOUND = ""
"""Name of the kind of rows that are as they should be."""


def rows(count: int, of_each: int) -> list[Row]:
    """Make rows: so many of each kind spread among sound ones.

    Args:
        count: All rows.
        of_each: Rows of each kind.
    """
    names = [name for name in KINDS for _ in range(of_each)]
    places = np.linspace(0, count - 1, len(names)).round().astype(int).tolist()
    order = np.random.default_rng(0).permutation(len(names)).tolist()
    wanted = {place: names[which] for place, which in zip(places, order, strict=True)}
    return [row(number, wanted.get(number, SOUND)) for number in range(count)]


def row(number: int, name: str) -> Row:
    """Make a row of a kind."""
    kind = KINDS[name] if name else Kind((), either, ENDINGS)
    file = f"{number:06}.{kind.endings[number % len(kind.endings)]}"
    content = None if kind.picture is None else kind.picture(number)
    return Row(name, file, content, (kind.caption or good_caption)(number))


def write_folder(folder: Path, some: list[Row]) -> None:
    """Write the files and ``metadata.jsonl``."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in some:
        if one.content is not None:
            (folder / one.file).write_bytes(one.content)
    lines = [b'{"file_name": "%s", "text": %s}\n' % (r.file.encode(), r.caption) for r in some]
    (folder / "metadata.jsonl").write_bytes(b"".join(lines))

"""Picture files as RGB pictures, and RGB pictures as tensors."""

import os
import re
import warnings
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from lit_dalle.data.notes import (
    ALPHA,
    ANIMATED,
    DAMAGED,
    DEEP,
    GREY,
    MISSING_FILE,
    NO_PICTURE,
    NOT_A_PICTURE,
    OTHER_COLOURS,
    PALETTE,
    ROTATED,
    TOO_LARGE,
    Note,
    RowError,
)

IN_TAR = re.compile(r"(?P<tar>.+\.tar)#(?P<offset>\d+)\+(?P<size>\d+)")
"""Path of a picture in a tar file, see :func:`place_in_tar`."""
KEPT_OPEN = 32
"""Tar files that a process keeps open."""
WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")
ORIENTATION = 0x0112
"""EXIF's tag of how a picture is turned."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its orientation."""
WHERE_ORIENTATION_STANDS = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")


def open_picture(record: Any, place: str) -> Image.Image:
    """Decode one picture of a data set as RGB; see :func:`read_picture`."""
    return read_picture(record, place)[0]


def read_picture(record: Any, place: str) -> tuple[Image.Image, list[Note]]:
    """Decode one picture of a data set.

    Args:
        record: A ``PIL.Image``, or the undecoded form of ``datasets``: path, bytes or both.
        place: Where the row stands, for notes and the error's text.

    Returns:
        The picture in RGB, and a note on each thing that had to be converted for it.

    Raises:
        RowError: There is no picture in the row, or it cannot be read; the file is named.
    """
    if isinstance(record, Image.Image):
        return _converted(record, place)
    path = record.get("path") if isinstance(record, Mapping) else None
    content = record.get("bytes") if isinstance(record, Mapping) else None
    name = f"{path} ({place})" if path else place
    if content is None and path is None:
        raise RowError(f"{name} has no picture: remove the row from the data set", NO_PICTURE)
    try:
        file = BytesIO(content) if content is not None else _opened(str(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is odd in a file, which we note or refuse
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                return _converted(image, name)
    except FileNotFoundError as error:
        message = f"there is no file {name}: add it, or remove the row"
        raise RowError(message, MISSING_FILE) from error
    except Exception as error:  # Pillow's readers stumble over foreign bytes in every way there is
        said = str(error) or type(error).__name__
        raise RowError(
            f"cannot read the picture {name}: {said}; repair it or remove it from the data set",
            _kind_of(error),
        ) from error


def place_in_tar(path: Path, offset: int, size: int) -> str:
    """The path of a picture that lies in an uncompressed tar file."""
    return f"{path}#{offset}+{size}"


def file_of(path: str) -> str:
    """The file that holds a picture: its own, or a tar file."""
    found = IN_TAR.fullmatch(path)
    return path if found is None else found["tar"]


def _opened(path: str) -> str | BytesIO:
    """The file of a path, or the part of a tar file that it names."""
    found = IN_TAR.fullmatch(path)
    if found is None:
        return path
    state = os.stat(found["tar"])
    tar = _tar(found["tar"], state.st_ino, state.st_mtime_ns)
    return BytesIO(tar.read(int(found["offset"]), int(found["size"])))


class _Tar:
    """A tar file that stays open, because opening takes longer than reading a picture.

    Processes that were forked may share it: a read says itself where it begins.
    """

    def __init__(self, path: str) -> None:
        self.number = os.open(path, os.O_RDONLY)

    def read(self, first: int, size: int) -> bytes:
        """Read a part of the file."""
        return os.pread(self.number, size, first)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


@lru_cache(KEPT_OPEN)
def _tar(path: str, number: int, changed: int) -> _Tar:
    """A tar file, opened once; again where another stands in its place."""
    return _Tar(path)


def _kind_of(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return NOT_A_PICTURE
    is_bomb = isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning))
    return TOO_LARGE if is_bomb or "too large" in str(error).lower() else DAMAGED


def _converted(image: Image.Image, name: str) -> tuple[Image.Image, list[Note]]:
    notes = [Note("converted", kind, name, f"{name} is {kind}") for kind in _oddities(image)]
    return to_rgb(image), notes


def _oddities(image: Image.Image) -> list[str]:
    """Kinds of what keeps a picture from being upright 8-bit RGB as it is."""
    mode = image.mode
    found = {
        GREY: mode in ("1", "L", "LA", "La"),
        DEEP: mode.startswith("I") or mode == "F",
        OTHER_COLOURS: mode in ("CMYK", "YCbCr", "LAB", "HSV"),
        PALETTE: mode in ("P", "PA"),
        ALPHA: mode in WITH_ALPHA or "transparency" in image.info,
        ANIMATED: getattr(image, "is_animated", False),
        ROTATED: _turn(image) is not None,
    }
    return [kind for kind, there in found.items() if there]


def _turn(image: Image.Image) -> Image.Transpose | None:
    return TURNS.get(image.getexif().get(ORIENTATION, 1))


def _upright(image: Image.Image) -> Image.Image:
    """The picture as its EXIF says it is to be seen.

    Pillow's own ``exif_transpose`` writes the rest of the EXIF anew, which fails where any of it is
    damaged; we have no use for it.
    """
    image.load()  # which turns TIFF by itself
    turn = _turn(image)
    if turn is None:
        return image
    image = image.transpose(turn)
    for name in WHERE_ORIENTATION_STANDS:
        image.info.pop(name, None)
    return image


def to_rgb(image: Image.Image) -> Image.Image:
    """Return any picture as upright RGB: transparency over white, 16 bits and grey to 8-bit RGB."""
    image = _upright(image)
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return _from_16_bits(image).convert("RGB")
    if image.mode == "F":
        return _from_floats(image).convert("RGB")
    if image.mode in WITH_ALPHA or "transparency" in image.info:
        front = image.convert("RGBA")
        white = Image.new("RGBA", front.size, "white")
        return Image.alpha_composite(white, front).convert("RGB")
    return image.convert("RGB")


def to_uint8(image: Image.Image) -> Tensor:
    """Return an RGB picture as uint8, ``3 h w``."""
    pixels = torch.from_numpy(np.array(image, dtype=np.uint8))
    return pixels.permute(2, 0, 1).contiguous()


def to_float(pixels: Tensor) -> Tensor:
    """Return uint8 pixels as float32 in [0, 1]."""
    return pixels / 255


def _from_16_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(np.int64)
    return Image.fromarray((values.clip(0, 65535) // 257).astype(np.uint8))


def _from_floats(image: Image.Image) -> Image.Image:
    """Grey values in [0, 1], or in [0, 255] where some are larger, to 8 bits."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    scale = 255 if values.max(initial=0) <= 1 else 1
    return Image.fromarray((values * scale).clip(0, 255).round().astype(np.uint8))

"""Picture files as RGB pictures, and RGB pictures as tensors."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from lit_dalle.data.errors import RowError


def open_picture(record: Any, place: str) -> Image.Image:
    """Decode one picture of a data set.

    Args:
        record: A ``PIL.Image``, or the undecoded form of ``datasets``: path, bytes or both.
        place: Where the row stands, for the error's text.

    Returns:
        The picture in RGB.

    Raises:
        RowError: There is no picture in the row, or it cannot be read; the file is named.
    """
    if isinstance(record, Image.Image):
        return to_rgb(record)
    path = record.get("path") if isinstance(record, Mapping) else None
    content = record.get("bytes") if isinstance(record, Mapping) else None
    name = f"{path} ({place})" if path else place
    if content is None and path is None:
        raise RowError(f"{name} has no picture: remove the row from the data set")
    file = BytesIO(content) if content is not None else str(path)
    try:
        with Image.open(file) as image:
            return to_rgb(image)
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise RowError(
            f"cannot read the picture {name}: {error}; repair it or remove it from the data set"
        ) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Return any picture as upright RGB: transparency over white, 16 bits and grey to 8-bit RGB."""
    image = ImageOps.exif_transpose(image)
    if image.mode == "RGB" and "transparency" not in image.info:
        image.load()
        return image
    if image.mode.startswith("I"):
        return _from_16_bits(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
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

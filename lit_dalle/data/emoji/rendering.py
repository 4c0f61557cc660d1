"""Drawings as square pictures on white."""

from io import BytesIO
from typing import Any

from PIL import Image

from lit_dalle.data.pictures import to_rgb

SIZE = 64
"""Side of the pictures, in pixels."""


def render(drawing: bytes, size: int = SIZE) -> Image.Image:
    """Draw an emoji on white, its longer side filling the square.

    What has no colour of its own (``currentColor``) is black.

    Args:
        drawing: SVG, or an encoded picture.
        size: Side of the result, in pixels.

    Returns:
        RGB, ``size`` × ``size``.

    Raises:
        ValueError: The drawing cannot be read.
    """
    if not drawing.lstrip().startswith((b"<svg", b"<?xml")):
        with Image.open(BytesIO(drawing)) as picture:
            return _centred(to_rgb(picture), size)
    svg = drawing.decode("utf-8").replace("currentColor", "#000000")
    drawn = find_resvg().svg_to_bytes(
        svg_string=svg, width=size, height=size, background="#ffffff", skip_system_fonts=True
    )
    with Image.open(BytesIO(bytes(drawn))) as picture:
        return _centred(picture.convert("RGB"), size)


def to_png(picture: Image.Image) -> bytes:
    """Return a picture as the bytes of a PNG."""
    content = BytesIO()
    picture.save(content, format="PNG", optimize=True)
    return content.getvalue()


def find_resvg() -> Any:
    """Return the library that draws SVG.

    Raises:
        FileNotFoundError: It is not installed.
    """
    try:
        import resvg_py
    except ModuleNotFoundError as error:
        raise FileNotFoundError(
            "drawing emoji needs resvg: pip install resvg-py, or lit-dalle[emoji]"
        ) from error
    return resvg_py


def _centred(picture: Image.Image, size: int) -> Image.Image:
    if max(picture.size) != size:
        scale = size / max(picture.size)
        width, height = (max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    if picture.size == (size, size):
        return picture
    square = Image.new("RGB", (size, size), "white")
    square.paste(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
    return square

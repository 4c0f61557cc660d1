"""A confusion matrix as a picture: a row a true class, a column a nearest class."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

SIDE = 960
"""Pixels along the matrix, about."""
NAMED = 48
"""Most classes whose names are written."""
PAPER, INK = (255, 255, 255), (20, 20, 20)
DARK = np.array([16, 42, 96])


def confusion_picture(counts: Tensor, names: tuple[str, ...], title: str) -> Image.Image:
    """Draw shares of each true class, white for none and dark blue for all.

    Args:
        counts: Pictures by true class (row) and nearest class (column), int64 ``c c``.
        names: Of the classes; written where there are at most ``NAMED``.
        title: Stands above.
    """
    total = counts.sum(dim=1, keepdim=True).clamp(min=1)
    shares = (counts / total).numpy()
    cell = max(1, SIDE // len(names))
    pixels = (255 + (DARK - 255) * shares[..., None]).round().astype(np.uint8)
    matrix = Image.fromarray(pixels).resize([cell * len(names)] * 2, Image.Resampling.NEAREST)
    font = ImageFont.load_default(size=max(9, min(14, cell - 2)))
    written = names if len(names) <= NAMED else ()
    margin = max((int(font.getlength(name)) for name in written), default=0) + 12
    top = 40 + margin
    sheet = Image.new("RGB", (margin + matrix.width + 12, top + matrix.height + 12), PAPER)
    sheet.paste(matrix, (margin, top))
    draw = ImageDraw.Draw(sheet)
    draw.text((12, 12), title, INK, ImageFont.load_default(size=16))
    frame = (margin - 1, top - 1, margin + matrix.width, top + matrix.height)
    draw.rectangle(frame, outline=(160, 160, 160))
    for number, name in enumerate(written):
        middle = (number + 0.5) * cell
        draw.text((margin - 6, top + middle), name, INK, font, anchor="rm")
        sheet.paste(*_upright(name, font, int(margin + middle), top - 6))
    return sheet


def _upright(
    name: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, x: int, bottom: int
) -> tuple[Image.Image, tuple[int, int]]:
    """A name turned by a right angle, and where its upper left corner goes."""
    left, above, right, below = font.getbbox(name)
    label = Image.new("RGB", (max(1, int(right - left)), max(1, int(below - above))), PAPER)
    ImageDraw.Draw(label).text((-left, -above), name, INK, font)
    turned = label.transpose(Image.Transpose.ROTATE_90)
    return turned, (x - turned.width // 2, bottom - turned.height)

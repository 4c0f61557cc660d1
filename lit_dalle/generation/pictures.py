"""Pictures for people: tensors to Pillow, PNG files, and contact sheets with captions."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from lit_dalle.data.writing import whole_file

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

PAPER, INK, PALE = (255, 255, 255), (32, 32, 32), (120, 120, 120)
MARGIN, GAP = 16, 8
TITLE_SIZE, LABEL_SIZE = 20, 13
SMALLEST_CELL = 112
"""A picture is shown at least this wide, by whole-number enlargement."""


def to_pictures(images: Tensor) -> list[Image.Image]:
    """Turn uint8 ``b 3 h w`` into Pillow pictures."""
    return [Image.fromarray(image.permute(1, 2, 0).cpu().numpy()) for image in images]


def write_png(picture: Image.Image, path: str | Path) -> None:
    """Write a PNG, whole or not at all."""
    with whole_file(path) as part:
        picture.save(part, format="PNG")


def contact_sheet(
    pictures: Sequence[Image.Image],
    *,
    title: str,
    note: str = "",
    labels: Sequence[str] = (),
    columns: int | None = None,
    scale: int | None = None,
) -> Image.Image:
    """Lay pictures out in rows, with a title above and a label under each.

    Args:
        pictures: All of one size, at least one.
        title: Line at the top, broken where it is too long.
        note: Smaller line under the title.
        labels: One a picture, or none at all.
        columns: Pictures in a row; default 8, or fewer so that the rows fill well.
        scale: Enlargement of each picture, pixels kept sharp; default 1 for large pictures and
            more for small ones.

    Raises:
        ValueError: No pictures, or another number of labels.
    """
    if not pictures:
        raise ValueError("a contact sheet needs at least one picture")
    if labels and len(labels) != len(pictures):
        raise ValueError(f"{len(labels)} labels for {len(pictures)} pictures")
    columns = columns or min(len(pictures), 8)
    scale = scale or -(-SMALLEST_CELL // pictures[0].width)
    width, height = pictures[0].width * scale, pictures[0].height * scale
    pitch = height + (LABEL_SIZE + 6 if labels else 0) + GAP
    sheet_width = max(columns * (width + GAP) - GAP, 2 * SMALLEST_CELL) + 2 * MARGIN
    header = header_of(title, note, sheet_width)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (sheet_width, header.height + rows * pitch - GAP + MARGIN), PAPER)
    sheet.paste(header, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for number, picture in enumerate(pictures):
        x = MARGIN + number % columns * (width + GAP)
        y = header.height + number // columns * pitch
        sheet.paste(picture.resize((width, height), Image.Resampling.NEAREST), (x, y))
        if labels:
            centre = (x + width / 2, y + height + 3)
            draw.text(centre, labels[number], INK, ImageFont.load_default(LABEL_SIZE), anchor="ma")
    return sheet


def header_of(title: str, note: str, width: int) -> Image.Image:
    """Return title and note on paper, as high as they need."""
    large, small = ImageFont.load_default(TITLE_SIZE), ImageFont.load_default(LABEL_SIZE)
    lines = [(line, large, INK, TITLE_SIZE + 6) for line in wrapped(title, large, width)]
    if note:
        lines += [(line, small, PALE, LABEL_SIZE + 5) for line in wrapped(note, small, width)]
    header = Image.new("RGB", (width, MARGIN + sum(line[3] for line in lines) + GAP), PAPER)
    draw, y = ImageDraw.Draw(header), MARGIN
    for text, font, colour, pitch in lines:
        draw.text((MARGIN, y), text, colour, font)
        y += pitch
    return header


def wrapped(text: str, font: Font, width: int) -> list[str]:
    """Break a text into lines that fit between the margins, at spaces where there are any.

    Args:
        text: Any text; an empty one is one empty line.
        font: What it is written in.
        width: In pixels, both margins included.
    """
    lines = [""]
    for word in text.split():
        gap = " " if lines[-1] else ""
        if font.getlength(lines[-1] + gap + word) <= width - 2 * MARGIN:
            lines[-1] += gap + word
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if font.getlength(lines[-1] + letter) > width - 2 * MARGIN:
                lines.append("")
            lines[-1] += letter
    return lines

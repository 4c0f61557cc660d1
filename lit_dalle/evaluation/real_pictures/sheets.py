"""Sheets of samples: a row a prompt, the real picture first, then the best, and the words beside.

Which prompts are shown follows from the seed alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from lit_dalle.evaluation.composition.painter import Pixels
from lit_dalle.evaluation.real_pictures.lettering import lettered
from lit_dalle.evaluation.real_pictures.measure import ENGLISH, Measured
from lit_dalle.generation.pictures import (
    GAP,
    INK,
    MARGIN,
    PALE,
    PAPER,
    SMALLEST_CELL,
    Font,
    header_of,
    wrapped,
    write_png,
)

WORDS_WIDTH, WORDS_SIZE = 300, 18
BESIDE = 3 * GAP
"""Between the real picture and the samples, and between these and the words."""


@dataclass(frozen=True)
class Line:
    """A prompt on a sheet."""

    real: Pixels
    """``h w 3``."""
    ranked: Pixels
    """Samples, best first, ``k h w 3``."""
    text: str
    """The prompt."""
    gloss: str = ""
    """What it says in English, where it is in another language."""


def prompt_sheet(
    lines: Sequence[Line], *, title: str, note: str = "", font: Path | None = None
) -> Image.Image:
    """Lay prompts out, one under the other.

    Args:
        lines: At least one, all with as many pictures of one size.
        title: Line at the top.
        note: Smaller lines under it.
        font: Font file for the prompts; default: one of the system's that has their letters.

    Raises:
        ValueError: There is no prompt, or the font cannot be read.
    """
    if not lines:
        raise ValueError("a sheet needs at least one prompt")
    count, (height, width) = len(lines[0].ranked), lines[0].real.shape[:2]
    scale = max(1, -(-SMALLEST_CELL // width))
    cell, pitch = width * scale, height * scale + GAP
    first = MARGIN + cell + BESIDE
    words = first + count * (cell + GAP) - GAP + BESIDE
    header = header_of(title, note, words + WORDS_WIDTH + MARGIN)
    sheet = Image.new("RGB", (header.width, header.height + len(lines) * pitch + MARGIN), PAPER)
    sheet.paste(header, (0, 0))
    for number, line in enumerate(lines):
        top = header.height + number * pitch
        sheet.paste(_enlarged(line.real, scale), (MARGIN, top))
        for place, picture in enumerate(line.ranked):
            sheet.paste(_enlarged(picture, scale), (first + place * (cell + GAP), top))
        _write(sheet, line, (words, top), height * scale, font)
    return sheet


def write_sheets(
    folder: Path, found: Measured, *, note: str, credit: str = "", font: Path | None = None
) -> None:
    """Write ``NAME.png`` of a set, and ``languages.png`` where it was drawn in several.

    Args:
        folder: Where to; it is made where it is missing.
        found: The set.
        note: How the samples were drawn and chosen.
        credit: Whose pictures the real ones are.
        font: See :func:`prompt_sheet`.
    """
    subjects = found.prompts.subjects
    lines = [
        Line(found.real[place], drawn.ranked, subjects[place].prompt)
        for place, drawn in enumerate(found.shown)
    ]
    note = f"Left: the real picture. {note} {credit}".strip()
    sheet = prompt_sheet(lines, title=found.prompts.name, note=note, font=font)
    write_png(sheet, folder / f"{found.prompts.name}.png")
    if found.translated is not None:
        sheet = prompt_sheet(_by_language(found), title="languages", note=note, font=font)
        write_png(sheet, folder / "languages.png")


def _by_language(found: Measured) -> list[Line]:
    """Lines of the same subjects in each language, one after the other."""
    assert found.translated is not None
    lines = []
    for number, place in enumerate(found.translated.places):
        subject = found.prompts.subjects[place]
        for language, shown in found.translated.shown.items():
            if number < len(shown):
                is_english = language == ENGLISH
                text = subject.prompt if is_english else subject.translations[language]
                gloss = "" if is_english else f"{language}: {subject.prompt}"
                lines.append(Line(found.real[place], shown[number].ranked, text, gloss))
    return lines


def _write(
    sheet: Image.Image, line: Line, corner: tuple[int, int], height: int, font: Path | None
) -> None:
    """Write a prompt, and under it pale what it says, from the middle of its pictures."""
    parts = [(*lettered(line.text, line.gloss, WORDS_SIZE, font), INK)]
    if line.gloss and parts[0][0] != line.gloss:
        parts.append((*lettered(line.gloss, line.gloss, WORDS_SIZE, font), PALE))
    written: list[tuple[str, Font, tuple[int, int, int]]] = [
        (row, letters, colour)
        for text, letters, colour in parts
        for row in wrapped(text, letters, WORDS_WIDTH)
    ]
    draw, pitch = ImageDraw.Draw(sheet), WORDS_SIZE + 4
    x, top = corner
    y = top + max(0, (height - len(written) * pitch) // 2)
    for row, letters, colour in written:
        draw.text((x, y), row, colour, letters)
        y += pitch


def _enlarged(picture: Pixels, scale: int) -> Image.Image:
    height, width = picture.shape[:2]
    size = (width * scale, height * scale)
    return Image.fromarray(picture).resize(size, Image.Resampling.NEAREST)

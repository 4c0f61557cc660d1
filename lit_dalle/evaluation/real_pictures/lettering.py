"""Letters of any language on a sheet: a font that has them, or the nearest thing that can be read.

Pillow's own font has the letters of English alone; others are those of the machine.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import ImageFont

from lit_dalle.generation.pictures import Font

FONTS = (
    *("NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "SourceHanSansSC-Regular.otf"),
    *("wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "DroidSansFallback.ttf"),
    *("PingFang.ttc", "Hiragino Sans GB.ttc", "STHeiti Light.ttc", "Arial Unicode.ttf"),
    *("msyh.ttc", "simsun.ttc", "arial.ttf", "DejaVuSans.ttf"),
)
"""Files that Pillow looks for where the system keeps its fonts; the first have Chinese too."""
NOWHERE = "\U0010fffe"
"""No character, so no font has it: what is drawn in its place stands for all that are missing."""
UNACCENTED = str.maketrans({"ß": "ss", "æ": "ae", "ø": "o", "’": "'", "‘": "'", "“": '"', "”": '"'})


def lettered(text: str, gloss: str, size: int, own: Path | None = None) -> tuple[str, Font]:
    """Return a text that can be read, and the font to write it in.

    Args:
        text: What to write.
        gloss: What to write where no font has its letters, also without accents.
        size: Of the letters, in pixels.
        own: A font file that is tried before those of the system.

    Raises:
        ValueError: The font file cannot be read.
    """
    plain = unicodedata.normalize("NFKD", text.translate(UNACCENTED))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    for candidate in dict.fromkeys((text, plain, gloss)):
        for font in fonts(size, own):
            if has_letters(font, candidate):
                return candidate, font
    return gloss, ImageFont.load_default(size)


@cache
def has_letters(font: Font, text: str) -> bool:
    """Whether a font has every letter of a text."""
    missing = _drawn(font, NOWHERE)
    return all(letter.isspace() or _drawn(font, letter) != missing for letter in text)


def fonts(size: int, own: Path | None = None) -> Iterator[Font]:
    """Yield the fonts there are: one's own, Pillow's, and the system's.

    Raises:
        ValueError: One's own cannot be read.
    """
    if own is not None:
        found = _opened(str(own), size)
        if found is None:
            raise ValueError(f"{own} is no font that can be read: give a .ttf, .otf or .ttc file")
        yield found
    yield _default(size)
    for name in FONTS:
        found = _opened(name, size)
        if found is not None:
            yield found


@cache
def _default(size: int) -> Font:
    return ImageFont.load_default(size)


@cache
def _opened(name: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


def _drawn(font: Font, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)

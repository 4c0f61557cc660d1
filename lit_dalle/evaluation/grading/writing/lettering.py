"""Reads a word written in the world's pixel face, sharp or blurred."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from lit_dalle.data.world.drawing.glyphs import GLYPH_HEIGHT, GLYPH_WIDTH, GLYPHS
from lit_dalle.data.world.drawing.writing import PITCH
from lit_dalle.evaluation.grading.colours import Floats

UNREADABLE = "?"
"""Stands for a letter that cannot be read."""
SMEAR = ("#" * GLYPH_WIDTH,) * GLYPH_HEIGHT
SEEN = {**GLYPHS, UNREADABLE: SMEAR}
"""What may be seen at a letter's place: a letter, or a smear that no letter should lose to."""
MARGIN = 1
"""Pale pixels seen around a letter; less than the gap between two letters."""
WINDOW = (GLYPH_HEIGHT + 2 * MARGIN, GLYPH_WIDTH + 2 * MARGIN)
MOST = 7
"""Letters that find room beside each other in a picture."""

COARSE_BLUR = 0.8
"""Standard deviation, in pixels, of the glyphs that find the word."""
BLURS = (0.4, 0.8, 1.2, 1.6)
"""Standard deviations, in pixels, of the glyphs that are compared with each letter."""
PHASES = (0.0, 0.5)
"""Parts of a pixel, right and down, by which letters may stand off the grid."""
FINE = 4
"""Subpixels a pixel while glyphs are shifted and blurred."""

BASE = 0.5
"""A correlation that is as likely in an empty place as in a letter."""
FOUND = 0.5
"""Least correlation of the best letter where something is written at all."""
WORD_SCORE = 0.86
"""Least mean correlation of a word's best letters, under one blur, if any of it can be read.

Words that a person reads letter by letter (blurred by 1.5 pixels, or enlarged from half the size)
have 0.88 and more; of the smears of a decoder that cannot draw letters, 19 in 20 have less than
this.
"""
SCORE = 0.75
"""Least correlation of a letter that can be read."""
LEAD = 0.01
"""Least lead over the second best letter."""
FAINT = 0.08
"""Standard deviation of darkness in a window that holds no letter."""
INKED = 0.4
"""Least contrast of a place that holds a letter, as a share of that of the clearest letter."""
BESIDE = 2
"""Rows above and below the letters where the sign is bare."""
ON_SIGN = 0.9
"""Share of a letter's columns that are more like the sign than like the wall in those rows: all,
for beside six letters only a pixel of wall parts the sign from the background."""


@dataclass(frozen=True)
class Writing:
    """A word in a picture."""

    word: str
    """Lower case, with `UNREADABLE` for letters that cannot be read."""
    left: int
    """Of the first letter, in pixels."""
    top: int


def read_writing(lab: Floats, wall: Floats, first: int, last: int) -> Writing | None:
    """Find and read the one word of a picture.

    Args:
        lab: L*a*b* of the picture, ``h w 3``.
        wall: L*a*b* of what the sign hangs on, ``3``.
        first: Uppermost row where letters may begin.
        last: Lowest row where letters may begin.

    Returns:
        The word, or None where nothing looks like writing.
    """
    darkness = 1 - lab[..., 0] / np.float32(100)
    rows = range(max(first, MARGIN + 1), min(last, len(darkness) - GLYPH_HEIGHT - MARGIN - 1) + 1)
    if not rows:
        return None
    place = _found(darkness, rows)
    if place is None:
        return None
    top, anchor = place
    cells = _cells(darkness, lab, wall, top, anchor)
    return Writing(_letters(darkness, top, cells), cells[0], top)


def _found(darkness: Floats, rows: range) -> tuple[int, int] | None:
    """Top row of the word, and the left column of its clearest letter."""
    padded = np.pad(darkness, MARGIN, mode="edge")
    band = padded[rows[0] : rows[-1] + GLYPH_HEIGHT + 2 * MARGIN]
    windows = sliding_window_view(band, WINDOW)
    scores = _normal(windows) @ _glyphs((COARSE_BLUR,), (0.0,))[: len(GLYPHS)].T
    best = scores.max(-1)
    loose = ndimage.maximum_filter1d(best, 3, axis=1, mode="nearest") - np.float32(BASE)
    total = running = loose
    for _ in range(MOST - 1):
        running = loose[:, : running.shape[1] - PITCH] + running[:, PITCH:]
        if not running.size:
            break
        total = total.copy()
        wide = running.shape[1]
        np.maximum(total[:, :wide], running, out=total[:, :wide])
    row, start = divmod(int(total.argmax()), total.shape[1])
    line = best[row, start : start + PITCH * MOST]
    column = start + int(line.argmax())
    if best[row, column] < FOUND:
        return None
    return rows[0] + row, column


def _cells(darkness: Floats, lab: Floats, wall: Floats, top: int, anchor: int) -> list[int]:
    """Left columns of all places on the sign that hold ink, from the first to the last."""
    here = slice(anchor, anchor + GLYPH_WIDTH)
    rows = lab[[max(0, top - BESIDE), min(top + GLYPH_HEIGHT + BESIDE, len(lab)) - 1]]
    sign = np.median(rows[:, here], axis=1, keepdims=True)
    to_sign, to_wall = (np.sqrt(((rows - end) ** 2).sum(-1)).mean(0) for end in (sign, wall))
    on_sign = to_sign < to_wall
    contrast = _contrast(darkness, top, anchor)

    def holds(left: int) -> bool:
        span = slice(left, left + GLYPH_WIDTH)
        if left < 0 or left + GLYPH_WIDTH > len(on_sign) or on_sign[span].mean() < ON_SIGN:
            return False
        return _contrast(darkness, top, left) > INKED * contrast

    cells = [anchor]
    while holds(cells[0] - PITCH):
        cells.insert(0, cells[0] - PITCH)
    while holds(cells[-1] + PITCH):
        cells.append(cells[-1] + PITCH)
    return cells


def _contrast(darkness: Floats, top: int, left: int) -> float:
    """Standard deviation of darkness in a letter's window."""
    rows, columns = (
        slice(max(0, start - MARGIN), start - MARGIN + side)
        for start, side in zip((top, left), WINDOW, strict=True)
    )
    return float(darkness[rows, columns].std())


def _letters(darkness: Floats, top: int, cells: list[int]) -> str:
    """The letter at each place, a pixel off at most, all under the blur that fits the word best."""
    padded = np.pad(darkness, MARGIN + 1, mode="edge")
    views = sliding_window_view(padded, WINDOW)[top : top + 3]
    windows = np.stack([views[:, left : left + 3] for left in cells])
    scores = _normal(windows) @ _glyphs(BLURS, PHASES).T
    scores = scores.reshape(len(cells), 9, -1).max(1)
    scores = scores.reshape(len(cells), len(BLURS), -1, len(SEEN)).max(2)
    scores = scores[:, scores.max(2).sum(0).argmax()]
    if scores.max(1).mean() < WORD_SCORE:
        return UNREADABLE * len(cells)
    word = ""
    for row in scores:
        second, best = np.argsort(row)[-2:]
        clear = row[best] >= SCORE and row[best] - row[second] >= LEAD
        word += tuple(SEEN)[best] if clear else UNREADABLE
    return word


def _normal(windows: Floats) -> Floats:
    """Windows ``... h w`` as vectors ``... h*w`` of mean 0 and length 1; faint ones come short."""
    vectors = windows.reshape(*windows.shape[:-2], -1)
    vectors = vectors - vectors.mean(-1, keepdims=True)
    length = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    faint = np.float32(FAINT * np.sqrt(vectors.shape[-1]))
    normal: Floats = vectors / np.maximum(length, faint)
    return normal


@cache
def _glyphs(blurs: tuple[float, ...], phases: tuple[float, ...]) -> Floats:
    """Every glyph at every blur and phase as a normal vector; what is `SEEN` runs fastest."""
    sheets = []
    for blur in blurs:
        for down in phases:
            for right in phases:
                sheets += [_glyph(marks, blur, down, right) for marks in SEEN.values()]
    return _normal(np.stack(sheets))


def _glyph(marks: Sequence[str], blur: float, down: float, right: float) -> Floats:
    """One glyph in its window, float32 ``h w``."""
    around = MARGIN + 4
    ink = np.array([[mark == "#" for mark in row] for row in marks], np.float32)
    fine = np.pad(ink, around).repeat(FINE, 0).repeat(FINE, 1)
    fine = np.roll(fine, (round(down * FINE), round(right * FINE)), (0, 1))
    fine = ndimage.gaussian_filter(fine, blur * FINE)
    height, width = (side // FINE for side in fine.shape)
    pixels = fine.reshape(height, FINE, width, FINE).mean((1, 3))
    edge = around - MARGIN
    cut: Floats = pixels[edge:-edge, edge:-edge]
    return cut

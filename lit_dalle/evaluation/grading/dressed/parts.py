"""The parts of a drawing: which of them are missing in a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lit_dalle.evaluation.grading.dressed.figures import Map
from lit_dalle.evaluation.grading.dressed.leftovers import gaps, is_sharp, there
from lit_dalle.evaluation.grading.dressed.palettes import Seen
from lit_dalle.evaluation.grading.regions import place_of, spread
from lit_dalle.evaluation.grading.verdict import Requirement

LEAST = 0.5
"""Share of most parts' pixels that must be there."""

FAINT = 9.0
"""Lightness by which what is left of a narrow part is darker than the background; the patterns of
the world's backgrounds stay within 6."""


@dataclass(frozen=True)
class Part:
    """A part of a drawing that a picture must have."""

    name: str
    narrow: bool = False
    """So narrow that a blurred picture keeps no colour of its own: anything there will do."""
    least: float = LEAST
    """Share of its pixels that must be there."""
    small: bool = False
    """So small that it can be asked of sharp pictures only."""


def missing(seen: Seen, colours: Map, numbers: Map, parts: Sequence[Part]) -> list[str]:
    """Names of parts that are not there, and the region of pieces of them that are not.

    Args:
        seen: The picture.
        colours: The drawing, places in the picture's palette, ``h w``.
        numbers: Places in `parts` plus one, 0 where there is none, ``h w``.
        parts: All parts of the drawing.
    """
    narrow = [number for number, part in enumerate(parts, 1) if part.narrow]
    lightness = seen.picture.lab[..., 0]
    faint = lightness < np.median(lightness[colours == 0]) - FAINT
    anything = spread(faint, 1)
    found = np.where(np.isin(numbers, narrow), anything, there(seen, colours)).ravel()
    sizes = np.bincount(numbers.ravel(), minlength=len(parts) + 1)
    counts = np.bincount(numbers.ravel(), found, len(parts) + 1)
    least = np.array([0.0, *(part.least for part in parts)])
    absent = (counts < least * sizes) | (sizes == 0)
    sharp = is_sharp(seen)
    names = [
        part.name
        for part, gone in zip(parts, absent[1:], strict=True)
        if gone and (sharp or not part.small)
    ]
    empty = gaps(seen, colours)
    return [*names, f"something {place_of(empty)}"] if empty.any() else names


def whole(absent: Sequence[str]) -> Requirement:
    """The requirement that no part is missing."""
    words = f"missing: {', '.join(dict.fromkeys(absent))}" if absent else "whole"
    return Requirement("whole", not absent, words)

"""Grades a shop front with a word on its sign."""

from collections.abc import Iterator

import numpy as np

from lit_dalle.data.world.drawing.glyphs import GLYPH_HEIGHT, GLYPH_WIDTH
from lit_dalle.data.world.drawing.writing import PITCH
from lit_dalle.data.world.scenes import WritingScene
from lit_dalle.data.world.vocabulary import COLOURS_OR_PLAIN
from lit_dalle.evaluation.grading.picture import GREY, NOTHING, Bools, Picture
from lit_dalle.evaluation.grading.regions import place_of
from lit_dalle.evaluation.grading.verdict import Requirement, compared, nothing_else
from lit_dalle.evaluation.grading.writing.lettering import UNREADABLE, Writing, read_writing
from lit_dalle.evaluation.grading.writing.shopfront import (
    BAND,
    SIGN,
    WALL,
    Front,
    Zones,
    find_front,
    missing_parts,
    out_of_place,
    wall_colour,
)

FIRST_ROW, LAST_ROW = 10, 18
"""Rows where letters may begin in a front at its middle place (drawn: 14)."""
PAPER = 3
"""Pixels of sign on each side of its letters."""
FRONT = 0.6
"""Least fit of a shop front; see `Front`."""
WORDS = {NOTHING: "white"}
"""Names of colours that read badly in a reason."""


def requirements(picture: Picture, scene: WritingScene) -> Iterator[Requirement]:
    """What a picture of a shop front has to show: word, colour, shop, nothing else."""
    front = find_front(picture.lab)
    wall = wall_colour(picture.lab, front)
    rows = FIRST_ROW + front.dy, LAST_ROW + front.dy
    writing = read_writing(picture.lab, wall, *rows)
    yield compared("word", writing.word if writing else "none", scene.word)
    zones = front.zones
    seen = picture.colour(zones == WALL, (*COLOURS_OR_PLAIN, GREY, NOTHING))
    yield compared("colour", WORDS.get(seen, seen), scene.colour)
    yield _shop(picture, front)
    things = out_of_place(picture.lab, _with_sign(zones, writing), wall)
    yield _no_things(picture, things)


def _shop(picture: Picture, front: Front) -> Requirement:
    """Whether there is a front, with all of its parts."""
    if front.fit < FRONT:
        return Requirement("shop", False, "shop: no shop front")
    missing = missing_parts(picture.lab, front)
    if missing:
        return Requirement("shop", False, f"shop: without {' and '.join(missing)}")
    return Requirement("shop", True, "shop: a wall, an awning, a window and a door")


def _with_sign(zones: Zones, writing: Writing | None) -> Zones:
    """Zones with the sign about letters that can be read, and the wall around it."""
    if writing is not None and set(writing.word) != {UNREADABLE}:
        zones = np.where(zones == BAND, np.int8(WALL), zones)
        right = writing.left + PITCH * len(writing.word) - (PITCH - GLYPH_WIDTH) + PAPER
        bottom = writing.top + GLYPH_HEIGHT + PAPER
        zones[writing.top - PAPER : bottom, max(0, writing.left - PAPER) : right] = SIGN
    return zones


def _no_things(picture: Picture, things: list[Bools]) -> Requirement:
    """That there is no thing out of place."""
    seen = []
    for thing in things:
        name = picture.colour(thing)
        seen.append(f"something {WORDS.get(name, name)} {place_of(thing)} that was not asked for")
    return nothing_else(seen)

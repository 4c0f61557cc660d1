"""What happens to rows that are not as they should be: a note each, never silence."""

from typing import Literal, NamedTuple

Action = Literal["skipped", "converted", "filtered"]
"""``skipped``: the row cannot be used. ``converted``: it is used after a change. ``filtered``: it
could be used, and the filters do not want it."""

NO_PICTURE, MISSING_FILE, NOT_A_PICTURE = "no picture", "missing file", "not a picture"
DAMAGED, TOO_LARGE = "damaged picture", "too many pixels"
NO_CAPTION, NO_TEXT, NO_LABEL = "no caption", "caption is no text", "no label"
NOT_ENCODED = "no image tokens"
SKIPPED = (
    NO_PICTURE,
    MISSING_FILE,
    NOT_A_PICTURE,
    DAMAGED,
    TOO_LARGE,
    NO_CAPTION,
    NO_TEXT,
    NO_LABEL,
    NOT_ENCODED,
)
"""Kinds of rows that cannot be used."""
GREY, DEEP, OTHER_COLOURS, PALETTE = "grey", "more than 8 bits", "other colours", "palette"
ALPHA, ANIMATED, ROTATED = "transparent", "animated", "rotated"
CONVERTED = (GREY, DEEP, OTHER_COLOURS, PALETTE, ALPHA, ANIMATED, ROTATED)
"""Kinds of pictures that are made upright 8-bit RGB: grey and 16 bits to three colours of 8 bits,
CMYK and the like to RGB, transparency over white, the first frame, turned as EXIF says."""
SHORT_CAPTION, NARROW = "caption too short", "too narrow"
FILTERED = (SHORT_CAPTION, NARROW)
"""Kinds of rows that the filters leave out."""


class Note(NamedTuple):
    """One thing about one row; plain data, so that it passes between processes and into tables."""

    action: str
    kind: str
    place: str
    """Which row, of what."""
    message: str
    """One line for the user."""


class Account(NamedTuple):
    """What was read for a batch; it travels in the batch as ``read`` until the loader counts it."""

    rows: int
    """Those that cannot be used among them, those drawn in their places not."""
    notes: list[Note]
    """All that is noted of these rows."""


class RowError(ValueError):
    """Something is wrong with one row; the message is one line, also out of a worker process.

    A ``DataLoader`` raises the error of a worker again with the whole traceback as its message,
    whose last line is the message that we want to show.

    Args:
        message: What is wrong and what to do.
        kind: One of :data:`SKIPPED` or :data:`FILTERED`.
        action: What is done about it.
    """

    def __init__(self, message: str, kind: str = "", action: Action = "skipped") -> None:
        if message.startswith("Caught RowError"):
            message = message.strip().splitlines()[-1].partition("RowError: ")[2]
        super().__init__(" ".join(message.split()))
        self.kind, self.action = kind, action

    def note(self, place: str) -> Note:
        """The error as a note about a row."""
        return Note(self.action, self.kind, place, str(self))


def is_usable(notes: list[Note]) -> bool:
    """Whether a row with these notes can be used."""
    return all(note[0] == "converted" for note in notes)

"""Which rows are kept for validation: by a hash, so that a row never changes sides."""

from collections.abc import Sequence
from typing import Any

from lit_dalle.data.draws import hashed_text, uniform

VALIDATION = 0x56414C
"""Counter of these draws."""


def hold_out(rows: int, share: float, groups: Sequence[Any] | None = None) -> list[bool]:
    """Say for each row whether it is held out; rows of one group go to the same side.

    Args:
        rows: Number of rows.
        share: Expected share of rows held out, in [0, 1).
        groups: A group for each row; without them each row is one.

    Raises:
        ValueError: The share leaves nothing to train on.
    """
    if not 0 <= share < 1:
        raise ValueError(f"validation_share is {share}, it must be at least 0 and below 1")
    keys = range(rows) if groups is None else [hashed_text(str(group)) for group in groups]
    held = [uniform(VALIDATION, key) < share for key in keys]
    if groups is None and share > 0 and rows > 1 and not any(held):
        held[min(keys, key=lambda key: uniform(VALIDATION, key))] = True
    return held

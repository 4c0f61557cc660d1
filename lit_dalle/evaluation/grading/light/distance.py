"""How far a picture is from drawings whose parts may stand a little off, and may have faded."""

from collections.abc import Sequence

import numpy as np

from lit_dalle.evaluation.grading.colours import Floats

LINE_STYLES = ("line drawing", "blueprint")
"""Styles of thin lines on paper, which fade when they are blurred."""
FAINTEST = 0.5
"""Share of their contrast that lines may fade to."""


def moved_windows(plane: Floats, rows: slice, columns: slice, reach: tuple[int, int]) -> Floats:
    """A window of a picture, and the same of the picture moved by all steps.

    Args:
        plane: ``h w c``.
        rows: Of the window, at least the reach away from the picture's end.
        columns: Likewise.
        reach: Steps to either side, and up and down.

    Returns:
        ``steps values``.
    """
    across, down = reach
    wider = plane[
        rows.start - down : rows.stop + down, columns.start - across : columns.stop + across
    ]
    size = rows.stop - rows.start, columns.stop - columns.start
    views = np.lib.stride_tricks.sliding_window_view(wider, size, (0, 1))
    windows: Floats = views.transpose(0, 1, 3, 4, 2).reshape(views.shape[0] * views.shape[1], -1)
    return windows


def distances(drawn: Floats, seen: Floats, weights: Floats, faintest: float) -> Floats:
    """Squared distance from each drawing to the nearest of some windows, ``drawings``.

    Args:
        drawn: Differences to the sky's colour, ``drawings values``.
        seen: The same of the picture, ``windows values``.
        weights: Of the values, ``drawings values`` or ``1 values``.
        faintest: Share that all of a drawing's differences may fade to; 1 for no fading.
    """
    size = (weights * drawn**2).sum(1)[:, None]
    dots = (weights * drawn) @ seen.T
    gain = np.clip(dots / (size + 1e-6), faintest, 1)
    apart: Floats = (weights @ (seen**2).T - 2 * gain * dots + gain**2 * size).min(1)
    return apart


def faintest(style: str) -> float:
    """Share of its contrast that a style's drawing may fade to."""
    return FAINTEST if style in LINE_STYLES else 1.0


def stacked(parts: Sequence[Floats]) -> Floats:
    """Windows of drawings as rows, ``drawings values``."""
    return np.stack([part.ravel() for part in parts])

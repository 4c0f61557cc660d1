"""Which style a picture is in, by each style's own mark: frame, paper, border, blocks, outlines."""

from functools import cache

import numpy as np

from lit_dalle.data.world.drawing.styles import FRAME, PAPER_BLUE
from lit_dalle.data.world.vocabulary import RGB
from lit_dalle.evaluation.grading.colours import Floats, delta_e, lab_of
from lit_dalle.evaluation.grading.light.templates import BORDER
from lit_dalle.evaluation.grading.picture import SIDE, Bools, Picture

FRAME_GAP = 28.0
"""Delta E from the frame's two colours, medians along it, up to which it is there."""
PAPER_GAP = 20.0
"""Delta E from the paper's blue up to which a pixel is paper."""
PAPER_SHARE = 0.5
"""Share of pixels that are plain paper, blue or white, in drawings made of lines."""
WHITE_LIGHTNESS, WHITE_CHROMA = 85.0, 6.0
"""Least L* and largest chroma of white."""
GREY_CHROMA = 9.0
"""Largest chroma, on the whole, of a picture that is called grey."""
BLOCKY = 0.42
"""Change within blocks of 2 × 2 pixels over change between them, up to which there are blocks."""

OUTLINED_OR_BLOCKS = ("cartoon", "pixel art")
"""Styles that only blocks or outlines tell apart."""


def styles_of(picture: Picture) -> tuple[str, ...]:
    """The style of a picture, or the two it may be in if there are no sharp blocks."""
    lab = picture.lab
    outer, inner = (lab[ring] for ring in _rings())
    if _near(outer, FRAME[0]) and _near(inner, FRAME[1]):
        return ("painting",)
    within = lab[BORDER:-BORDER:2, BORDER:-BORDER]
    paper = delta_e(within, lab_of(PAPER_BLUE)) < PAPER_GAP
    if paper.mean() > PAPER_SHARE:
        return ("blueprint",)
    if _white(within).mean() > PAPER_SHARE:
        return ("line drawing",)
    grey = np.median((within[..., 1:] ** 2).sum(-1)) < GREY_CHROMA**2
    if grey and _white(outer).mean() > PAPER_SHARE:
        return ("black and white photo",)
    if blockiness(lab[..., 0]) < BLOCKY:
        return ("pixel art",)
    return OUTLINED_OR_BLOCKS


def blockiness(lightness: Floats) -> float:
    """Change within blocks of 2 × 2 pixels over change between them: 0 for blocks, near 1 else."""
    across, down = np.abs(np.diff(lightness, axis=1)), np.abs(np.diff(lightness, axis=0))
    within = across[:, 0::2].mean() + down[0::2].mean()
    between = across[:, 1::2].mean() + down[1::2].mean()
    return float(within / (between + 1e-6))


@cache
def _rings() -> tuple[Bools, Bools]:
    """Pixels of the border's outer and inner half, ``h w``."""
    rows, columns = np.indices((SIDE, SIDE))
    depth = np.minimum(np.minimum(rows, SIDE - 1 - rows), np.minimum(columns, SIDE - 1 - columns))
    return depth < BORDER // 2, (depth >= BORDER // 2) & (depth < BORDER)


def _near(lab: Floats, rgb: RGB) -> bool:
    return bool(np.median(delta_e(lab, lab_of(rgb))) < FRAME_GAP)


def _white(lab: Floats) -> Bools:
    """Which pixels are white."""
    white: Bools = (lab[..., 0] > WHITE_LIGHTNESS) & ((lab[..., 1:] ** 2).sum(-1) < WHITE_CHROMA**2)
    return white

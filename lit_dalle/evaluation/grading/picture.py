"""A picture as graders look at it: 64 × 64 pixels, each with the name of its colour."""

from collections.abc import Sequence
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from lit_dalle.data.world.drawing.backdrop import PALE, SHADE
from lit_dalle.data.world.drawing.canvas import SLATE, UNITS, WHITE, mixed
from lit_dalle.data.world.vocabulary import COLOUR_RGB, PLAIN, PLAIN_RGB
from lit_dalle.evaluation.grading.colours import (
    Floats,
    codes,
    delta_e_to_nearest,
    every_rgb,
    nearest,
    to_lab,
)

SIDE = UNITS
"""Side of the pictures graders look at: a pixel is a unit of drawing."""
GREY = "grey"
"""Parts without a named colour: furniture, legs, strings."""
NOTHING = "nothing"
"""White, glass and the pale backgrounds."""
NAMES = (NOTHING, *COLOUR_RGB, PLAIN, GREY)
"""What a pixel may be called; a picture's labels are places in this tuple."""

JITTERS = (-16, -8, 0, 8, 16)
"""Levels added to all channels of a nominal colour: the pictures' own jitter and a little more."""
BITS = 6
"""Bits a channel of the table from RGB to names."""

Bools = NDArray[np.bool_]
Labels = NDArray[np.int8]


class Picture:
    """One picture; what is derived from it is computed once, when it is asked for.

    Args:
        image: PIL picture or uint8 array ``h w 3``; other sizes than `SIDE` are resized (box).
    """

    def __init__(self, image: Image.Image | NDArray[np.uint8]) -> None:
        if not isinstance(image, Image.Image):
            image = Image.fromarray(image)
        if image.size != (SIDE, SIDE):
            image = image.resize((SIDE, SIDE), Image.Resampling.BOX)
        self.rgb: NDArray[np.uint8] = np.asarray(image.convert("RGB"))
        """``h w 3``."""

    @cached_property
    def lab(self) -> Floats:
        """CIE L*a*b*, ``h w 3``."""
        return to_lab(self.rgb)

    @cached_property
    def labels(self) -> Labels:
        """The nearest name of each pixel by itself, ``h w``; see `NAMES`.

        Edges between two colours may carry the name of a third.
        """
        return name_table()[codes(self.rgb, BITS)]

    @cached_property
    def foreground(self) -> Bools:
        """Pixels that are not `NOTHING`, ``h w``."""
        return self.labels != NAMES.index(NOTHING)

    def colour(
        self, where: Bools, among: tuple[str, ...] = NAMES, *, stronger_half: bool = False
    ) -> str:
        """The name of the colour of some pixels, judged by those inside their outline.

        Args:
            where: ``h w``; at least one pixel.
            among: Names that may be given.
            stronger_half: Judge by the half of them that is furthest from the pale ground, which
                blur mixes into small things.

        Raises:
            ValueError: No pixel.
        """
        if not where.any():
            raise ValueError("there is no pixel whose colour could be named")
        inner = ndimage.binary_erosion(where)
        lab = self.lab[inner if inner.any() else where]
        if stronger_half:
            strength = delta_e_to_nearest(lab, examples(NOTHING))
            lab = lab[strength >= np.median(strength)]
        middle = np.median(lab, axis=0, keepdims=True)
        return among[int(nearest_names(middle, among)[0])]


def nearest_names(lab: Floats, among: Sequence[str] = NAMES) -> NDArray[np.intp]:
    """Places in `among` of the names nearest to colours ``n 3``, ``n``."""
    shades = [examples(name) for name in among]
    owners = np.repeat(np.arange(len(among)), [len(one) for one in shades])
    return owners[nearest(lab, np.concatenate(shades))]


@cache
def examples(name: str) -> Floats:
    """Colours that a name stands for, in L*a*b*, ``n 3``."""
    if name == NOTHING:
        shades = [mixed(pale, SHADE, share) for pale in (*PALE, WHITE) for share in (0, 0.08, 0.14)]
        return to_lab(np.array([*shades, (206, 222, 232)], np.uint8))
    if name == GREY:
        greys = [mixed(SLATE, WHITE, share) for share in (0, 0.15, 0.35)]
        return to_lab(np.array([*greys, (92, 104, 126)], np.uint8))
    nominal = PLAIN_RGB if name == PLAIN else COLOUR_RGB[name]
    levels = [[level + jitter for level in nominal] for jitter in JITTERS]
    return to_lab(np.clip(levels, 0, 255).astype(np.uint8))


@cache
def name_table() -> Labels:
    """The label of every RGB of `BITS` bits a channel, by its code; see `codes`."""
    return nearest_names(to_lab(every_rgb(BITS))).astype(np.int8)

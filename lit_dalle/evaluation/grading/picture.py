"""A picture as graders look at it: 64 × 64 pixels, each with the name of its colour."""

from functools import cache, cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from lit_dalle.data.world.drawing.backdrop import PALE, SHADE
from lit_dalle.data.world.drawing.canvas import SLATE, UNITS, WHITE, mixed
from lit_dalle.data.world.vocabulary import COLOUR_RGB, PLAIN, PLAIN_RGB, RGB

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
Floats = NDArray[np.float32]
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
        red, green, blue = np.moveaxis(self.rgb >> (8 - BITS), -1, 0).astype(np.int32)
        return name_table()[(red << 2 * BITS) | (green << BITS) | blue]

    @cached_property
    def foreground(self) -> Bools:
        """Pixels that are not `NOTHING`, ``h w``."""
        return self.labels != NAMES.index(NOTHING)

    @cached_property
    def edges(self) -> Floats:
        """How much L*a*b* changes from one pixel to the next, ``h w``, in units of delta E."""
        dy = ndimage.sobel(self.lab, axis=0) / 8
        dx = ndimage.sobel(self.lab, axis=1) / 8
        return np.sqrt((dx**2 + dy**2).sum(-1))

    def named(self, *names: str) -> Bools:
        """Pixels that carry one of these names, ``h w``."""
        return np.isin(self.labels, [NAMES.index(name) for name in names])

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
            strength = distance_to(NOTHING, lab)
            lab = lab[strength >= np.median(strength)]
        lab = np.median(lab, axis=0)
        return min(among, key=lambda name: float(distance_to(name, lab)))


def to_lab(rgb: NDArray[np.uint8] | RGB) -> Floats:
    """SRGB levels ``... 3`` to CIE L*a*b* (D65), float32 ``... 3``."""
    share = np.asarray(rgb, np.float32) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32
    )
    xyz = linear.astype(np.float32) @ matrix.T / np.array([0.9505, 1.0, 1.089], np.float32)
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    lab: Floats = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1).astype(np.float32)
    return lab


def distance_to(name: str, lab: Floats) -> Floats:
    """Delta E (1976) from colours ``... 3`` to the nearest example of a name, ``...``."""
    gaps = lab[..., None, :] - examples(name)
    distance: Floats = np.sqrt((gaps**2).sum(-1)).min(-1)
    return distance


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
    """The label of every RGB of `BITS` bits a channel, flat, red slowest."""
    levels = [(level << (8 - BITS)) + (1 << (7 - BITS)) for level in range(1 << BITS)]
    lab = to_lab(np.array(list(product(levels, repeat=3)), np.uint8))
    distances = np.stack([distance_to(name, lab) for name in NAMES])
    return distances.argmin(0).astype(np.int8)

"""Augmentation for drawings: the same thing in another hand (our choice; nothing is published).

What a drawing shows survives a turn, a shift, other colours and no colours; style does not. The
draws are from a stream per row, so a picture of an epoch is a function of (seed, epoch, index).
"""

import math

import numpy as np
from PIL import Image as Pictures
from PIL import ImageChops, ImageEnhance, ImageFilter, ImageOps
from PIL.Image import Image, Resampling, Transform

TURN, SHIFT = 12.0, 0.08
"""Largest turn in degrees, and largest shift as a share of the side."""
SMALLEST, LARGEST, STRETCH = 0.75, 1.15, 1.12
"""Range of the scale, and largest ratio by which width and height are scaled apart."""
COLOURED, INKED, HUE = 0.5, 0.35, 10
"""Chances of other colours and of none, and largest turn of the hue out of 256: green stays green.
"""

STRENGTHS = (
    (ImageEnhance.Brightness, 0.2),
    (ImageEnhance.Contrast, 0.25),
    (ImageEnhance.Color, 0.4),
)
"""How far each goes from 1; brightness least, which tells tones of skin apart."""


def augment_artwork(square: Image, draws: np.random.Generator) -> Image:
    """Turn, scale, shift and recolour a square RGB picture, or draw it in ink."""
    moved = _moved(square, draws)
    kind = draws.random()
    if kind < INKED:
        return _inked(moved, draws)
    return _coloured(moved, draws) if kind < INKED + COLOURED else moved


def _moved(image: Image, draws: np.random.Generator) -> Image:
    """Turn, scale and shift about the centre; what comes in has the colour of the corner."""
    side = image.width
    angle = math.radians(draws.uniform(-TURN, TURN))
    scale = math.exp(draws.uniform(math.log(SMALLEST), math.log(LARGEST)))
    stretch = math.exp(draws.uniform(-1, 1) * math.log(STRETCH) / 2)
    shift = draws.uniform(-SHIFT, SHIFT, 2) * side
    cos, sin = math.cos(angle), math.sin(angle)
    a, b = cos / (scale * stretch), sin / (scale * stretch)
    c, d = -sin * stretch / scale, cos * stretch / scale
    middle = np.array([side, side]) / 2
    back = middle - np.array([[a, b], [c, d]]) @ (middle + shift)
    matrix = (a, b, float(back[0]), c, d, float(back[1]))
    corner = image.getpixel((0, 0))
    return image.transform(
        image.size, Transform.AFFINE, matrix, Resampling.BICUBIC, fillcolor=corner
    )


def _coloured(image: Image, draws: np.random.Generator) -> Image:
    """Other brightness, contrast, saturation and, a little, hue."""
    for enhance, most in STRENGTHS:
        image = enhance(image).enhance(float(draws.uniform(1 - most, 1 + most)))
    turn = int(draws.integers(-HUE, HUE + 1))
    hue, saturation, value = image.convert("HSV").split()
    hue = ImageChops.add_modulo(hue, Pictures.new("L", hue.size, turn % 256))
    return Pictures.merge("HSV", (hue, saturation, value)).convert("RGB")


def _inked(image: Image, draws: np.random.Generator) -> Image:
    """Grey, black and white, outlines, or outlines with dark parts filled."""
    grey = image.convert("L")
    way = int(draws.integers(4))
    if way > 0:
        level = int(draws.integers(70, 170))
        dark = grey.point([0 if value < level else 255 for value in range(256)])
        grey = {1: dark, 2: _outlines(image, draws)}.get(
            way, ImageChops.darker(dark, _outlines(image, draws))
        )
    return grey.convert("RGB")


def _outlines(image: Image, draws: np.random.Generator) -> Image:
    """Black lines on white where the picture changes, of one to three pixels."""
    smooth = image.filter(ImageFilter.GaussianBlur(0.5))
    inner = smooth.filter(ImageFilter.FIND_EDGES).crop((1, 1, image.width - 1, image.height - 1))
    framed = ImageOps.expand(inner, 1, "black")  # the filter leaves the border as it is
    red, green, blue = framed.split()
    edges = ImageOps.invert(ImageChops.lighter(ImageChops.lighter(red, green), blue))
    level = int(draws.integers(150, 220))
    lines = edges.point([0 if value < level else 255 for value in range(256)])
    return lines.filter(ImageFilter.MinFilter(3)) if draws.random() < 0.5 else lines

"""Crops and sizes of pictures: pure functions of a picture and a stream of draws.

A picture is an RGB ``PIL.Image``; what comes out is square, ``size`` pixels wide.
"""

from typing import Literal, get_args

import numpy as np
from PIL.Image import Image, Resampling, Transpose

from lit_dalle.data.artwork import augment_artwork

Augmentation = Literal["none", "dvae", "prior", "clip", "artwork"]
"""``none``: the centre, as in evaluation. ``dvae``, ``prior``: [P] listings 1 and 2. ``clip``:
the random square crop of [C] 2.4. ``artwork``: turned, shifted, recoloured and inked, for drawings
(our choice)."""


def augment(image: Image, size: int, kind: Augmentation, draws: np.random.Generator) -> Image:
    """Return the picture as it is shown in training.

    Args:
        image: RGB picture of any size and shape.
        size: Side of the result, in pixels.
        kind: Which augmentation.
        draws: Source of the randomness; ``none`` takes nothing from it.

    Raises:
        ValueError: There is no such augmentation.
    """
    if kind == "none":
        return centre(image, size)
    if kind == "dvae":
        return augment_for_dvae(image, size, draws)
    if kind == "prior":
        return augment_for_prior(image, size, draws)
    if kind == "clip":
        return augment_for_clip(image, size, draws)
    if kind == "artwork":
        fine = max(size, min(*image.size, 2 * size))  # what is turned is finer than what is shown
        return _resized(augment_artwork(centre(image, fine), draws), size)
    raise ValueError(f"no augmentation {kind!r}; there are {', '.join(get_args(Augmentation))}")


def centre(image: Image, size: int, kind: Augmentation = "none") -> Image:
    """Return the central square at the wanted size: the picture as it is shown in evaluation.

    Args:
        image: RGB picture of any size and shape.
        size: Side of the result, in pixels.
        kind: The augmentation of training, whose way of resizing is kept; ``clip`` resizes before
            it crops, as the published preprocessing does [Q].
    """
    if image.size == (size, size):
        return image
    if kind == "clip":
        return _centre_for_clip(image, size)
    short = min(image.size)
    square = _square(image, (image.width - short) // 2, (image.height - short) // 2, short)
    return _resized(square, size)


def _centre_for_clip(image: Image, size: int) -> Image:
    """The shorter side at ``size``, bicubic, then the centre."""
    short = min(image.size)
    width, height = (size if side == short else int(size * side / short) for side in image.size)
    resized = image.resize((width, height), Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return resized.crop((left, top, left + size, top + size))


def augment_for_dvae(image: Image, size: int, draws: np.random.Generator) -> Image:
    """Square crop anywhere, 9/8 to 12/8 of the size, crop anywhere, flip by chance ([P] listing 1).

    Pictures smaller than that are enlarged as little as possible (our choice).
    """
    short = min(image.size)
    square = _random_square(image, short, draws)
    low, high = (max(size, min(short, round(share * size))) for share in (9 / 8, 12 / 8))
    resized = _resized(square, int(draws.integers(low, high + 1)))
    cropped = _random_square(resized, size, draws)
    return cropped.transpose(Transpose.FLIP_LEFT_RIGHT) if draws.random() < 0.5 else cropped


def augment_for_prior(image: Image, size: int, draws: np.random.Generator) -> Image:
    """Near-centred square, 1 to 9/8 of the size, crop anywhere, no flip ([P] listing 2)."""
    short = min(image.size)
    left, top = (_near_centre(side - short, draws) for side in image.size)
    square = _square(image, left, top, short)
    high = max(size, min(short, round(9 / 8 * size)))
    resized = _resized(square, int(draws.integers(size, high + 1)))
    return _random_square(resized, size, draws)


def augment_for_clip(image: Image, size: int, draws: np.random.Generator) -> Image:
    """Random square crop of the picture whose shorter side is ``size`` ([C] 2.4), bicubic."""
    short = min(image.size)
    return _resized(_random_square(image, short, draws), size, smooth=True)


def _near_centre(slack: int, draws: np.random.Generator) -> int:
    """An offset between 3/8 and 5/8 of the pixels that are left over."""
    low = 3 * slack // 8
    return int(draws.integers(low, max(low + 1, 5 * slack // 8)))


def _random_square(image: Image, side: int, draws: np.random.Generator) -> Image:
    left, top = (int(draws.integers(0, whole - side + 1)) for whole in image.size)
    return _square(image, left, top, side)


def _square(image: Image, left: int, top: int, side: int) -> Image:
    return image.crop((left, top, left + side, top + side))


def _resized(square: Image, size: int, smooth: bool = False) -> Image:
    """Resize by area, or bicubic where asked for and where the picture is enlarged."""
    if square.width == size:
        return square
    way = Resampling.BICUBIC if smooth or size > square.width else Resampling.BOX
    return square.resize((size, size), way)

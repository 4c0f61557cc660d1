"""What of a picture is repainted: regions, the square that goes through the nets, its tokens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from lit_dalle.data.pictures import to_rgb

Bools = NDArray[np.bool_]
SIDES = ("left", "top", "right", "bottom")


class Rectangle(NamedTuple):
    """A rectangle of a picture, in pixels from its upper left corner."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> "Rectangle":
        """Read ``X,Y,W,H``.

        Raises:
            ValueError: These are not four whole numbers.
        """
        try:
            return cls(*map(int, text.split(",")))
        except (ValueError, TypeError):
            raise ValueError(
                f"a rectangle is X,Y,W,H: four whole numbers of pixels, got {text!r}"
            ) from None


def read_upright(path: str | Path) -> Image.Image:
    """Read a picture file as upright RGB of 8 bits: what is edited, and kept byte for byte.

    Palettes, 16 bits, CMYK, grey and transparency (over white) are converted, and EXIF is obeyed.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, or is animated.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"there is no picture {path}")
    try:
        with Image.open(path) as image:
            frames = getattr(image, "n_frames", 1)
            if frames > 1:
                raise ValueError(
                    f"{path} is animated: it has {frames} frames; save the one to edit as PNG"
                )
            return to_rgb(image)
    except UnidentifiedImageError:
        raise ValueError(f"{path} is no picture that can be read: give a PNG or JPEG") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read: {error}; save it anew as PNG or JPEG") from None


def rectangles_mask(rectangles: Iterable[Rectangle], width: int, height: int) -> Bools:
    """Tell which pixels lie in any of some rectangles: ``height width``.

    Raises:
        ValueError: A rectangle is empty or reaches beyond the picture, or there is none.
    """
    mask = np.zeros((height, width), np.bool_)
    for one in rectangles:
        said = f"the rectangle {','.join(map(str, one))}"
        if min(one.width, one.height) < 1:
            raise ValueError(f"{said} is empty: its width and height must be at least 1")
        if min(one.x, one.y) < 0 or one.x + one.width > width or one.y + one.height > height:
            raise ValueError(
                f"{said} (X,Y,W,H) reaches beyond the picture of {width}×{height} pixels"
            )
        mask[one.y : one.y + one.height, one.x : one.x + one.width] = True
    return mask


def read_mask(path: str | Path, width: int, height: int) -> Bools:
    """Read a mask file: white is repainted, black stays; ``height width``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, or is not of the picture's size.
    """
    image = read_upright(path)
    if image.size != (width, height):
        raise ValueError(
            f"the mask {path} is {image.width}×{image.height} pixels, and the picture, upright, "
            f"{width}×{height}: make them alike"
        )
    return np.asarray(image.convert("L")) >= 128


def extended(picture: Image.Image, margins: Mapping[str, int]) -> tuple[Image.Image, Bools]:
    """Lay a picture on a larger canvas.

    Args:
        picture: In RGB.
        margins: Pixels to add by side, some of ``SIDES``.

    Returns:
        The canvas, and its region beyond the picture, ``height width``.

    Raises:
        ValueError: A side is not known or its margin below 1.
    """
    for side, pixels in margins.items():
        if side not in SIDES or pixels < 1:
            raise ValueError(
                f"a picture is extended by at least 1 pixel at its {', '.join(SIDES)}; got "
                f"{side}={pixels}"
            )
    left, top, right, bottom = (margins.get(side, 0) for side in SIDES)
    size = (picture.width + left + right, picture.height + top + bottom)
    canvas = Image.new("RGB", size)
    canvas.paste(picture, (left, top))
    mask = np.ones(size[::-1], np.bool_)
    mask[top : top + picture.height, left : left + picture.width] = False
    return canvas, mask


def check_region(mask: Bools, width: int, height: int) -> None:
    """See that a region is some of a picture, and not all.

    Raises:
        ValueError: It is empty, all of the picture, or of another size.
    """
    if mask.shape != (height, width):
        raise ValueError(
            f"a region is height × width of its picture, {height} × {width}, got "
            f"{' × '.join(map(str, mask.shape))}"
        )
    if not mask.any():
        raise ValueError("the region is empty: there is nothing to repaint")
    if mask.all():
        raise ValueError(
            "the region covers the whole picture, of which nothing would stay: that is "
            "lit-dalle generate"
        )


@dataclass(frozen=True)
class Window:
    """The square that goes through the nets; it may reach beyond the picture."""

    left: int
    """In pixels of the picture; negative where it begins outside."""
    top: int
    side: int

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Cut the square out of a picture ``h w …``; its edge is repeated beyond it."""
        rows = np.arange(self.top, self.top + self.side).clip(0, pixels.shape[0] - 1)
        columns = np.arange(self.left, self.left + self.side).clip(0, pixels.shape[1] - 1)
        return pixels[rows][:, columns]

    def mask_of(self, mask: Bools) -> Bools:
        """Cut the square out of a mask ``h w``; beyond the picture it is False."""
        found = np.zeros((self.side, self.side), np.bool_)
        height, width = mask.shape
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = min(self.top + self.side, height), min(self.left + self.side, width)
        found[top - self.top : bottom - self.top, left - self.left : right - self.left] = mask[
            top:bottom, left:right
        ]
        return found

    def put(self, pixels: NDArray[np.uint8], into: NDArray[np.uint8], where: Bools) -> None:
        """Put pixels of the square, ``side side 3``, into a picture, where its mask says."""
        rows, columns = np.nonzero(where)
        into[rows, columns] = pixels[rows - self.top, columns - self.left]


class TokenMap(NamedTuple):
    """Which image tokens of a window are drawn, and which are known; the others are outside."""

    drawn: Bools
    """Those that hold a pixel of the region, ``grid grid``."""
    known: Bools
    """Those that lie in the picture and hold none."""


def window_of(mask: Bools, image_size: int, grid: int, context: float) -> Window:
    """Choose the smallest square that shows a region and enough around it.

    On each side of the region it shows ``context`` of the region's own width or height, where the
    picture has that; and no fewer pixels than the net reads, where the picture has these, so that
    nothing is magnified. Where there is a choice the grid of tokens meets the region's edges.

    Args:
        mask: The region, ``h w``.
        image_size: Side of the pictures that the nets read.
        grid: Image tokens along that side.
        context: Share of the region's size.
    """
    spans = [_grown(np.asarray(mask.any(axis=axis)), context) for axis in (0, 1)]
    side = max(*(end - start for start, end in spans), min(image_size, *mask.shape))
    (left, top) = (
        _place(np.asarray(mask.any(axis=axis)), span, side, side / grid)
        for axis, span in zip((0, 1), spans, strict=True)
    )
    return Window(left, top, side)


def token_map(window: Window, mask: Bools, grid: int) -> TokenMap:
    """Tell which tokens of a window a region reaches into, and which are known."""
    drawn = any_of_cells(window.mask_of(mask), grid)
    outside = any_of_cells(~window.mask_of(np.ones_like(mask)), grid)
    return TokenMap(drawn, ~drawn & ~outside)


def _grown(there: Bools, context: float) -> tuple[int, int]:
    """First and end of what is there on one axis, grown by its context, within the picture."""
    places = np.flatnonzero(there)
    first, end = int(places[0]), int(places[-1]) + 1
    more = int(np.ceil(context * (end - first)))
    return max(0, first - more), min(len(there), end + more)


def _place(there: Bools, span: tuple[int, int], side: int, cell: float) -> int:
    """Where a square begins on one axis: inside the picture, or all of it inside the square."""
    length = len(there)
    lowest, highest = max(0, span[1] - side), min(span[0], length - side)
    if side >= length:
        return (length - side) // 2
    first = int(np.flatnonzero(there)[0])
    places = np.arange(lowest, highest + 1)
    off = np.abs((first - places) / cell - np.round((first - places) / cell)).round(6)
    far = np.abs(places + side / 2 - sum(span) / 2)
    return int(places[np.lexsort((far, off))[0]])


def any_of_cells(mask: Bools, grid: int) -> Bools:
    """Tell whether any pixel of each cell is set: ``s s`` to ``grid grid``.

    Where ``s`` is no multiple of ``grid``, cells share the pixels at their edges.
    """
    for _ in range(2):
        side = len(mask)
        cells = [mask[n * side // grid : -(-(n + 1) * side // grid)] for n in range(grid)]
        mask = np.stack([cell.any(axis=0) for cell in cells]).T
    return mask

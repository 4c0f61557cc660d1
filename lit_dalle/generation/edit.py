"""Repainting a region of a picture: it fits the words and everything around it.

The prior reads what is known of the picture first and draws the region last, so that each token of
it sees the picture on all sides; that takes a prior of order ``any``. The result is put back where
it came from, at the picture's own size, and nothing outside the region changes by a bit.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange, repeat
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from lit_dalle.generation.blending import Blend, Membrane
from lit_dalle.generation.decode import UNKNOWN
from lit_dalle.generation.pictures import contact_sheet
from lit_dalle.generation.region import (
    Bools,
    TokenMap,
    Window,
    any_of_cells,
    check_region,
    token_map,
    window_of,
)
from lit_dalle.generation.result import Generation, save_pictures

Pixels = NDArray[np.uint8]

EDIT_FACTS = "edit.json"
PIXEL_ERROR = 0.1
"""Standard deviation of a decoded pixel from the real one, out of 1, where all that is known of
its neighbours is that they are alike (our choice)."""
LARGEST_SHOWN = 256
"""Longest side of a picture on a contact sheet."""
SHADE, EDGE = (128, 128, 128), (230, 0, 120)
"""Colours of a region on a contact sheet."""


@dataclass(frozen=True)
class EditTask:
    """A region of a picture, and the square with it as the nets see it."""

    picture: Pixels
    """``h w 3``, upright RGB."""
    region: Bools
    """``h w``: what is repainted."""
    window: Window
    """The square of the picture that goes through the nets."""
    image_size: int
    """Side of the pictures that the nets read."""
    grid: int
    """Image tokens along that side."""

    @classmethod
    def of(
        cls, picture: Image.Image, region: Bools, image_size: int, grid: int, context: float
    ) -> "EditTask":
        """Choose the window of a region.

        Raises:
            ValueError: The region is empty, all of the picture, or of another size.
        """
        check_region(region, *picture.size)
        window = window_of(region, image_size, grid, context)
        return cls(np.asarray(picture.convert("RGB")), region, window, image_size, grid)

    @cached_property
    def tokens(self) -> TokenMap:
        """Which tokens are drawn, and which are known."""
        return token_map(self.window, self.region, self.grid)

    @property
    def order(self) -> Tensor | None:
        """What is known first, then what is drawn, then what lies outside: int64, ``i``."""
        drawn, known = (torch.from_numpy(part.ravel()).byte() for part in self.tokens)
        return (2 - 2 * known - drawn).argsort(stable=True)

    @property
    def shown(self) -> Tensor:
        """The square as the dVAE reads it: float32 in [0, 1], ``1 3 image_size image_size``.

        The region is filled smoothly from its border: what stood there must not show in the tokens
        beside it, or the prior would draw it again.
        """
        filled = Membrane(self._kept)(self._square.astype(np.float32)).round().clip(0, 255)
        pixels = torch.from_numpy(resized(filled.astype(np.uint8), self.image_size).copy())
        return pixels.permute(2, 0, 1)[None] / 255

    def known_image_tokens(self, image_tokens: Tensor) -> Tensor:
        """Leave of the square's tokens, int64 ``1 i``, those that are known; the rest is to draw.

        Those outside the picture are 0: they come behind all that is drawn, and are never read.
        """
        drawn, known = (torch.from_numpy(part.ravel()) for part in self.tokens)
        return torch.where(known, image_tokens.cpu(), 0).masked_fill(drawn, UNKNOWN)

    def evidence(self, code_pictures: Tensor) -> Tensor | None:
        """Log-likelihood of the kept pixels of a cell that is drawn, given each code there.

        A cell that the region's border cuts has pixels that are known and stay. What a code shows
        among its like tells how well it would go with them, up to an error of ``PIXEL_ERROR``.

        Args:
            code_pictures: What each code shows, fp32 ``k 3 f f`` in [0, 1].

        Returns:
            fp32, ``i k`` up to a constant for each position; 0 where no pixel is known. None where
            the region cuts no cell.
        """
        square, kept = (resized(one, self.image_size) for one in (self._square, self._kept))
        side = self.image_size // self.grid
        pixels = torch.from_numpy(square / np.float32(255))
        pixels = rearrange(pixels, "(h y) (w x) c -> (h w) (c y x)", y=side, x=side)
        known = torch.from_numpy(kept & np.kron(self.tokens.drawn, np.ones((side, side), np.bool_)))
        known = repeat(known.float(), "(h y) (w x) -> (h w) (c y x)", y=side, x=side, c=3)
        if not known.any():
            return None
        codes = rearrange(code_pictures.float().cpu(), "k c y x -> k (c y x)")
        # Σ (pixel − code)² over known pixels, but for Σ pixel², which is equal for all codes
        gap = known @ (codes**2).T - 2 * (known * pixels) @ codes.T
        return -gap / (2 * PIXEL_ERROR**2)

    def preview(self, drawn: Tensor) -> Tensor:
        """Put squares as the dVAE decodes them, uint8 ``n 3 s s``, into the square at that size."""
        square, kept = (resized(one, self.image_size) for one in (self._square, self._kept))
        if not kept.any():  # what is kept is too fine to be seen at this size
            return drawn
        blend = Blend(square, kept, self.image_size // self.grid)
        return _as_images(blend(_as_pixels(drawn)))

    def put_back(self, drawn: Tensor) -> list[Image.Image]:
        """Put squares as the dVAE decodes them into the picture, at its own size."""
        grown = np.stack([resized(one, self.window.side) for one in _as_pixels(drawn)])
        squares = Blend(self._square, self._kept, -(-self.window.side // self.grid))(grown)
        pictures = []
        for square in squares:
            whole = self.picture.copy()
            self.window.put(square, whole, self.region)
            pictures.append(Image.fromarray(whole))
        return pictures

    @cached_property
    def _square(self) -> Pixels:
        """The window as it is, ``side side 3``."""
        return self.window.of(self.picture)

    @cached_property
    def _kept(self) -> Bools:
        """The pixels of the window that stay as they are, ``side side``."""
        return self.window.mask_of(~self.region)


@dataclass(frozen=True)
class Edit:
    """Repainted pictures, best first, and all that is needed to make them again."""

    pictures: list[Image.Image]
    """Whole pictures in the original's size, RGB; outside the region they are the original."""
    original: Image.Image
    """The picture, upright, in RGB of 8 bits; where it was extended, on its canvas."""
    region: Bools
    """``h w``: what was repainted."""
    window: Window
    """The square that went through the nets."""
    generation: Generation
    """What was drawn: the windows with the region repainted, with scores and settings."""

    def grid(self, columns: int | None = None) -> Image.Image:
        """Return a contact sheet: the picture with its region outlined, then the results."""
        drawn, settings = self.generation, self.generation.settings
        chosen = f"best by {drawn.ranked_by}" if drawn.parts else "first, unranked,"
        note = f"{len(self.pictures)} {chosen} of {settings.candidates} · seed {settings.seed}"
        labels = [f"{rank} · {score:.3f}" for rank, score in enumerate(drawn.scores or (), start=1)]
        shown = [outlined(self.original, self.region), *self.pictures]
        return contact_sheet(
            [_at_most(one, LARGEST_SHOWN) for one in shown],
            title=drawn.prompt,
            note=note,
            labels=["the region", *labels] if labels else (),
            columns=columns,
        )

    def facts(self) -> dict[str, Any]:
        """Return everything but the pictures, ready for JSON."""
        rows, columns = (np.flatnonzero(self.region.any(axis=axis)) for axis in (1, 0))
        left, top = int(columns[0]), int(rows[0])
        return self.generation.facts() | {
            "region": {
                "picture": list(self.original.size),
                "bounds": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
                "pixels": int(self.region.sum()),
                "window": [self.window.left, self.window.top, self.window.side],
            }
        }

    def save(self, folder: str | Path) -> None:
        """Write ``grid.png``, the pictures ``001.png`` … and ``edit.json`` as one folder.

        It appears whole or not at all; an earlier edit there is replaced.

        Raises:
            ValueError: The folder holds something else.
        """
        save_pictures(folder, EDIT_FACTS, self.pictures, self.grid(), self.facts())


def outlined(picture: Image.Image, region: Bools) -> Image.Image:
    """Show a region on a picture: hatched in grey, with an edge."""
    shown = np.asarray(picture).astype(np.float32)
    shown[region] = 0.5 * shown[region] + 0.5 * np.array(SHADE, np.float32)
    found = Image.fromarray(shown.astype(np.uint8))
    rows, columns = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    bounds = (int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1]))
    if region[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all():
        ImageDraw.Draw(found).rectangle(bounds, outline=EDGE, width=max(1, found.width // 128))
    return found


def resized(square: NDArray[Any], side: int) -> NDArray[Any]:
    """A square picture ``s s 3``, or a mask ``s s``, at another side.

    Of a mask that becomes smaller a pixel is set where all that it shows are.
    """
    if len(square) == side:
        return square
    if square.dtype == np.bool_:
        return ~any_of_cells(~square, side)
    return np.asarray(Image.fromarray(square).resize((side, side), Image.Resampling.LANCZOS))


def _at_most(picture: Image.Image, side: int) -> Image.Image:
    shown = picture.copy()
    shown.thumbnail((side, side))
    return shown


def _as_pixels(images: Tensor) -> Pixels:
    """uint8 ``n 3 h w`` to ``n h w 3``."""
    return np.ascontiguousarray(images.permute(0, 2, 3, 1).cpu().numpy())


def _as_images(pixels: Pixels) -> Tensor:
    """uint8 ``n h w 3`` to ``n 3 h w``."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)

"""Pictures that meet without a seam: smooth surfaces through what is known.

What a dVAE draws beside a kept pixel differs from it by the dVAE's error there, which shows as a
line. The error is known wherever pixels are kept; it is carried on into the region as the smoothest
surface with these values at its border, the solution of Laplace's equation, and added to what was
drawn (Pérez et al. 2003, "Poisson image editing": what is pasted keeps its gradients). That leaves
the gradients across the border as they were drawn, with the dVAE's noise; there they are held to
what the picture does beside it.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import splu

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

EXACT = 1 << 14
"""Unknown pixels up to which the equations are solved at once; more go from coarse to fine."""
SWEEPS = 64
"""Steps of relaxation at each finer size."""
ENDS = (None, -1), (1, None)
"""All but the last of a line, and all but the first."""
NEARBY = 2
"""Pixels: how far from a border the picture tells how much it changes there (our choice)."""


class Membrane:
    """The smoothest surface through known pixels: every other pixel is its neighbours' mean.

    At the picture's edge it is level. Where many pixels are unknown the surface is solved at half
    the size and relaxed.

    Args:
        known: ``h w``; at least one pixel.

    Raises:
        ValueError: Nothing is known.
    """

    def __init__(self, known: Bools) -> None:
        if not known.any():
            raise ValueError("no pixel is known, so there is nothing to carry on")
        self.known, self._unknown = known, ~known
        self._coarse: Membrane | None = None
        if self._unknown.sum() > EXACT:
            self._coarse = Membrane(_summed(known[..., None].astype(np.float32))[..., 0] > 0)
        elif self._unknown.any():
            beside = _neighbours(*known.shape)
            laplacian = sparse.diags(beside.sum(axis=1).A1) - beside
            own, other = self._unknown.ravel(), known.ravel()
            self._solve = splu(laplacian.tocsr()[own][:, own].tocsc()).solve
            self._border = beside[own][:, other]

    def __call__(self, values: Floats) -> Floats:
        """Fill the unknown pixels of ``h w c``, whatever stands there."""
        known = self.known[..., None]
        filled = np.where(known, values, 0).astype(np.float32)
        if not self._unknown.any():
            return filled
        if self._coarse is None:
            sums = self._border @ filled[self.known].astype(np.float64)
            filled[self._unknown] = self._solve(sums)
            return filled
        height, width = self.known.shape
        counts = _summed(known.astype(np.float32))
        coarse = self._coarse((_summed(filled) / np.maximum(counts, 1)).astype(np.float32))
        grown = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
        surface = np.where(known, filled, grown)
        for _ in range(SWEEPS):
            surface = np.where(known, filled, _mean_of_neighbours(surface))
        return surface


class Blend:
    """Puts what was drawn into a picture, so that they meet at the border of what is kept.

    In two steps. The dVAE's error on the kept pixels is carried on into the rest. Then the pixels
    at the border are moved until they differ from the kept ones beside them by no more than these
    differ among themselves nearby in that direction, and the move fades out over a few pixels:
    where a picture is flat nothing shows, and what is textured or crosses the border stays.

    Args:
        picture: What is there, ``h w 3``.
        kept: What of it stays, ``h w``; at least one pixel.
        depth: Pixels over which the second step fades out.

    Raises:
        ValueError: Nothing is kept.
    """

    def __init__(self, picture: NDArray[np.uint8], kept: Bools, depth: int) -> None:
        self.picture, self.kept = picture, kept
        self._membrane = Membrane(kept)
        self._rim = ~kept & ndimage.binary_dilation(kept)
        still = kept | (ndimage.distance_transform_cdt(~kept, "taxicab") > depth)
        self._fading = Membrane(still | self._rim)
        self._most = [_largest_steps(picture, kept, axis) for axis in (0, 1)]

    def __call__(self, drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Blend pictures as the dVAE decodes them, what is kept too: ``n h w 3`` to the same."""
        found = np.repeat(self.picture[None], len(drawn), axis=0)
        for into, one in zip(found, drawn, strict=True):
            values = one + self._membrane(self.picture.astype(np.float32) - one)
            values += self._fading(self._excess(values))
            into[~self.kept] = values[~self.kept].round().clip(0, 255)
        return found

    def _excess(self, values: Floats) -> Floats:
        """What brings each pixel at the border to its kept neighbours, on average; else 0."""
        moves = np.zeros_like(values)
        counts = np.zeros((*self.kept.shape, 1), np.float32)
        for axis in (0, 1):
            for inner, outer in _sides(axis):
                beside = (self._rim[inner] & self.kept[outer])[..., None]
                step, most = values[inner] - values[outer], self._most[axis][outer]
                moves[inner] += np.where(beside, step.clip(-most, most) - step, 0)
                counts[inner] += beside
        return (moves / np.maximum(counts, 1)).astype(np.float32)


def _largest_steps(picture: NDArray[np.uint8], kept: Bools, axis: int) -> Floats:
    """Largest difference of kept pixels that touch along an axis, ``NEARBY`` around: ``h w 3``."""
    levels = picture.astype(np.float32)
    steps = np.zeros_like(levels)
    for inner, outer in _sides(axis):
        both = (kept[inner] & kept[outer])[..., None]
        step = np.where(both, np.abs(levels[inner] - levels[outer]), 0)
        steps[inner] = np.maximum(steps[inner], step)
    side = 2 * NEARBY + 1
    largest = ndimage.maximum_filter(steps, size=(side, side, 1), mode="nearest")
    return np.asarray(largest, np.float32)


def _sides(axis: int) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """For either neighbour of pixels along an axis: all that have it, and these neighbours."""
    pair = [tuple(slice(*ends) if n == axis else slice(None) for n in (0, 1)) for ends in ENDS]
    return [(pair[0], pair[1]), (pair[1], pair[0])]


def _neighbours(height: int, width: int) -> sparse.csr_matrix:
    """Which pixels touch at a side, ``h·w h·w``."""
    upright = sparse.kron(_line(height), sparse.identity(width))
    return (upright + sparse.kron(sparse.identity(height), _line(width))).tocsr()


def _line(length: int) -> sparse.csr_matrix:
    """Which of so many pixels in a line touch, ``length length``."""
    return sparse.csr_matrix(np.eye(length, k=1) + np.eye(length, k=-1))


def _summed(values: Floats) -> Floats:
    """Sums of 2 × 2 pixels: ``h w c`` to half of that, rounded up."""
    height, width = values.shape[:2]
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    sums: Floats = even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2]
    return sums


def _mean_of_neighbours(values: Floats) -> Floats:
    """Mean of the four pixels that touch each; beyond the edge a pixel is its own neighbour."""
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge")
    mean: Floats = (
        padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    ) / np.float32(4)
    return mean

"""Pictures that meet without a seam: smooth surfaces through what is known.

What a dVAE draws beside a kept pixel differs from it by the dVAE's error there, which shows as a
line. The error is known wherever pixels are kept; it is carried on into the region as the smoothest
surface with these values at its border, the solution of Laplace's equation, and added to what was
drawn (Pérez et al. 2003, "Poisson image editing": what is pasted keeps its gradients).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

EXACT = 1 << 14
"""Unknown pixels up to which the equations are solved at once; more go from coarse to fine."""
SWEEPS = 64
"""Steps of relaxation at each finer size."""


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


def blended(
    drawn: NDArray[np.uint8], picture: NDArray[np.uint8], region: Bools, membrane: Membrane
) -> NDArray[np.uint8]:
    """Put what was drawn into a region of a picture, so that they meet at its border.

    Args:
        drawn: Pictures as the dVAE decodes them, the region and all around it, ``n h w 3``.
        picture: What is there, ``h w 3``.
        region: What is repainted, ``h w``; all else is the picture's, byte for byte.
        membrane: Through pixels that are kept.

    Returns:
        ``n h w 3``.
    """
    found = np.repeat(picture[None], len(drawn), axis=0)
    for into, one in zip(found, drawn, strict=True):
        error = membrane(picture.astype(np.float32) - one)
        into[region] = (one[region] + error[region]).round().clip(0, 255)
    return found


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

"""Synthetic shifts: pictures that are spoiled in a way that was not trained on."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional as F

BLUR_SIGMA = 1.5
"""Of the Gaussian, in pixels of a picture of 64×64; wider pictures are blurred in proportion."""
NOISE_STD = 0.15
"""Of the noise on each value, which is in [0, 1]."""
TURN = 30.0
"""Degrees, against the clock."""
_AT = 64


def blurred(images: Tensor) -> Tensor:
    """Gaussian blur of ``b 3 h w``, the border repeated outwards."""
    sigma = BLUR_SIGMA * images.shape[-1] / _AT
    reach = math.ceil(3 * sigma)
    at = torch.arange(-reach, reach + 1, dtype=images.dtype)
    kernel = torch.exp(-(at**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(3, 1, -1)
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    across = F.conv2d(padded, kernel[:, :, None, :], groups=3)
    return F.conv2d(across, kernel[:, :, :, None], groups=3)


def noisy(images: Tensor) -> Tensor:
    """Gaussian noise on ``b 3 h w``, the same for every picture, clamped to [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(images.shape[1:], generator=generator)
    return (images + NOISE_STD * noise).clamp(0, 1)


def turned(images: Tensor) -> Tensor:
    """Turn ``b 3 h w`` about the centre, the border repeated outwards."""
    angle = math.radians(TURN)
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0]]).expand(len(images), 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False).clamp(0, 1)


def inverted(images: Tensor) -> Tensor:
    """Negative of ``b 3 h w`` in [0, 1]."""
    return 1 - images


SHIFTS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"blur": blurred, "noise": noisy, "rotation": turned, "inverted": inverted}
)
"""Name → what is done to pictures ``b 3 h w`` in [0, 1]."""

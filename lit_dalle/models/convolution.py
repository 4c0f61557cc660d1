"""Convolutions whose kernels cover their map, or one pixel of it, as matrix products."""

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F


class Convolution(nn.Conv2d):
    """A 2-D convolution without a bias that keeps the size, or divides it by the stride.

    On CPU the library's kernels are slow on the small maps of a deep network (measured in bf16, 512
    channels, 2×2: 4 % of what a matrix product does). There a 1×1 convolution is computed as one
    product of the pixels, and a 3×3 on a map of up to 2×2, where every state sees all others, as
    one of the maps.

    Args:
        channels: Of the input.
        out: Channels of the output.
        kernel: Side of the kernel, odd.
        stride: Factor by which the side shrinks.
    """

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__(channels, out, kernel, stride, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``b c h w`` to ``b out h/stride w/stride``."""
        if x.device.type != "cpu":
            return super().forward(x)
        if self.kernel_size[0] == 1:
            return self._pointwise(x)
        if self.kernel_size[0] == 3 and self.stride[0] == 1 and max(x.shape[2:]) <= 2:
            return self._all_to_all(x)
        return super().forward(x)

    def _pointwise(self, x: Tensor) -> Tensor:
        step = self.stride[0]
        pixels = x[:, :, ::step, ::step].permute(0, 2, 3, 1)
        return F.linear(pixels, self.weight[:, :, 0, 0]).permute(0, 3, 1, 2)

    def _all_to_all(self, x: Tensor) -> Tensor:
        """The kernel's part that each state of the output lays over the map, side by side."""
        height, width = x.shape[2:]
        parts = [
            self.weight[:, :, 1 - top : 1 - top + height, 1 - left : 1 - left + width]
            for top in range(height)
            for left in range(width)
        ]
        matrix = rearrange(torch.stack(parts), "n out c h w -> (n out) (h w c)")
        flat = F.linear(rearrange(x, "b c h w -> b (h w c)"), matrix)
        return rearrange(flat, "b (h w out) -> b out h w", h=height, w=width)

"""Rotary positions on a grid: scores depend on how far apart two places are, row and column."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

BASE = 100.0
"""Wavelengths go from 2π places to this many times as much: more than any grid is wide."""


class Rotation(NamedTuple):
    """How far each pair of channels is turned at each position, ``b 1 n head_dim/2``."""

    cos: Tensor
    sin: Tensor


def rotation(places: Tensor, head_dim: int, dtype: torch.dtype) -> Rotation:
    """Angles of places on a grid (RoPE, arXiv 2104.09864, on two axes).

    Half of the pairs of channels turn with the row, half with the column.

    Args:
        places: Row and column of each position, ``b n 2``.
        head_dim: Channels of a head, a multiple of 4.
        dtype: Of the queries and keys to turn.
    """
    pairs = head_dim // 4
    shares = torch.arange(pairs, device=places.device) / pairs
    angles = (places.float()[..., None] * BASE**-shares).flatten(-2)[:, None]
    return Rotation(angles.cos().to(dtype), angles.sin().to(dtype))


def rotate(x: Tensor, by: Rotation) -> Tensor:
    """Turn each pair of channels (c, c + head_dim/2) of ``b heads n head_dim`` by its angle."""
    turned: Tensor = _Rotate.apply(x, *by)  # type: ignore[no-untyped-call]
    return turned


class _Rotate(torch.autograd.Function):
    """Written into one tensor, and undone by the opposite angle: half the traffic of autograd's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin, 1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _turned(grad, cos, sin, -1), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor, sign: int) -> Tensor:
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    (a, b), (new_a, new_b) = x.chunk(2, dim=-1), out.chunk(2, dim=-1)
    torch.mul(a, cos, out=new_a).addcmul_(b, sin, value=-sign)
    torch.mul(b, cos, out=new_b).addcmul_(a, sin, value=sign)
    return out

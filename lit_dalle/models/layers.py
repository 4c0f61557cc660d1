"""Transformer parts shared by the prior and CLIP: norms, attention, MLP, block."""

from collections.abc import Callable
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from lit_dalle.functional.attention import attend

Activation = Literal["gelu", "quick_gelu"]
Mix = Callable[[Tensor, Tensor, Tensor], Tensor]
"""How positions are mixed: queries, keys, values ``b heads n head_dim`` → ``b heads n head_dim``.
``attend`` under some pattern, or a cache that adds the keys and values of earlier positions."""


class LayerNorm32(nn.LayerNorm):
    """LayerNorm computed in fp32, in the dtype that the layer behind it reads."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension of ``x`` (any leading shape).

        The CPU's kernel computes in fp32 whatever the dtypes; elsewhere, where input and weights
        differ, the input is converted.

        Returns:
            The input's shape and dtype.
        """
        with torch.autocast(x.device.type, enabled=False):
            same = x if x.device.type == "cpu" else x.to(self.weight.dtype)
            return F.layer_norm(same, self.normalized_shape, self.weight, self.bias, self.eps).to(
                x.dtype
            )


class RMSNorm32(nn.RMSNorm):
    """RMSNorm computed in fp32; the output has the input's dtype."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension of ``x`` (any leading shape)."""
        weight = self.weight.float()
        return F.rms_norm(x.float(), self.normalized_shape, weight, self.eps).to(x.dtype)


class Attention(nn.Module):
    """Multi-head self-attention with one packed projection for queries, keys and values."""

    def __init__(
        self, dim: int, heads: int, head_dim: int | None = None, *, qk_norm: bool = False
    ) -> None:
        super().__init__()
        if head_dim is None and dim % heads:
            raise ValueError(f"dim {dim} does not divide by {heads} heads; give head_dim")
        self.heads = heads
        self.head_dim = head_dim or dim // heads
        self.qkv = nn.Linear(dim, 3 * heads * self.head_dim)
        self.out = nn.Linear(heads * self.head_dim, dim)
        self.q_norm = RMSNorm32(self.head_dim) if qk_norm else nn.Identity()
        self.k_norm = RMSNorm32(self.head_dim) if qk_norm else nn.Identity()

    def forward(self, x: Tensor, mix: Mix = attend) -> Tensor:
        """Mix the positions of ``x``.

        Args:
            x: ``b n dim``.
            mix: Which positions see each other; without it all see all.

        Returns:
            ``b n dim``.
        """
        packed = "b n (three heads head_dim) -> three b heads n head_dim"
        q, k, v = rearrange(self.qkv(x), packed, three=3, heads=self.heads)
        mixed = mix(self.q_norm(q), self.k_norm(k), v)
        return self.out(rearrange(mixed, "b heads n head_dim -> b n (heads head_dim)"))


class MLP(nn.Module):
    """Two linear layers around an activation.

    ``quick_gelu`` is ``x·sigmoid(1.702 x)`` of the released CLIP weights; a mismatch silently
    costs accuracy.
    """

    def __init__(self, dim: int, hidden: int, activation: Activation = "gelu") -> None:
        super().__init__()
        if activation not in ("gelu", "quick_gelu"):
            raise ValueError(f"activation must be gelu or quick_gelu, got {activation}")
        self.activation = activation
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``… dim`` to ``… dim``."""
        hidden = self.up(x)
        if self.activation == "quick_gelu":
            return self.down(hidden * torch.sigmoid(1.702 * hidden))
        return self.down(F.gelu(hidden))


class Block(nn.Module):
    """Pre-LayerNorm transformer block with an MLP four times as wide."""

    def __init__(
        self,
        dim: int,
        heads: int,
        head_dim: int | None = None,
        activation: Activation = "gelu",
        *,
        qk_norm: bool = False,
    ) -> None:
        super().__init__()
        self.attn_norm = LayerNorm32(dim)
        self.attn = Attention(dim, heads, head_dim, qk_norm=qk_norm)
        self.mlp_norm = LayerNorm32(dim)
        self.mlp = MLP(dim, 4 * dim, activation)

    def forward(self, x: Tensor, mix: Mix = attend) -> Tensor:
        """Map ``b n dim`` to ``b n dim``; ``mix`` as in :class:`Attention`."""
        x = x + self.attn(self.attn_norm(x), mix)
        return x + self.mlp(self.mlp_norm(x))

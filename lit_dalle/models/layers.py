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
        settings = (self.normalized_shape, self.weight, self.bias, self.eps)
        if x.device.type == "cpu" and self.weight.dtype in (x.dtype, torch.float32):
            return F.layer_norm(x, *settings)
        with torch.autocast(x.device.type, enabled=False):
            return F.layer_norm(x.to(self.weight.dtype), *settings).to(x.dtype)


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
        self.q_norm = LayerNorm32(self.head_dim, bias=False) if qk_norm else nn.Identity()
        self.k_norm = LayerNorm32(self.head_dim, bias=False) if qk_norm else nn.Identity()

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

    def read(self, x: Tensor, positions: Tensor, seen: Tensor | None = None) -> Tensor:
        """Mix the positions of ``x`` into one of each row, as :meth:`forward` does.

        Keys and values are never made: what is linear in the states is applied to the one query
        and to the mixed states instead. The keys' bias falls out, since it adds the same to all
        scores of a query.

        Args:
            x: ``b n dim``.
            positions: int64, ``b``: the one of each row.
            seen: Which positions it sees, bool ``b n``; without it all.

        Returns:
            ``b dim``.

        Raises:
            ValueError: The keys are normalised, and so not linear in the states.
        """
        if not isinstance(self.k_norm, nn.Identity):
            raise ValueError("attention with qk_norm cannot read one position: use forward")
        by_head = "(three heads head_dim) ... -> three heads head_dim ..."
        of_q, of_k, of_v = rearrange(self.qkv.weight, by_head, three=3, heads=self.heads)
        q_bias, _, v_bias = rearrange(self.qkv.bias, by_head, three=3, heads=self.heads)
        q = torch.einsum("b e, h d e -> b h d", take(x, positions), of_q) + q_bias
        scores = torch.einsum("b h d, h d e -> b h e", q, of_k) @ x.mT
        scores = scores.float() * self.head_dim**-0.5
        if seen is not None:
            scores = scores.masked_fill(~seen[:, None], -torch.inf)
        mixed = scores.softmax(dim=-1).to(x.dtype) @ x
        v = torch.einsum("b h e, h d e -> b h d", mixed, of_v) + v_bias
        return self.out(v.flatten(1))


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
            return self.down(F.silu(1.702 * hidden) / 1.702)
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

    def read(self, x: Tensor, positions: Tensor, seen: Tensor | None = None) -> Tensor:
        """Output at one position of each row, ``b dim``, far cheaper than those of all.

        A net that reads a single position has no use for the others of its last block. Arguments
        as in :meth:`Attention.read`.
        """
        own = take(x, positions) + self.attn.read(self.attn_norm(x), positions, seen)
        return own + self.mlp(self.mlp_norm(own))


def take(x: Tensor, positions: Tensor) -> Tensor:
    """Take one position of each row: ``b n dim`` and int64 ``b`` to ``b dim``."""
    return x[torch.arange(len(x), device=x.device), positions]

"""Transformer parts shared by the prior and CLIP: norms, attention with a cache, MLP, block."""

from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from lit_dalle.functional.attention import attend

Activation = Literal["gelu", "quick_gelu"]


class LayerNorm32(nn.LayerNorm):
    """LayerNorm computed in fp32; the output has the input's dtype."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension of ``x`` (any leading shape)."""
        weight, bias = self.weight.float(), self.bias.float()
        return F.layer_norm(x.float(), self.normalized_shape, weight, bias, self.eps).to(x.dtype)


class RMSNorm32(nn.RMSNorm):
    """RMSNorm computed in fp32; the output has the input's dtype."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension of ``x`` (any leading shape)."""
        weight = self.weight.float()
        return F.rms_norm(x.float(), self.normalized_shape, weight, self.eps).to(x.dtype)


class Linear32(nn.Linear):
    """Linear layer computed in fp32 whatever the input and the autocast state: for logits."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``… in`` of any dtype to fp32 ``… out``."""
        with torch.autocast(x.device.type, enabled=False):
            bias = None if self.bias is None else self.bias.float()
            return F.linear(x.float(), self.weight.float(), bias)


class KVCache(nn.Module):
    """Keys and values of one attention layer for the positions seen so far, allocated once.

    It is made by whoever decodes and handed to each call; the layers hold no state. ``filled``
    counts the positions written.
    """

    k: Tensor
    v: Tensor

    def __init__(
        self,
        batch: int,
        heads: int,
        length: int,
        head_dim: int,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        super().__init__()
        shape = (batch, heads, length, head_dim)
        self.register_buffer("k", torch.zeros(shape, dtype=dtype, device=device), persistent=False)
        self.register_buffer("v", torch.zeros(shape, dtype=dtype, device=device), persistent=False)
        self.filled = 0

    def append(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Write ``b heads n head_dim`` behind what is there; return all keys and values so far.

        Raises:
            ValueError: There is no room for n more positions.
        """
        end = self.filled + k.shape[2]
        if end > self.k.shape[2]:
            raise ValueError(f"the cache holds {self.k.shape[2]} positions, {end} are needed")
        self.k[:, :, self.filled : end] = k
        self.v[:, :, self.filled : end] = v
        self.filled = end
        return self.k[:, :, :end], self.v[:, :, :end]

    def repeat(self, copies: int) -> "KVCache":
        """Return a cache of the same length that holds every row ``copies`` times in succession."""
        batch, heads, length, head_dim = self.k.shape
        shape = (batch * copies, heads, length, head_dim)
        other = KVCache(*shape, dtype=self.k.dtype, device=self.k.device)
        k, v = self.k[:, :, : self.filled], self.v[:, :, : self.filled]
        other.append(k.repeat_interleave(copies, dim=0), v.repeat_interleave(copies, dim=0))
        return other


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

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        causal: bool = False,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Mix the positions of ``x``.

        Args:
            x: ``b n dim``. With a cache, the n positions behind those in the cache.
            mask: Bool ``n m``, True = visible; m = n, or with a cache all positions so far.
            causal: Each position sees itself and those before (without mask; n = m).
            cache: Where keys and values are kept; x's own are appended.

        Returns:
            ``b n dim``.
        """
        packed = "b n (three heads head_dim) -> three b heads n head_dim"
        q, k, v = rearrange(self.qkv(x), packed, three=3, heads=self.heads)
        q, k = self.q_norm(q), self.k_norm(k)
        if cache is not None:
            k, v = cache.append(k, v)
        mixed = attend(q, k, v, mask, causal=causal)
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

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        causal: bool = False,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Map ``b n dim`` to ``b n dim``; arguments as in :class:`Attention`."""
        x = x + self.attn(self.attn_norm(x), mask, causal, cache)
        return x + self.mlp(self.mlp_norm(x))

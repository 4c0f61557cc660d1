"""The one attention call of all nets, and the prior's masks computed from the grid's geometry.

The image tokens of a ``grid × grid`` picture stand in raster order behind ``text_len`` text tokens.
A mask is bool, ``n n`` with ``n = text_len + grid²``; ``mask[query, key]`` is True where the key is
visible. Text is causal, every image token sees all text, and the masks differ in which image tokens
an image token sees ([P] 2.2 and appendix B, Fig. 11).
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def attend(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, *, causal: bool = False
) -> Tensor:
    """Scaled dot-product attention: ``softmax(q kᵀ / √head_dim) v`` over the visible keys.

    Args:
        q: Queries, ``b heads n head_dim``.
        k: Keys, ``b heads m head_dim``.
        v: Values, ``b heads m head_dim``.
        mask: Bool, broadcastable to ``b heads n m``, True = visible; every query needs a visible
            key. None: all keys are visible.
        causal: Query p sees keys 0 … p (needs n = m). Excludes a mask.

    Returns:
        ``b heads n head_dim`` in the dtype of ``v``.

    Raises:
        ValueError: Mask and ``causal`` are both given, or ``causal`` with n ≠ m.
    """
    if causal and mask is not None:
        raise ValueError("attend takes a mask or causal=True, not both")
    if causal and q.shape[-2] != k.shape[-2]:
        raise ValueError(
            f"causal attention needs as many queries as keys, got {q.shape[-2]} and {k.shape[-2]}"
        )
    if q.device.type == "cpu" and q.requires_grad:
        return _explicit_attention(q, k, v, causal_mask(q.shape[-2]) if causal else mask)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)


def _explicit_attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """The same as plain products: in training on a CPU faster than the fused kernel's backward."""
    scores = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(dim=-1).to(v.dtype) @ v


def causal_mask(n: int, device: torch.device | None = None) -> Tensor:
    """Mask in which every position sees itself and all before it: bool, ``n n``."""
    return torch.ones(n, n, dtype=torch.bool, device=device).tril()


def row_mask(text_len: int, grid: int, device: torch.device | None = None) -> Tensor:
    """Mask of a row layer: the last ``grid + 1`` image tokens in raster order, itself included.

    The window wraps over the row's end and reaches the token straight above ([P] B; 33 tokens on
    the 32-wide grid).
    """
    query, key = _image_pairs(grid, device)
    return _with_text(text_len, (key <= query) & (query - key <= grid))


def column_mask(text_len: int, grid: int, device: torch.device | None = None) -> Tensor:
    """Mask of a column layer: the own column's tokens down to the own row ([P] B)."""
    query, key = _image_pairs(grid, device)
    return _with_text(text_len, (key <= query) & ((query - key) % grid == 0))


def convolutional_mask(
    text_len: int, grid: int, kernel: int = 11, device: torch.device | None = None
) -> Tensor:
    """Mask of the convolutional layer: a centred ``kernel × kernel`` window, made causal.

    It holds ``kernel // 2`` rows above and the own row up to itself (at most 61 keys for 11×11).
    Sideways it wraps over the row's ends as the row mask does ([P] B, Fig. 11d).

    Raises:
        ValueError: The kernel is even or not positive.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"a convolutional mask needs an odd kernel, got {kernel}")
    query, key = _image_pairs(grid, device)
    half = kernel // 2
    rows_up = torch.arange(half + 1, device=device)
    centres = query.unsqueeze(-1) - rows_up * grid
    near = ((key.unsqueeze(-1) - centres).abs() <= half).any(-1)
    return _with_text(text_len, near & (key <= query))


def _image_pairs(grid: int, device: torch.device | None) -> tuple[Tensor, Tensor]:
    """Raster positions of the query ``i 1`` and of the key ``1 i``."""
    positions = torch.arange(grid * grid, device=device)
    return positions[:, None], positions[None, :]


def _with_text(text_len: int, image: Tensor) -> Tensor:
    """Put the causal text part in front of an image mask ``i i``."""
    mask = causal_mask(text_len + image.shape[0], image.device)
    mask[text_len:, text_len:] = image
    return mask

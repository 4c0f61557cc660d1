"""The sparse patterns on CUDA: FlexAttention compiles one kernel that skips the hidden blocks."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from lit_dalle.functional.masks import AttentionPattern


def attend_flex(q: Tensor, k: Tensor, v: Tensor, pattern: AttentionPattern) -> Tensor:
    """Attention under a pattern by FlexAttention, compiled on CUDA.

    Args:
        q: Queries, ``b heads n head_dim``.
        k: Keys, the same shape.
        v: Values, the same shape.
        pattern: What a position sees.

    Returns:
        ``b heads n head_dim``.
    """
    kernel = _kernel(compiled=q.is_cuda)
    mixed: Tensor = kernel(q, k, v, block_mask=block_mask(pattern, q.shape[2], q.device))
    return mixed


@lru_cache(maxsize=16)
def block_mask(pattern: AttentionPattern, n: int, device: torch.device) -> BlockMask:
    """Return the blocks of an ``n n`` mask that are seen in whole or in part."""

    def visible(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return pattern.sees(query, key)

    with torch.inference_mode(False):
        return create_block_mask(visible, None, None, n, n, device=device)


@lru_cache(maxsize=2)
def _kernel(compiled: bool) -> Callable[..., Any]:
    kernel: Any = flex_attention
    return torch.compile(kernel, dynamic=False) if compiled else kernel

"""The one attention call of all nets, and the merge that lets candidates share a prefix."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lit_dalle.functional.flex import attend_flex
from lit_dalle.functional.masks import CAUSAL, FULL, AttentionPattern
from lit_dalle.functional.products import attend_in_parts, computed_share

WORTHWHILE = 0.2
"""Without gradients on a CPU, parts beat the fused kernel below this share of the dense mask."""


def attend(q: Tensor, k: Tensor, v: Tensor, pattern: AttentionPattern = FULL) -> Tensor:
    """Scaled dot-product attention, ``softmax(q kᵀ / √head_dim) v`` over the visible keys.

    It takes whichever way ``benchmarks/throughput.py --only attention`` found the fastest: in
    training on a CPU a few plain products (the fused kernel's backward in bf16 is 2-10 times
    slower), for the sparse patterns on CUDA FlexAttention, else PyTorch's fused kernel.

    Args:
        q: Queries, ``b heads n head_dim``.
        k: Keys, ``b heads m head_dim``; m = n unless the pattern is ``full``.
        v: Values, ``b heads m head_dim``.
        pattern: What a position sees.

    Returns:
        ``b heads n head_dim`` in the dtype of ``v``.

    Raises:
        ValueError: n and m differ under a pattern that is not ``full``.
    """
    n, m = q.shape[2], k.shape[2]
    if pattern.kind != "full" and n != m:
        raise ValueError(f"{pattern.kind} attention needs as many queries as keys, got {n} and {m}")
    if q.device.type == "cpu" and _takes_products(q, pattern, n):
        return attend_in_parts(q, k, v, pattern)
    if pattern.sparse and n > pattern.text_len:
        if q.is_cuda:
            return attend_flex(q, k, v, pattern)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=pattern.mask(n, q.device))
    return F.scaled_dot_product_attention(q, k, v, is_causal=pattern.kind != "full")


def attend_causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention in which each position sees itself and those before; see :func:`attend`."""
    return attend(q, k, v, CAUSAL)


def attend_shared(
    q: Tensor,
    shared: tuple[Tensor, Tensor],
    own: tuple[Tensor, Tensor],
    own_mask: Tensor | None = None,
) -> Tensor:
    """Attention of one query a candidate over a prefix it shares and keys of its own.

    The shared part is one matrix product for all candidates of a prompt (Hydragen, arXiv
    2402.05099); the two softmaxes are merged exactly, by their log-sum-exps.

    Args:
        q: Queries, ``b heads 1 head_dim``; the candidates of one prompt are rows in succession.
        shared: Keys and values of the prefixes, each ``prompts heads s head_dim``.
        own: Keys and values of the candidates, each ``b heads m head_dim``.
        own_mask: bool ``m``, True where the own key is visible; None: all are.

    Returns:
        ``b heads 1 head_dim``.
    """
    prompts = len(shared[0])
    together = q.view(prompts, -1, q.shape[1], q.shape[3]).transpose(1, 2)
    of_prefix, prefix_lse = _attend_lse(together, *shared)
    of_own, own_lse = _attend_lse(q, *own, own_mask)
    of_prefix, prefix_lse = (x.transpose(1, 2).flatten(0, 1) for x in (of_prefix, prefix_lse))
    weight = torch.sigmoid(prefix_lse.unsqueeze(-1) - own_lse).unsqueeze(-1)
    return torch.lerp(of_own, of_prefix.unsqueeze(2), weight.to(q.dtype))


def _attend_lse(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Attention over the visible keys and the log-sum-exp of its scores: ``b heads n``, fp32."""
    bias = None
    if mask is not None:
        bias = q.new_zeros(1, 1, 1, len(mask)).masked_fill_(~mask.to(q.device), -torch.inf)
    if q.device.type == "cpu":
        fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        mixed, lse = fused(q, k, v, attn_mask=bias)
        return mixed, lse.float()
    scores = (q @ k.mT).float() * q.shape[-1] ** -0.5
    scores = scores if bias is None else scores + bias
    lse = scores.logsumexp(dim=-1)
    return (scores - lse.unsqueeze(-1)).exp().to(v.dtype) @ v, lse


def _takes_products(q: Tensor, pattern: AttentionPattern, n: int) -> bool:
    if q.requires_grad and torch.is_grad_enabled():
        return True
    return pattern.sparse and computed_share(pattern, n) <= WORTHWHILE

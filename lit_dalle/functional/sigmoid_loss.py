"""The sigmoid loss of CLIP (SigLIP, arXiv 2303.15343): each pair of the batch is a question."""

import math
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional as F

from lit_dalle.functional.chunks import CHUNK_LOGITS, row_chunks
from lit_dalle.functional.contrastive import Negatives
from lit_dalle.functional.processes import all_gather, gather_rows, world_size

INITIAL_SCALE, INITIAL_BIAS = math.log(10), -10.0
"""logit_scale (in log space) and bias where training starts (there, section 3)."""


def sigmoid_loss(
    image_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor,
    logit_bias: Tensor,
    group_ids: Tensor | None = None,
    *,
    gather: bool = True,
) -> Tensor:
    """Binary cross-entropy of "do they belong together?" over all pairs of pictures and texts.

    In a process group, this process' pictures are scored against the texts of all processes, and
    gradients flow back to where a feature was made; the mean of the processes' losses is the loss
    of the whole batch. A chunk of rows is scored at a time, in fp32, and its gradients are computed
    with it.

    Args:
        image_features: ``b e``, unit norm; the same b in every process.
        text_features: ``b e``, unit norm; row p belongs to picture p.
        logit_scale: Scalar in log space.
        logit_bias: Scalar, added to the scaled cosines.
        group_ids: int64, ``b``. Pairs of one group are no question, but for a row's own.
        gather: False scores against this process' own texts only.

    Returns:
        Scalar in nats: sum over a picture's pairs, mean over pictures.
        :func:`sigmoid_chance_level` is its value for features that say nothing.
    """
    texts, groups, first = text_features, group_ids, 0
    if gather and world_size() > 1:
        texts = gather_rows(text_features)
        groups = None if group_ids is None else all_gather(group_ids)
        first = dist.get_rank() * len(image_features)
    negatives = Negatives(group_ids, groups, first)
    loss: Tensor = _PairLoss.apply(  # type: ignore[no-untyped-call]
        image_features, texts, logit_scale, logit_bias, negatives
    )
    return loss


def sigmoid_chance_level(rows: int) -> float:
    """Loss in nats of features that say nothing, at the bias that suits ``rows`` pairs best."""
    if rows < 2:
        return 0.0
    return rows * math.log(rows / (rows - 1)) + math.log(rows - 1)


class _PairLoss(torch.autograd.Function):
    """Binary cross-entropy of rows ``b e`` with columns ``n e``, mean over rows."""

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        columns: Tensor,
        logit_scale: Tensor,
        logit_bias: Tensor,
        negatives: Negatives,
    ) -> Tensor:
        with torch.autocast(rows.device.type, enabled=False):
            scaled, wide = rows.float() * logit_scale.float().exp(), columns.float()
            losses = scaled.new_empty(len(rows))
            grad_scaled, grad_columns = torch.empty_like(scaled), torch.zeros_like(wide)
            grad_bias = scaled.new_zeros(())
            for part in row_chunks(len(rows), max(1, CHUNK_LOGITS // len(columns))):
                pairs = negatives.pairs(part, rows.device)
                logits = scaled[part] @ wide.T + logit_bias.float()
                negatives.hide_(logits, part, pairs)
                # softplus(-x) of the own pair is softplus(x) - x, so one sum serves both sorts.
                losses[part] = F.softplus(logits).sum(dim=1) - logits.gather(1, pairs)[:, 0]
                grad = logits.sigmoid_().scatter_add_(1, pairs, logits.new_full(pairs.shape, -1))
                grad_scaled[part] = grad @ wide
                grad_columns.addmm_(grad.T, scaled[part])
                grad_bias += grad.sum()
        grads = (grad_scaled, grad_columns, grad_bias)
        ctx.save_for_backward(rows, logit_scale, *(grad / len(rows) for grad in grads))
        ctx.dtypes = rows.dtype, columns.dtype, logit_scale.dtype, logit_bias.dtype
        return losses.mean()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        rows, logit_scale, grad_scaled, grad_columns, grad_bias = ctx.saved_tensors
        grad_rows = grad * logit_scale.float().exp() * grad_scaled
        grad_scale = (grad_rows * rows).sum()  # the logarithm's: it multiplies all rows
        grads = (grad_rows, grad * grad_columns, grad_scale, grad * grad_bias)
        of_rows, of_columns, of_scale, of_bias = (
            each.to(dtype) for each, dtype in zip(grads, ctx.dtypes, strict=True)
        )
        return of_rows, of_columns, of_scale, of_bias, None

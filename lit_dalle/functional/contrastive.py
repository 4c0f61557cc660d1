"""CLIP's training loss, exact across processes: each one scores its rows against all features."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch import distributed as dist

from lit_dalle.functional.chunks import CHUNK_LOGITS, cross_entropy_, row_chunks
from lit_dalle.functional.processes import all_gather, gather_rows, world_size
from lit_dalle.functional.similarity import cosine_scores

MAX_LOGIT_SCALE = math.log(100)
"""Upper bound of logit_scale, in log space ([C] 2.5)."""


def contrastive_loss(
    image_features: Tensor,
    text_features: Tensor,
    logit_scale: Tensor,
    group_ids: Tensor | None = None,
    *,
    gather: bool = True,
) -> Tensor:
    """Symmetric InfoNCE ([C] 2.3): each picture finds its text in the batch, each text its picture.

    In a process group, this process' rows are scored against the rows of all processes, and
    gradients flow back to where a feature was made. The mean of the processes' losses is the loss
    of the whole batch, and so are the gradients which DDP averages, that of ``logit_scale``
    included.

    A chunk of rows is scored at a time, and the gradients are computed with the loss, while its
    logits are at hand: the ``b n`` of a large batch never exist at once. All is computed in fp32.

    Args:
        image_features: ``b e``, unit norm; the same b in every process.
        text_features: ``b e``, unit norm; row p belongs to picture p.
        logit_scale: Scalar in log space.
        group_ids: int64, ``b``. Rows of one group (a caption that occurs twice) are not negatives
            of each other; a row's own pair always counts.
        gather: False scores against this process' own rows only.

    Returns:
        Scalar in nats: mean over rows and both directions. :func:`chance_level` is its value for
        features that say nothing.
    """
    all_images, all_texts, first = image_features, text_features, 0
    all_groups = group_ids
    if gather and world_size() > 1:
        all_images, all_texts = gather_rows(image_features), gather_rows(text_features)
        all_groups = None if group_ids is None else all_gather(group_ids)
        first = dist.get_rank() * len(image_features)
    negatives = Negatives(group_ids, all_groups, first)
    losses: list[Tensor] = [
        _RowLoss.apply(rows, columns, logit_scale, negatives)  # type: ignore[no-untyped-call]
        for rows, columns in ((image_features, all_texts), (text_features, all_images))
    ]
    return (losses[0] + losses[1]) / 2


def chance_level(rows: int) -> float:
    """Loss in nats of features that say nothing about each other, for a batch of ``rows`` pairs."""
    return math.log(rows)


def matches(
    image_features: Tensor, text_features: Tensor, group_ids: Tensor | None = None
) -> Tensor:
    """Tell for each picture whether the text nearest to it is its own or one of its group.

    Args:
        image_features: ``b e``, unit norm.
        text_features: ``b e``, unit norm; row p belongs to picture p.
        group_ids: int64, ``b``.

    Returns:
        bool, ``b``.
    """
    nearest = cosine_scores(image_features, text_features).argmax(dim=1)
    rows = torch.arange(len(nearest), device=nearest.device) if group_ids is None else group_ids
    return rows[nearest] == rows


class Negatives(NamedTuple):
    """Which columns are the rows' own pairs, and which are left out."""

    row_groups: Tensor | None
    """int64, ``b``."""
    column_groups: Tensor | None
    """int64, ``n``."""
    first: int
    """Column of the first row's pair; the others follow."""

    def pairs(self, part: slice, device: torch.device) -> Tensor:
        """Columns of some rows' own pairs: int64, ``rows 1``."""
        return torch.arange(self.first + part.start, self.first + part.stop, device=device)[:, None]

    def hide_(self, logits: Tensor, part: slice, pairs: Tensor) -> None:
        """Leave out of ``rows n`` those of the row's group, but not the row's own pair."""
        if self.row_groups is not None and self.column_groups is not None:
            same = self.row_groups[part, None] == self.column_groups
            logits.masked_fill_(same.scatter_(1, pairs, False), -math.inf)


class _RowLoss(torch.autograd.Function):
    """Cross-entropy of rows ``b e`` over columns ``n e``, mean over rows."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, columns: Tensor, logit_scale: Tensor, negatives: Negatives
    ) -> Tensor:
        with torch.autocast(rows.device.type, enabled=False):
            scaled, wide = rows.float() * logit_scale.float().exp(), columns.float()
            losses = scaled.new_empty(len(rows))
            grad_scaled, grad_columns = torch.empty_like(scaled), torch.zeros_like(wide)
            size = max(1, CHUNK_LOGITS // len(columns))
            scratch = scaled.new_empty(min(size, len(rows)), len(columns))
            for part in row_chunks(len(rows), size):
                pairs = negatives.pairs(part, rows.device)
                logits = torch.mm(scaled[part], wide.T, out=scratch[: len(pairs)])
                negatives.hide_(logits, part, pairs)
                losses[part] = cross_entropy_(logits, pairs)
                if any(ctx.needs_input_grad):
                    grad = logits.scatter_add_(1, pairs, logits.new_full(pairs.shape, -1))
                    torch.mm(grad, wide, out=grad_scaled[part])
                    grad_columns.addmm_(grad.T, scaled[part])
        ctx.save_for_backward(rows, logit_scale, grad_scaled / len(rows), grad_columns / len(rows))
        ctx.dtypes = rows.dtype, columns.dtype, logit_scale.dtype
        return losses.mean()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        rows, logit_scale, grad_scaled, grad_columns = ctx.saved_tensors
        grad_rows = grad * logit_scale.float().exp() * grad_scaled
        grad_scale = (grad_rows * rows).sum()  # the logarithm's: it multiplies all rows
        grads = (grad_rows, grad * grad_columns, grad_scale)
        of_rows, of_columns, of_scale = (
            each.to(dtype) for each, dtype in zip(grads, ctx.dtypes, strict=True)
        )
        return of_rows, of_columns, of_scale, None

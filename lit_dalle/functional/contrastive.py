"""CLIP's training loss, exact across processes: each one scores its rows against all features."""

import math

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional as F

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
    all_images, all_texts, own = image_features, text_features, 0
    all_groups = group_ids
    if gather and world_size() > 1:
        all_images, all_texts = gather_rows(image_features), gather_rows(text_features)
        all_groups = None if group_ids is None else all_gather(group_ids)
        own = dist.get_rank() * len(image_features)
    targets = torch.arange(own, own + len(image_features), device=image_features.device)
    hidden = _same_group(group_ids, all_groups, targets)
    directions = ((image_features, all_texts), (text_features, all_images))
    losses = [
        F.cross_entropy(_logits(rows, columns, logit_scale, hidden), targets)
        for rows, columns in directions
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


def _logits(rows: Tensor, columns: Tensor, logit_scale: Tensor, hidden: Tensor | None) -> Tensor:
    logits = logit_scale.float().exp() * cosine_scores(rows, columns)
    return logits if hidden is None else logits.masked_fill(hidden, -math.inf)


def _same_group(own: Tensor | None, everyone: Tensor | None, targets: Tensor) -> Tensor | None:
    """Columns to leave out, ``b n``: those of the row's group, but not the row's own pair."""
    if own is None or everyone is None:
        return None
    same = own[:, None] == everyone[None, :]
    return same.scatter(1, targets[:, None], False)

"""Scores between pictures and texts: cosines, ranking, the mean of several templates' features."""

import torch
from torch import Tensor
from torch.nn import functional as F


def normalise(features: Tensor) -> Tensor:
    """Scale the last dimension to unit norm, in fp32."""
    return F.normalize(features.float(), dim=-1)


def cosine_scores(image_features: Tensor, text_features: Tensor) -> Tensor:
    """Cosine of every picture with every text, in fp32 also under autocast.

    Args:
        image_features: ``… n e``, unit norm.
        text_features: ``… m e``, unit norm.

    Returns:
        ``… n m`` in [-1, 1].
    """
    with torch.autocast(image_features.device.type, enabled=False):
        return image_features.float() @ text_features.float().mT


def paired_cosines(image_features: Tensor, text_features: Tensor) -> Tensor:
    """Cosine of each picture with its own text: ``… n e`` and ``… n e`` to ``… n``, in fp32."""
    return (image_features.float() * text_features.float()).sum(-1)


def rank(scores: Tensor, keep: int | None = None) -> Tensor:
    """Indices of the best ``keep`` (None: all) of the last dimension, best first.

    Equal scores keep their order, so that a ranking does not depend on the device.

    Raises:
        ValueError: ``keep`` is not in 1 … number of scores.
    """
    count = scores.shape[-1]
    if keep is not None and not 1 <= keep <= count:
        raise ValueError(f"cannot keep {keep} of {count} candidates")
    return scores.argsort(dim=-1, descending=True, stable=True)[..., :keep]


def mean_feature(features: Tensor) -> Tensor:
    """One feature for several descriptions of a thing: normalise, mean, normalise ([C] 3.1.4).

    Args:
        features: ``… n e``, one row a description; any norm.

    Returns:
        ``… e``, fp32, unit norm.
    """
    return normalise(normalise(features).mean(dim=-2))

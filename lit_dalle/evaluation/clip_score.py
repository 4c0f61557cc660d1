"""CLIP score: how well pictures fit their captions, as a torchmetrics metric."""

from typing import Protocol

import torch
from torch import Tensor
from torchmetrics import Metric

from lit_dalle.functional.similarity import normalise, paired_cosines


class ImageTextEncoder(Protocol):
    """What the score needs of a CLIP; features need not be of unit norm."""

    def encode_image(self, images: Tensor) -> Tensor:
        """Map ``b 3 h w`` in [0, 1] to ``b e``."""
        ...

    def encode_text(self, text_tokens: Tensor) -> Tensor:
        """Map int64 ``b t`` to ``b e``."""
        ...


class ClipScore(Metric):
    """Mean of 100·max(cosine, 0) over pairs (Hessel et al. 2021, in torchmetrics' scaling).

    The encoder, where it is a module, is part of the metric: keep the metric in a callback or a
    script, not in a LightningModule, whose checkpoint would then hold a CLIP.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    total: Tensor
    pairs: Tensor

    def __init__(self, encoder: ImageTextEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("pairs", torch.tensor(0), dist_reduce_fx="sum")

    @torch.no_grad()
    def update(self, images: Tensor, text_tokens: Tensor) -> None:
        """Add pairs.

        Args:
            images: ``b 3 h w`` in [0, 1].
            text_tokens: int64, ``b t``; row p is the caption of picture p. One row stands for all.

        Raises:
            ValueError: The counts of pictures and captions differ.
        """
        if len(text_tokens) not in (1, len(images)):
            raise ValueError(f"{len(images)} pictures but {len(text_tokens)} captions")
        image_features = normalise(self.encoder.encode_image(images))
        text_features = normalise(self.encoder.encode_text(text_tokens))
        scores = 100 * paired_cosines(image_features, text_features).clamp(min=0)
        self.total += scores.sum()
        self.pairs += len(images)

    def compute(self) -> Tensor:
        """Mean over all pairs, in [0, 100]."""
        return self.total / self.pairs

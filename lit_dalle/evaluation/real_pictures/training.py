"""The training pictures: what retrieval finds, and what samples may be copies of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_dalle.evaluation.composition.painter import Features, Painter, Pixels, to_images
from lit_dalle.evaluation.real_pictures.judge import BATCH, Judge
from lit_dalle.evaluation.real_pictures.subjects import CaptionedSplit, Subject
from lit_dalle.functional.losses import psnr

COPY_PSNR = 30.0
"""A picture this near to a training picture (dB) is a copy of it."""


@dataclass(frozen=True)
class TrainingPictures:
    """Training pictures as the pipeline's CLIP and the judge see them; kept are only features."""

    split: CaptionedSplit
    subjects: Sequence[Subject]
    own_features: Tensor
    """By the pipeline's CLIP, ``rows e``, unit norm."""
    judged_features: Tensor
    """By the judge, ``rows e``, unit norm."""

    def retrieved(self, text_features: Features, size: int) -> Pixels:
        """The picture that the pipeline's CLIP finds nearest to each text, ``n size size 3``."""
        rows = (torch.from_numpy(text_features) @ self.own_features.T).argmax(dim=1)
        return self.pictures(rows, size)

    def nearest(self, judged_features: Tensor) -> tuple[NDArray[np.float64], Tensor]:
        """Cosine with the nearest in the judge's eyes, and its row: each ``n``."""
        similarity, rows = (judged_features @ self.judged_features.T).max(dim=1)
        return similarity.double().numpy(), rows

    def pictures(self, rows: Tensor, size: int) -> Pixels:
        """Pictures of rows int64 ``n``, ``n size size 3``."""
        return self.split.pictures([self.subjects[int(row)] for row in rows], size)


def look_at_training(
    painter: Painter,
    judge: Judge,
    split: CaptionedSplit,
    subjects: Sequence[Subject],
    progress: Callable[[int], None] | None = None,
) -> TrainingPictures:
    """Read training pictures, a batch at a time.

    Args:
        painter: The pipeline.
        judge: Who judges it.
        split: The training split.
        subjects: Those of its rows that are looked at, at least one.
        progress: Called after each batch with its number of pictures.
    """
    own, judged = [], []
    for _, pictures in split.batches(subjects, painter.image_size, BATCH):
        own.append(torch.from_numpy(painter.image_features(pictures)))
        judged.append(judge.image_features(pictures))
        if progress is not None:
            progress(len(pictures))
    return TrainingPictures(split, subjects, torch.cat(own), torch.cat(judged))


def near_copies(pictures: Pixels, nearest: Pixels, painter: Painter) -> NDArray[np.bool_]:
    """Whether pictures are copies of others: ``n h w 3`` and ``n h w 3`` to ``n``.

    What a prior copies token by token comes out as the training picture after the dVAE's round
    trip, which may be further than `COPY_PSNR` from the picture itself: either counts.
    """
    images, copied = to_images(pictures), np.zeros(len(pictures), np.bool_)
    for others in (nearest, painter.decode(painter.encode(nearest))):
        copied |= (psnr(images, to_images(others)) > COPY_PSNR).numpy()
    return copied

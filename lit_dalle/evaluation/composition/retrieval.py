"""The training pictures: what a pipeline could have learned by heart, and what retrieval finds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from einops import reduce
from numpy.typing import NDArray

from lit_dalle.data.world import world_row
from lit_dalle.evaluation.composition.memorisation import TrainingTokens
from lit_dalle.evaluation.composition.painter import Features, Painter, Pixels, Tokens

TRAINING_SEED = 0
"""Seed of the rows that the shipped pipelines were trained on."""
BATCH = 512
THUMBNAIL = 8
"""Fields a side by which pictures are compared for their looks."""


@dataclass(frozen=True)
class TrainingPictures:
    """The first rows of the training split, seen by a pipeline's dVAE and CLIP."""

    tokens: Tokens
    """``rows i``."""
    features: Features
    """``rows e``."""
    thumbnails: NDArray[np.float32]
    """``rows d``; see `thumbnail`."""
    image_size: int

    def picture(self, row: int) -> Pixels:
        """The picture of a row, ``h w 3``, drawn again."""
        return _drawn(row, self.image_size)

    def nearest_by_clip(self, text_features: Features) -> NDArray[np.int64]:
        """Row of the picture whose feature is nearest to each text's, ``n``."""
        rows: NDArray[np.int64] = (text_features @ self.features.T).argmax(1)
        return rows

    def nearest_by_look(self, picture: Pixels) -> int:
        """Row of the picture that looks most like one ``h w 3``: nearest in `thumbnail`."""
        gaps = self.thumbnails - thumbnail(picture[None])
        return int((gaps**2).sum(1).argmin())

    @cached_property
    def copies(self) -> TrainingTokens:
        """The tokens, ready to be compared with samples."""
        return TrainingTokens(self.tokens)


def look_at_training(
    painter: Painter, rows: int, progress: Callable[[int], None] | None = None
) -> TrainingPictures:
    """Draw, encode and describe the first rows of the training split.

    Args:
        painter: The pipeline.
        rows: How many, at least 1.
        progress: Called after each batch with its number of pictures.

    Raises:
        ValueError: No rows.
    """
    if rows < 1:
        raise ValueError(f"retrieval needs training pictures, got {rows}")
    tokens, features, thumbnails = [], [], []
    for start in range(0, rows, BATCH):
        numbers = range(start, min(start + BATCH, rows))
        pictures = np.stack([_drawn(row, painter.image_size) for row in numbers])
        tokens.append(painter.encode(pictures))
        features.append(painter.image_features(pictures))
        thumbnails.append(thumbnail(pictures))
        if progress is not None:
            progress(len(pictures))
    return TrainingPictures(
        np.concatenate(tokens),
        np.concatenate(features),
        np.concatenate(thumbnails),
        painter.image_size,
    )


def thumbnail(pictures: Pixels) -> NDArray[np.float32]:
    """Mean colours of `THUMBNAIL` × `THUMBNAIL` fields, ``n h w 3`` to ``n d``."""
    fields = "n (y a) (x b) c -> n (y x c)"
    means = reduce(pictures.astype(np.float32), fields, "mean", y=THUMBNAIL, x=THUMBNAIL)
    return means.astype(np.float32, copy=False)


def _drawn(row: int, size: int) -> Pixels:
    return np.asarray(world_row("train", row, seed=TRAINING_SEED, size=size)["image"])

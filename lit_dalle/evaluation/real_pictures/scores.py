"""One kind of picture judged: right label, score, nearest training picture, distance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lit_dalle.evaluation.composition.painter import Painter, Pixels
from lit_dalle.evaluation.frechet import frechet_distance
from lit_dalle.evaluation.real_pictures.judge import Judge, image_batches
from lit_dalle.evaluation.real_pictures.training import TrainingPictures, near_copies
from lit_dalle.evaluation.real_pictures.trials import Trials

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Pictures of one kind, judged prompt by prompt."""

    right: Bools
    """Whether the right label is first of all in its trial, ``n``."""
    clip_score: Floats
    """100·max(cosine, 0) with the label, ``n``."""
    similarity: Floats
    """Cosine with the nearest training picture, ``n``."""
    copied: Bools
    """Whether that is the same picture, ``n``."""
    frechet: float
    """Fréchet distance from the real pictures of the same prompts."""
    pictures: int
    """How many pictures that distance is of."""


@dataclass(frozen=True)
class Scorer:
    """Judges pictures of a set of prompts."""

    painter: Painter
    judge: Judge
    training: TrainingPictures
    trials: Trials
    real: Pixels
    """The real pictures of the prompts."""

    def of(self, pictures: Pixels, compared: tuple[Pixels, Pixels] | None = None) -> Scores:
        """Judge a picture a prompt, ``n h w 3``.

        Args:
            pictures: In the order of the prompts.
            compared: The two sets of the Fréchet distance; default: the real pictures and these.
        """
        features = self.judge.image_features(pictures)
        similarity, rows = self.training.nearest(features)
        nearest = self.training.pictures(rows, self.painter.image_size)
        first, second = compared or (self.real, pictures)
        return Scores(
            right=self.trials.right(features),
            clip_score=100 * self.trials.own(features).clamp(min=0).double().numpy(),
            similarity=similarity,
            copied=near_copies(pictures, nearest, self.painter),
            frechet=frechet_distance(
                self.judge.features, image_batches(first), image_batches(second)
            ),
            pictures=len(second),
        )

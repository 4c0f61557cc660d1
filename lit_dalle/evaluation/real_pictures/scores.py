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
    frechet: float | None
    """Fréchet distance from real pictures of other prompts; None where there are none."""
    pictures: int
    """How many these are."""


@dataclass(frozen=True)
class Scorer:
    """Judges pictures of a set of prompts."""

    painter: Painter
    judge: Judge
    training: TrainingPictures
    trials: Trials
    others: Pixels
    """Real pictures of other prompts, the same for all kinds, so that distances compare."""

    def of(self, pictures: Pixels) -> Scores:
        """Judge a picture a prompt, ``n h w 3``, in the order of the prompts."""
        features = self.judge.image_features(pictures)
        similarity, rows = self.training.nearest(features)
        nearest = self.training.pictures(rows, self.painter.image_size)
        return Scores(
            right=self.trials.right(features),
            clip_score=100 * self.trials.own(features).clamp(min=0).double().numpy(),
            similarity=similarity,
            copied=near_copies(pictures, nearest, self.painter),
            frechet=self._frechet(pictures),
            pictures=len(self.others),
        )

    def _frechet(self, pictures: Pixels) -> float | None:
        if min(len(self.others), len(pictures)) < 2:
            return None
        return frechet_distance(
            self.judge.features, image_batches(self.others), image_batches(pictures)
        )

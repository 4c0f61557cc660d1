"""Models on labelled pictures: at home, and shifted away from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lit_dalle.evaluation.zero_shot.labelled import Labelled
from lit_dalle.evaluation.zero_shot.scoring import TOP, Ranked

Scorer = Callable[[Tensor], Tensor]
"""Pictures ``b 3 h w`` in [0, 1] to a score for every label, ``b labels``; the largest is meant."""
Progress = Callable[[int], None]
SIDE = 64
"""Pixels along a side at which pictures are spoiled, before each model's own size."""


@dataclass(frozen=True)
class Trial:
    """Pictures to classify among some of the labels."""

    shift: str
    """How they differ from the pictures of the training."""
    classes: str
    """What the set of their classes is called."""
    labelled: Labelled
    """The pictures; their classes are the labels to choose among."""
    change: Callable[[Tensor], Tensor] | None = None
    """What is done to ``b 3 h w`` first."""
    home: tuple[str, str] | None = None
    """Shift and classes of the trial that stands for home; None for such a trial itself."""

    @property
    def key(self) -> tuple[str, str]:
        """Shift and classes, which no other trial has both of."""
        return self.shift, self.classes


@dataclass(frozen=True)
class Model:
    """Something that classifies."""

    kind: str
    """``clip``, ``resnet101`` or ``pixel-nn``."""
    name: str
    """Which of its kind: a stage of the training."""
    score: Scorer
    image_size: int
    """Side of what it reads; pictures are resized to it by area."""


@torch.no_grad()
def classify(
    model: Model,
    trial: Trial,
    labels: Sequence[str],
    *,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> Ranked:
    """Rank the trial's classes for each of its pictures.

    Args:
        model: Scores all labels.
        trial: What to classify.
        labels: Names of all labels, in the order of the scores.
        batch_size: Pictures at once.
        progress: Called with the number of pictures just classified.

    Raises:
        ValueError: A class of the trial is no label.
    """
    at = {name: number for number, name in enumerate(labels)}
    names = trial.labelled.classes.names
    if unknown := [name for name in names if name not in at]:
        raise ValueError(f"{trial.shift}: the class {unknown[0]!r} is none of the labels")
    columns = torch.tensor([at[name] for name in names])
    found, truths = [], []
    for images, truth in trial.labelled.batches(SIDE, batch_size):
        changed = images if trial.change is None else trial.change(images)
        scores = model.score(F.interpolate(changed, model.image_size, mode="area"))
        nearest = scores[:, columns].topk(min(TOP, len(columns)), dim=1)
        # a class without a score is no answer, also where fewer than five have one
        found.append(nearest.indices.masked_fill(nearest.values.isneginf(), -1))
        truths.append(truth)
        if progress is not None:
            progress(len(truth))
    return Ranked(torch.cat(found), torch.cat(truths))


def matched(clips: Mapping[str, float], resnets: Mapping[str, float]) -> tuple[str, str]:
    """Choose a CLIP and a ResNet of about the same accuracy at home.

    The last of each is taken; the better of both gives way to that stage of its training which is
    nearest to the other.

    Args:
        clips: Accuracy at home by stage of the training, in its order.
        resnets: The same.
    """
    clip, resnet = list(clips)[-1], list(resnets)[-1]
    if clips[clip] > resnets[resnet]:
        return _nearest(clips, resnets[resnet]), resnet
    return clip, _nearest(resnets, clips[clip])


def _nearest(stages: Mapping[str, float], wanted: float) -> str:
    return min(stages, key=lambda name: abs(stages[name] - wanted))

"""Is the right label first among a hundred? Trials of one picture and many labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_dalle.evaluation.composition.prompts import stable_seed
from lit_dalle.evaluation.real_pictures.subjects import Subject

LABELS = 100
"""Labels of a trial, the right one among them."""


@dataclass(frozen=True)
class Trials:
    """For each subject its own label and others, as rows of the labels' features."""

    features: Tensor
    """Of all labels that occur, ``m e``, unit norm."""
    labels: Tensor
    """int64, ``n labels``: rows of ``features``, the right one first."""

    def own(self, image_features: Tensor) -> Tensor:
        """Cosine of each picture ``n e`` with its own label, ``n``."""
        return (image_features * self.features[self.labels[:, 0]]).sum(dim=1)

    def right(self, image_features: Tensor) -> NDArray[np.bool_]:
        """Whether each picture ``n e`` is nearest to its own label; a tie is not right."""
        scores = torch.einsum("ne,nle->nl", image_features, self.features[self.labels])
        right: NDArray[np.bool_] = (scores[:, 0] > scores[:, 1:].amax(dim=1)).numpy()
        return right

    def of(self, places: Sequence[int]) -> "Trials":
        """The trials of some of the subjects."""
        return Trials(self.features, self.labels[torch.tensor(places, dtype=torch.int64)])


def candidate_labels(
    subjects: Sequence[Subject], pool: Sequence[Subject], seed: int, count: int = LABELS
) -> list[list[str]]:
    """Draw for each subject the labels of others, of another group and with other words.

    Args:
        subjects: Whose trials these are.
        pool: Where labels are taken from; the subjects are among them.
        seed: Seed of the draws.
        count: Labels a trial; fewer where some subject has not so many.

    Returns:
        As many labels for each, all different, the right one first.

    Raises:
        ValueError: Some subject has no other label.
    """
    words = {subject.label: _words(subject.label) for subject in pool}
    first = {words[label]: label for label in sorted(words, reverse=True)}
    of_group: dict[str, set[str]] = {}
    for subject in pool:
        of_group.setdefault(subject.group, set()).add(words[subject.label])
    others = [sorted(set(first) - of_group[subject.group]) for subject in subjects]
    room = min(map(len, others), default=0)
    if room < 1:
        raise ValueError(f"judging needs two different labels, and there are {len(first)}")
    trials = []
    for subject, texts in zip(subjects, others, strict=True):
        draws = np.random.default_rng(stable_seed("labels", seed, subject.row))
        chosen = draws.permutation(len(texts))[: min(count - 1, room)]
        trials.append([subject.label, *(first[texts[place]] for place in chosen)])
    return trials


def trials_of(labels: Sequence[Sequence[str]], features: Mapping[str, Tensor]) -> Trials:
    """Make trials of labels and the features of each label, ``e``."""
    places = {label: place for place, label in enumerate(features)}
    rows = [[places[label] for label in one] for one in labels]
    return Trials(torch.stack(list(features.values())), torch.tensor(rows))


def _words(label: str) -> str:
    return " ".join(label.casefold().split())

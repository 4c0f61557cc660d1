"""Caption matching: does CLIP find a picture's own caption among a hundred near ones?

A trial is a picture with candidate captions; it is right when the own caption scores strictly
highest. :func:`world_trials` makes the hard trials of the world: all scenes that differ from the
picture's in one attribute are among the candidates.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from lit_dalle.data.world import (
    FAMILIES,
    Scene,
    captions,
    compositions,
    neighbours,
    scene_from_json,
    scene_group,
    world_row,
)
from lit_dalle.evaluation.intervals import wilson_interval
from lit_dalle.functional.similarity import cosine_scores, normalise

EncodeImage = Callable[[Tensor], Tensor]
"""Pictures float32 ``b 3 h w`` in [0, 1] to features ``b e`` of any norm."""
EncodeText = Callable[[list[str]], Tensor]
"""Captions to features ``b e`` of any norm."""


@dataclass(frozen=True)
class Trial:
    """A picture and its candidate captions."""

    family: str
    """What results are grouped by."""
    image: Tensor
    """float32, ``3 h w`` in [0, 1]."""
    captions: tuple[str, ...]
    """Candidates, all different; the picture's own stands first."""


@dataclass(frozen=True)
class Matching:
    """Trials of one family and how many were right."""

    family: str
    right: int
    trials: int
    candidates: float
    """Mean number of candidate captions; its inverse is about the chance of a guess."""

    @property
    def accuracy(self) -> float:
        """Share of right trials."""
        return self.right / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy."""
        return wilson_interval(self.right, self.trials)


@torch.no_grad()
def match_captions(
    trials: Sequence[Trial],
    encode_image: EncodeImage,
    encode_text: EncodeText,
    *,
    batch_size: int = 256,
    progress: Callable[[int], None] | None = None,
) -> list[Matching]:
    """Score trials by cosine; a caption that stands in many trials is encoded once.

    Args:
        trials: At least one.
        encode_image: See :data:`EncodeImage`.
        encode_text: See :data:`EncodeText`.
        batch_size: Pictures or captions encoded together.
        progress: Called with the number of trials done after each batch.

    Returns:
        One result a family, in the order in which they come first.

    Raises:
        ValueError: There is no trial, or one with fewer than two captions.
    """
    if not trials or min(len(trial.captions) for trial in trials) < 2:
        raise ValueError("caption matching needs trials, each with two captions or more")
    texts = list(dict.fromkeys(caption for trial in trials for caption in trial.captions))
    place = {caption: row for row, caption in enumerate(texts)}
    batches = [texts[start : start + batch_size] for start in range(0, len(texts), batch_size)]
    text_features = torch.cat([normalise(encode_text(batch)) for batch in batches])
    right: list[bool] = []
    for start in range(0, len(trials), batch_size):
        batch = trials[start : start + batch_size]
        features = normalise(encode_image(torch.stack([trial.image for trial in batch])))
        for trial, feature in zip(batch, features, strict=True):
            rows = [place[caption] for caption in trial.captions]
            right.append(_own_is_best(cosine_scores(feature[None], text_features[rows])[0]))
        if progress is not None:
            progress(len(batch))
    return _by_family(trials, right)


def world_trials(
    split: str,
    trials: int,
    *,
    families: Iterable[str] | None = None,
    candidates: int = 100,
    seed: int = 0,
) -> Iterator[Trial]:
    """Make trials of the world, family by family.

    Candidates are the picture's own caption, the captions of all scenes that differ from it in
    exactly one attribute (a draw of them where they are more), and of other scenes of the family,
    held out and not, all in their first phrasing. Scenes with the picture's own content ("a left of
    b" for "b right of a") are left out. A family with fewer captions gives fewer.

    Args:
        split: Where the pictures come from: ``validation``, ``test`` or ``held_out``.
        trials: Number of trials a family.
        families: Default: all of the world.
        candidates: Captions a trial.
        seed: Seed of the pictures and of the draws.

    Raises:
        ValueError: Unknown split or family.
    """
    for family in FAMILIES if families is None else families:
        others = [*compositions(family, "test"), *compositions(family, "held_out")]
        for index in range(trials):
            row = world_row(split, index, seed=seed, families=(family,))
            draw = np.random.default_rng((seed, index))
            scene = scene_from_json(row["scene"])
            texts = _candidates(scene, others, candidates, draw)
            yield Trial(family, _pixels(row["image"]), texts)


def _candidates(
    scene: Scene, others: Sequence[Scene], count: int, draw: np.random.Generator
) -> tuple[str, ...]:
    """Captions for one scene: its own, then its neighbours', then the others'."""
    own = captions(scene)
    found = dict.fromkeys(own[:1])
    for group in (neighbours(scene), others):
        for place in draw.permutation(len(group)):
            if len(found) == count:
                break
            caption = captions(group[place])[0]
            if caption not in own and scene_group(group[place]) != scene_group(scene):
                found[caption] = None
    return tuple(found)


def _pixels(image: Image) -> Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 255


def _own_is_best(scores: Tensor) -> bool:
    return bool(scores[0] > scores[1:].max())


def _by_family(trials: Sequence[Trial], right: Sequence[bool]) -> list[Matching]:
    results = []
    for family in dict.fromkeys(trial.family for trial in trials):
        rows = [row for row, trial in enumerate(trials) if trial.family == family]
        candidates = sum(len(trials[row].captions) for row in rows) / len(rows)
        results.append(Matching(family, sum(right[row] for row in rows), len(rows), candidates))
    return results

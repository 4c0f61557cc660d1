"""Binding: does CLIP see which attribute belongs to which object?

A test has two captions that differ little, and the picture of the first or of both. With both
pictures it has Winoground's form and three scores, with one picture SugarCrepe's and an accuracy.
The tests are made in `tests`, and the rows of a result file in `rows`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lit_dalle.evaluation.caption_matching import EncodeImage, EncodeText
from lit_dalle.evaluation.intervals import wilson_interval
from lit_dalle.functional.similarity import normalise, paired_cosines

TEXT, IMAGE, GROUP, ACCURACY = "text score", "image score", "group score", "accuracy"
CHANCE = {TEXT: 1 / 4, IMAGE: 1 / 4, GROUP: 1 / 6, ACCURACY: 1 / 2}
"""What scores that say nothing reach (Thrush et al. 2022; Hsieh et al. 2023)."""
ALL = "all"
"""Stands for all families together."""


@dataclass(frozen=True)
class BindingTest:
    """Two captions and the picture of the first, or the pictures of both."""

    family: str
    """What results are grouped by."""
    change: str
    """In what the two scenes differ, for example ``colours``."""
    images: Tensor
    """uint8, ``n 3 h w``, n 1 or 2; picture p belongs to caption p."""
    captions: tuple[str, str]


@dataclass(frozen=True)
class Score:
    """How many tests of a group were right."""

    metric: str
    """A key of `CHANCE`."""
    family: str
    """A family, or `ALL`."""
    change: str | None
    """Only tests of this change; None stands for all of the family."""
    right: int
    tests: int

    @property
    def share(self) -> float:
        """Share of right tests."""
        return self.right / self.tests

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share."""
        return wilson_interval(self.right, self.tests)


def score_binding(
    tests: Sequence[BindingTest],
    encode_image: EncodeImage,
    encode_text: EncodeText,
    *,
    batch_size: int = 256,
    progress: Callable[[int], None] | None = None,
) -> list[Score]:
    """Score tests by cosine; equal cosines count as wrong.

    Text score: each picture prefers its own caption. Image score: each caption prefers its own
    picture. Group score: both. Accuracy, with one picture: it prefers its own caption.

    Args:
        tests: At least one, all with one picture or all with two.
        encode_image: Pictures float32 ``b 3 h w`` in [0, 1] to features of any norm.
        encode_text: Captions to features of any norm; each caption is encoded once.
        batch_size: Tests or captions encoded together.
        progress: Called with the number of tests done after each batch.

    Returns:
        A score a metric for each family, for each change of a family that has several, and for
        `ALL`.

    Raises:
        ValueError: There is no test, or they are of both forms.
    """
    if len({len(test.images) for test in tests}) != 1:
        raise ValueError("binding needs tests, all of one picture or all of two")
    cosines = binding_cosines(tests, encode_image, encode_text, batch_size, progress)
    right = verdicts(cosines)
    scores = []
    for family in dict.fromkeys(test.family for test in tests):
        rows = [row for row, test in enumerate(tests) if test.family == family]
        scores += _scores(right, rows, family, None)
        changes = sorted({tests[row].change for row in rows})
        for change in changes if len(changes) > 1 else ():
            part = [row for row in rows if tests[row].change == change]
            scores += _scores(right, part, family, change)
    return [*scores, *_scores(right, range(len(tests)), ALL, None)]


@torch.no_grad()
def binding_cosines(
    tests: Sequence[BindingTest],
    encode_image: EncodeImage,
    encode_text: EncodeText,
    batch_size: int = 256,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """Cosines of the pictures of each test with its captions, fp32 ``tests n 2`` on the CPU."""
    texts = list(dict.fromkeys(caption for test in tests for caption in test.captions))
    place = {caption: row for row, caption in enumerate(texts)}
    batches = [texts[start : start + batch_size] for start in range(0, len(texts), batch_size)]
    text_features = torch.cat([normalise(encode_text(batch)).cpu() for batch in batches])
    rows = torch.tensor([[place[caption] for caption in test.captions] for test in tests])
    cosines = []
    for start in range(0, len(tests), batch_size):
        batch = torch.stack([test.images for test in tests[start : start + batch_size]])
        features = normalise(encode_image(batch.flatten(0, 1).float() / 255)).cpu()
        features = features.reshape(*batch.shape[:2], 1, -1)
        own = text_features[rows[start : start + batch_size]][:, None]
        cosines.append(paired_cosines(features, own))
        if progress is not None:
            progress(len(batch))
    return torch.cat(cosines)


def verdicts(cosines: Tensor) -> dict[str, Tensor]:
    """Right or wrong by each metric.

    Args:
        cosines: ``tests n 2``, of picture p with caption c; n is 1 or 2.

    Returns:
        Metric → bool, ``tests``.
    """
    own = _diagonal(cosines)
    text = (own > _diagonal(cosines.flip(2))).all(1)
    if cosines.shape[1] == 1:
        return {ACCURACY: text}
    image = (own > _diagonal(cosines.flip(1))).all(1)
    return {TEXT: text, IMAGE: image, GROUP: text & image}


def _diagonal(cosines: Tensor) -> Tensor:
    return cosines.diagonal(dim1=1, dim2=2)


def _scores(
    right: dict[str, Tensor], rows: Iterable[int], family: str, change: str | None
) -> list[Score]:
    places = list(rows)
    return [
        Score(metric, family, change, int(held[places].sum()), len(places))
        for metric, held in right.items()
    ]

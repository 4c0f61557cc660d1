"""Zero-shot classification: class embeddings once, then the nearest classes of each picture."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lit_dalle.evaluation.bootstrap import Estimate
from lit_dalle.evaluation.caption_matching import EncodeImage, EncodeText
from lit_dalle.evaluation.intervals import mean_share_interval, wilson_interval
from lit_dalle.evaluation.zero_shot.templates import filled
from lit_dalle.functional.similarity import normalise

TOP = 5
"""Classes kept of each picture, best first."""


@dataclass(frozen=True)
class Ranked:
    """Pictures and the classes nearest to them."""

    classes: Tensor
    """int64, ``n k``, best first."""
    labels: Tensor
    """int64, ``n``: the true classes."""

    def right(self, among: int = 1) -> Tensor:
        """Whether the true class is among the first so many: bool ``n``."""
        return (self.classes[:, :among] == self.labels[:, None]).any(dim=1)


@dataclass(frozen=True)
class Accuracy:
    """Scores of a data set, each with its 95 % interval."""

    pictures: int
    """How many were classified."""
    classes: int
    """Among how many; a guess is right with one over this."""
    top1: Estimate
    """Share of pictures whose nearest class is the true one (Wilson's interval)."""
    top5: Estimate
    """The same for the five nearest."""
    recall: Estimate
    """Mean over classes of the share of their pictures that are right (normal interval)."""


@torch.no_grad()
def class_embeddings(
    wordings: Sequence[Sequence[str]],
    templates: Sequence[str],
    encode_text: EncodeText,
    *,
    batch_size: int = 256,
    progress: Callable[[int], None] | None = None,
) -> Tensor:
    """Encode classes: the mean of the unit features of all wordings in all templates ([C] 3.1.4).

    Args:
        wordings: What stands for each class; each has at least one.
        templates: Each with one ``{}``.
        encode_text: Captions to features of any norm.
        batch_size: Captions encoded together.
        progress: Called with the number of captions just encoded.

    Returns:
        fp32, ``classes e``, of unit norm.
    """
    texts = [[filled(t, words) for words in some for t in templates] for some in wordings]
    flat = [text for some in texts for text in some]
    features = []
    for start in range(0, len(flat), batch_size):
        batch = flat[start : start + batch_size]
        features.append(normalise(encode_text(batch).float()).cpu())
        if progress is not None:
            progress(len(batch))
    parts = torch.split(torch.cat(features), [len(some) for some in texts])
    return normalise(torch.stack([part.mean(dim=0) for part in parts]))


@torch.no_grad()
def rank_classes(
    batches: Iterable[tuple[Tensor, Tensor]],
    encode_image: EncodeImage,
    embeddings: Tensor,
    *,
    keep: int = TOP,
    progress: Callable[[int], None] | None = None,
) -> Ranked:
    """Find the nearest classes of each picture by cosine.

    Args:
        batches: Pictures ``b 3 h w`` in [0, 1] and labels int64 ``b``.
        encode_image: Pictures to features of any norm.
        embeddings: Of the classes, ``c e``, unit norm.
        keep: Classes kept of each picture.
        progress: Called with the number of pictures just ranked.

    Raises:
        ValueError: There are no pictures, or a label without a class.
    """
    classes, labels = [], []
    for images, truth in batches:
        features = normalise(encode_image(images).float())
        cosines = features @ embeddings.to(features.device).T
        classes.append(cosines.topk(min(keep, len(embeddings)), dim=1).indices.cpu())
        labels.append(truth)
        if progress is not None:
            progress(len(truth))
    if not labels:
        raise ValueError("there are no pictures to classify")
    found = Ranked(torch.cat(classes), torch.cat(labels))
    if int(found.labels.min()) < 0 or int(found.labels.max()) >= len(embeddings):
        raise ValueError(
            f"labels go from {int(found.labels.min())} to {int(found.labels.max())}, and there are "
            f"{len(embeddings)} classes: name all of them"
        )
    return found


def accuracy(ranked: Ranked, classes: int) -> Accuracy:
    """Score ranked pictures; classes without pictures do not count in the recall."""
    counts = torch.bincount(ranked.labels, minlength=classes)
    hits = torch.bincount(ranked.labels[ranked.right()], minlength=classes)
    total: list[int] = counts[counts > 0].tolist()
    right: list[int] = hits[counts > 0].tolist()
    recall = sum(k / n for k, n in zip(right, total, strict=True)) / len(total)
    return Accuracy(
        pictures=len(ranked.labels),
        classes=classes,
        top1=_share(ranked.right()),
        top5=_share(ranked.right(TOP)),
        recall=Estimate(recall, *mean_share_interval(right, total)),
    )


def confusion(ranked: Ranked, classes: int) -> Tensor:
    """Count pictures by true class (row) and nearest class (column): int64 ``c c``."""
    pairs = ranked.labels * classes + ranked.classes[:, 0]
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes)


def _share(right: Tensor) -> Estimate:
    count, total = int(right.sum()), len(right)
    return Estimate(count / total, *wilson_interval(count, total))

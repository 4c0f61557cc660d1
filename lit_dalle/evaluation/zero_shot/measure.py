"""A CLIP measured on labelled data sets: rows of the result file, and what was pinned for them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from lit_dalle.evaluation.bootstrap import Estimate
from lit_dalle.evaluation.caption_matching import EncodeImage, EncodeText
from lit_dalle.evaluation.results import ResultFile
from lit_dalle.evaluation.zero_shot.labelled import Labelled
from lit_dalle.evaluation.zero_shot.scoring import (
    Accuracy,
    Ranked,
    accuracy,
    class_embeddings,
    rank_classes,
)

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Reader:
    """A CLIP as the functions that the measurements take."""

    encode_image: EncodeImage
    encode_text: EncodeText
    image_size: int


@dataclass(frozen=True)
class Measured:
    """What was found for a data set."""

    labelled: Labelled
    ranked: Ranked
    accuracy: Accuracy


def measure(
    reader: Reader,
    labelled: Labelled,
    *,
    described: bool = False,
    batch_size: int = 64,
    num_workers: int = 0,
    progress: Progress | None = None,
) -> Measured:
    """Classify a data set without a label of it.

    Args:
        reader: The CLIP.
        labelled: The data set.
        described: Name classes by their descriptions instead of their names.
        batch_size: Pictures encoded together.
        num_workers: Processes that decode pictures.
        progress: Called with the number of pictures just classified.

    Raises:
        ValueError: A class has no description where descriptions are asked for.
    """
    classes = labelled.classes.described() if described else labelled.classes
    templates = ("{}",) if described else labelled.templates.templates
    embeddings = class_embeddings(classes.wordings, templates, reader.encode_text)
    batches = labelled.batches(reader.image_size, batch_size, num_workers)
    ranked = rank_classes(batches, reader.encode_image, embeddings, progress=progress)
    return Measured(labelled, ranked, accuracy(ranked, len(classes.names)))


@torch.no_grad()
def features_of(
    reader: Reader,
    labelled: Labelled,
    *,
    batch_size: int = 64,
    num_workers: int = 0,
    progress: Progress | None = None,
) -> tuple[Tensor, Tensor]:
    """Return features ``n e`` of unit norm and labels ``n`` of a data set, for probes."""
    features, labels = [], []
    for images, truth in labelled.batches(reader.image_size, batch_size, num_workers):
        features.append(reader.encode_image(images).float().cpu())
        labels.append(truth)
        if progress is not None:
            progress(len(truth))
    return torch.cat(features), torch.cat(labels)


def add_accuracy(
    results: ResultFile, case: dict[str, Any], found: Accuracy, published: float | None
) -> None:
    """Add the rows of a data set: top-1, top-5, recall, the guess, and the published figure."""
    estimates: Sequence[tuple[str, Estimate]] = (
        ("accuracy", found.top1),
        ("accuracy@5", found.top5),
        ("recall", found.recall),
    )
    for metric, one in estimates:
        results.row(case, metric, **asdict(one))
    results.row(case, "chance", 1 / found.classes)
    results.row(case, "pictures", found.pictures)
    if published is not None:
        results.row(case | {"row": "published"}, "accuracy", published)


def pinned(labelled: Labelled, described: bool) -> dict[str, Any]:
    """What a data set's numbers depend on: rows, classes, wordings and templates."""
    classes = labelled.classes.described() if described else labelled.classes
    facts = {name: value for name, value in asdict(labelled.spec).items() if value is not None}
    return facts | {
        "fingerprint": labelled.fingerprint,
        "classes": {
            name: list(words) for name, words in zip(classes.names, classes.wordings, strict=True)
        },
        "template_set": None if described else labelled.templates.name,
        "templates": ["{}"] if described else list(labelled.templates.templates),
    }

"""Labelled pictures: a folder, parquet files or a data set of the hub, with their classes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from datasets import ClassLabel, Dataset
from torch import Tensor

from lit_dalle.evaluation.zero_shot.classes import ClassSet, read_classes
from lit_dalle.evaluation.zero_shot.shown import ShownPictures, TableSpec
from lit_dalle.evaluation.zero_shot.templates import (
    PHOTO,
    TemplateSet,
    known_set,
    published_set,
    read_templates,
    template_names,
)


@dataclass(frozen=True, kw_only=True)
class DataSpec(TableSpec):
    """A data set to classify."""

    label_column: str = "label"
    """Column of the labels: numbers with names, or the names themselves."""
    classes: str | None = None
    """Class file; by default the data set's own names, worded as published where it is known."""
    only_classes: bool = False
    """Leave out rows whose label the class file does not name, which is an error otherwise."""
    templates: str | None = None
    """Published set or file of templates; by default those published for the data set, else
    ``a photo of a {}.``"""


@dataclass(frozen=True)
class Labelled:
    """Pictures with the numbers of their classes."""

    spec: DataSpec
    rows: Dataset
    """With the picture's column, undecoded."""
    labels: Tensor
    """int64, ``n``."""
    classes: ClassSet
    templates: TemplateSet
    fingerprint: str
    """Changes whenever a row does."""

    def batches(
        self, image_size: int, batch_size: int, num_workers: int = 0
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield pictures as CLIP is shown them, float32 ``b 3 h w`` in [0, 1], and labels."""
        shown = ShownPictures(self.spec, self.rows, image_size)
        batches = shown.batches(batch_size, num_workers)
        yield from zip(batches, torch.split(self.labels, batch_size), strict=True)

    def __len__(self) -> int:
        return len(self.rows)


def load_labelled(spec: DataSpec) -> Labelled:
    """Load a data set with its classes and templates.

    Raises:
        FileNotFoundError: There is no such data set or file.
        ValueError: There is no such split or column, a label has no class, or a file is wrong.
    """
    table = spec.table(spec.label_column)
    known = known_set(spec.data)
    templates = _templates(spec, known)
    given = None if spec.classes is None else read_classes(spec.classes)
    if spec.only_classes:
        table = _of_classes(table, spec, given)
    labels, classes = _labels(table, spec, given, templates)
    rows = spec.pictures_of(table)
    return Labelled(spec, rows, labels, classes, templates, str(table._fingerprint))


def _of_classes(table: Dataset, spec: DataSpec, given: ClassSet | None) -> Dataset:
    """The rows of the classes that are asked for."""
    if given is None:
        raise ValueError("only_classes keeps the rows of a class file: give one as classes")
    column, feature = table[spec.label_column], table.features[spec.label_column]
    if isinstance(feature, ClassLabel):
        column = [feature.names[label] for label in column]
    names = set(given.names)
    kept = [number for number, label in enumerate(column) if label in names]
    if not kept:
        raise ValueError(f"no row of {spec.data} has a label that {spec.classes} names")
    return table.select(kept)


def _templates(spec: DataSpec, known: str | None) -> TemplateSet:
    own = published_set(known) if known is not None else TemplateSet("photo", PHOTO, {})
    if spec.templates is None:
        return own
    if spec.templates in template_names():
        return TemplateSet(spec.templates, published_set(spec.templates).templates, own.wordings)
    return TemplateSet(Path(spec.templates).name, read_templates(spec.templates), own.wordings)


def _labels(
    table: Dataset, spec: DataSpec, given: ClassSet | None, templates: TemplateSet
) -> tuple[Tensor, ClassSet]:
    """Numbers of the rows' classes, and the classes in the order of those numbers."""
    column, feature = table[spec.label_column], table.features[spec.label_column]
    if isinstance(feature, ClassLabel):
        names: list[str] = list(feature.names)
        if given is not None and spec.only_classes:
            names = list(given.names)
            numbers = [names.index(feature.names[label]) for label in column]
        else:
            numbers = [int(label) for label in column]
    elif "string" in str(getattr(feature, "dtype", "")):
        names = list(given.names) if given is not None else sorted(set(column))
        if missing := sorted(set(column) - set(names)):
            raise ValueError(
                f"the label {missing[0]!r} of {spec.data} is no class of {spec.classes}"
            )
        number_of = {name: number for number, name in enumerate(names)}
        numbers = [number_of[label] for label in column]
    else:
        numbers = [int(label) for label in column]
        if given is None:
            raise ValueError(
                f"the labels of {spec.data} are numbers without names: give a class file with a "
                "name a line as classes"
            )
        names = list(given.names)
    labels = torch.tensor(numbers, dtype=torch.int64)
    if len(labels) and (int(labels.min()) < 0 or int(labels.max()) >= len(names)):
        raise ValueError(
            f"labels of {spec.data} go from {int(labels.min())} to {int(labels.max())}, and there "
            f"are {len(names)} classes"
        )
    if given is not None:
        return labels, given.ordered(names)
    return labels, ClassSet.named(names, templates.wordings)

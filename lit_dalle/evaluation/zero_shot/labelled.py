"""Labelled pictures: a folder, parquet files or a data set of the hub, with their classes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, Image
from torch import Tensor
from torch.utils.data import DataLoader

from lit_dalle.data.pictures import open_picture
from lit_dalle.data.tables import FolderSource, HubSource, ParquetSource, TableSource
from lit_dalle.data.transforms import centre
from lit_dalle.evaluation.zero_shot.classes import ClassSet, read_classes
from lit_dalle.evaluation.zero_shot.templates import (
    PHOTO,
    TemplateSet,
    known_set,
    published_set,
    read_templates,
    template_names,
)


@dataclass(frozen=True)
class DataSpec:
    """A data set to classify."""

    data: str
    """A folder, a parquet file or pattern, or a name on the hub."""
    split: str = "test"
    """Its own name of the split."""
    config_name: str | None = None
    """Which configuration of it, on the hub."""
    revision: str | None = None
    """Branch, tag or commit on the hub."""
    image_column: str = "image"
    """Column of the pictures."""
    label_column: str = "label"
    """Column of the labels: numbers with names, or the names themselves."""
    classes: str | None = None
    """Class file; by default the data set's own names, worded as published where it is known."""
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
        shown = _Shown(self, image_size)
        loader: DataLoader[Any] = DataLoader(
            shown, batch_size=batch_size, num_workers=num_workers, collate_fn=_stacked
        )
        yield from loader

    def __len__(self) -> int:
        return len(self.rows)


class _Shown(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Pictures at CLIP's size, by number."""

    def __init__(self, labelled: Labelled, image_size: int) -> None:
        self.labelled, self.image_size = labelled, image_size

    def __len__(self) -> int:
        return len(self.labelled)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        spec = self.labelled.spec
        column = self.labelled.rows[number][spec.image_column]
        picture = open_picture(column, f"row {number} of {spec.data}")
        pixels = np.asarray(centre(picture, self.image_size, "clip"), np.uint8)
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1), int(self.labelled.labels[number])


def load_labelled(spec: DataSpec) -> Labelled:
    """Load a data set with its classes and templates.

    Raises:
        FileNotFoundError: There is no such data set or file.
        ValueError: There is no such split or column, a label has no class, or a file is wrong.
    """
    tables = _source(spec).read()
    if spec.split not in tables:
        raise ValueError(f"{spec.data} has no {spec.split} split; it has {', '.join(tables)}")
    table = tables[spec.split]
    for name in (spec.image_column, spec.label_column):
        if name not in table.column_names:
            there = ", ".join(table.column_names)
            raise ValueError(f"{spec.data} has no column {name!r}; it has {there}")
    known = known_set(spec.data)
    templates = _templates(spec, known)
    given = None if spec.classes is None else read_classes(spec.classes)
    labels, classes = _labels(table, spec, given, templates)
    rows = table.select_columns([spec.image_column])
    rows = rows.cast_column(spec.image_column, Image(decode=False))
    return Labelled(spec, rows, labels, classes, templates, str(table._fingerprint))


def _source(spec: DataSpec) -> TableSource:
    if spec.data.endswith(".parquet"):
        return ParquetSource({spec.split: spec.data})
    if Path(spec.data).expanduser().is_dir():
        return FolderSource(spec.data)
    return HubSource(spec.data, config_name=spec.config_name, revision=spec.revision)


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


def _stacked(rows: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    images = torch.stack([image for image, _ in rows])
    return images.float() / 255, torch.tensor([label for _, label in rows])

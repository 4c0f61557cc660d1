"""Columns of a table as the fields of a row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, Features, Image, Value

from lit_dalle.data.errors import RowError
from lit_dalle.data.pictures import open_picture
from lit_dalle.data.wording import LABEL, as_templates, columns_of, worded

ROW = "_row"
"""Column of the rows' numbers."""
CAPTION_NAMES = ("text", "caption", "captions")
"""Columns taken for captions when none is named."""


@dataclass(frozen=True)
class Columns:
    """Which column is what; None where the table has no such thing."""

    image: str
    captions: tuple[str, ...] = ()
    label: str | None = None
    group: str | None = None
    family: str | None = None
    templates: tuple[str, ...] = ()

    @classmethod
    def find(
        cls,
        features: Features,
        place: str,
        *,
        image: str,
        caption: str | list[str] | None,
        label: str | None,
        group: str | None,
        family: str | None,
        caption_template: str | list[str] | None,
    ) -> "Columns":
        """Compare the columns that are asked for with those there are.

        Args:
            features: Columns of the table, with their types.
            place: Where the table is, for the error's text.
            image: Name of the column of pictures.
            caption: Name or names of the columns of captions; None looks for the usual ones.
            label: Name of the column of labels; None takes ``label`` if it is there.
            group: Name of the column of groups.
            family: Name of the column of families.
            caption_template: Makes captions of labels and other columns.

        Raises:
            ValueError: A column is not there, or the captions are not text.
        """
        templates = as_templates(caption_template)
        if templates and caption is not None:
            raise ValueError(
                "caption_column and caption_template both say where captions come from: give one"
            )
        if templates:
            captions: tuple[str, ...] = ()
        elif caption is None:
            captions = tuple(name for name in CAPTION_NAMES if name in features)[:1]
        else:
            captions = (caption,) if isinstance(caption, str) else tuple(caption)
        if label is None and isinstance(features.get("label"), ClassLabel):
            label = "label"
        filled = columns_of(templates)
        for name in filter(None, (image, *captions, *filled, label, group, family)):
            if name not in features:
                there = ", ".join(other for other in features if other != ROW)
                raise ValueError(f"{place} has no column {name!r}; it has {there}")
        if not _is_pictures(features[image]):
            raise ValueError(
                f"column {image!r} of {place} holds {_type_name(features[image])}, no pictures: "
                "name another image_column"
            )
        for name in captions:
            _check_text(name, features, place)
        named = isinstance(features.get(label), ClassLabel) or is_text(features.get(label))
        if any("{label}" in template for template in templates) and not named:
            raise ValueError(
                f"{place} has no named labels to fill caption_template {caption_template!r} with"
            )
        return cls(image, captions, label, group, family, templates)

    def used(self) -> list[str]:
        """Names of the columns that are read, each once."""
        filled = columns_of(self.templates)
        named = (self.image, *self.captions, *filled, self.label, self.group, self.family)
        return list(dict.fromkeys(name for name in named if name is not None))


def numbered(table: Dataset) -> Dataset:
    """Return a table that knows the numbers of its rows, so that errors can name them."""
    return table.add_column(ROW, np.arange(len(table)))


def standard_rows(
    table: Dataset, columns: Columns, place: str, pictures: bool, names: tuple[str, ...]
) -> Dataset:
    """Return a numbered table with rows under our names and, if wanted, decoded pictures.

    Args:
        table: As :func:`numbered` makes it.
        columns: Which column is what.
        place: Where the table is, for the text of errors.
        pictures: Whether the rows have pictures.
        names: Of the classes; labels that are words become their numbers here.
    """
    dropped = () if pictures else (columns.image,)
    table = table.select_columns([ROW, *(n for n in columns.used() if n not in dropped)])
    if pictures:
        table = table.cast_column(columns.image, Image(decode=False))
    read = partial(_standard, columns=columns, place=place, names=names)
    return table.with_transform(read)


def _standard(
    batch: Mapping[str, list[Any]], columns: Columns, place: str, names: tuple[str, ...]
) -> dict[str, list[Any]]:
    places = [f"row {row} of {place}" for row in batch[ROW]]
    rows: dict[str, list[Any]] = {ROW: list(batch[ROW])}
    if columns.image in batch:
        rows["image"] = list(map(open_picture, batch[columns.image], places))
    if columns.captions:
        texts = zip(*(batch[name] for name in columns.captions), strict=True)
        rows["caption"] = [_captions(row, at) for row, at in zip(texts, places, strict=True)]
    if columns.label is not None:
        rows["label"] = _numbers(batch[columns.label], names, places)
    if columns.templates:
        filled = {name: batch[name] for name in columns_of(columns.templates)}
        if columns.label is not None:
            filled[LABEL] = [names[label] for label in rows["label"]]
        rows["caption"] = [
            _worded(columns.templates, {name: values[n] for name, values in filled.items()}, at)
            for n, at in enumerate(places)
        ]
    for name in ("group", "family"):
        column = getattr(columns, name)
        if column is not None:
            rows[name] = [str(value) for value in batch[column]]
    return rows


def _worded(templates: tuple[str, ...], values: Mapping[str, Any], place: str) -> list[str]:
    found = worded(templates, values)
    if not found:
        columns = ", ".join(values)
        raise RowError(f"{place} has nothing in {columns} to make a caption of: fill or remove it")
    return found


def _numbers(labels: list[Any], names: tuple[str, ...], places: list[str]) -> list[Any]:
    """Labels as numbers; those that are numbers stay."""
    number_of = {name: number for number, name in enumerate(names)}
    for label, place in zip(labels, places, strict=True):
        if label is None:
            raise RowError(f"{place} has no label: give it one, or remove it")
    return [number_of[label] if isinstance(label, str) else label for label in labels]


def _captions(texts: Iterable[str | list[str] | None], place: str) -> list[str]:
    """Captions of a row, from all its columns, without the empty ones."""
    listed = [[text] if isinstance(text, str) else text or [] for text in texts]
    found = [text for some in listed for text in some if text and text.strip()]
    if not found:
        raise RowError(f"{place} has no caption: give it one, or remove it")
    return found


def _check_text(name: str, features: Features, place: str) -> None:
    if not is_text(features[name]):
        texts = ", ".join(other for other in features if is_text(features[other])) or "none"
        raise ValueError(
            f"column {name!r} of {place} holds {_type_name(features[name])}, captions must be "
            f"text: name another caption_column; columns of text: {texts}"
        )


def _is_pictures(feature: Any) -> bool:
    """Pictures come as such, as the bytes or the path of a file, or as both."""
    if isinstance(feature, Value):
        return feature.dtype.removeprefix("large_") in ("binary", "string")
    return isinstance(feature, Image) or (isinstance(feature, dict) and "bytes" in feature)


def is_text(feature: Any) -> bool:
    """Whether a column holds text, or lists of it."""
    inner = _inner(feature)
    return isinstance(inner, Value) and "string" in inner.dtype


def _type_name(feature: Any) -> str:
    inner = _inner(feature)
    return inner.dtype if isinstance(inner, Value) else type(inner).__name__


def _inner(feature: Any) -> Any:
    """Type of the values of a column, or of the items of its lists."""
    inner = getattr(feature, "feature", feature)
    return inner[0] if isinstance(inner, list) else inner

"""Which column of a table is which field of a row."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, Features, Image, Value

from lit_dalle.data.wording import as_templates, columns_of

ROW = "_row"
"""Column of the rows' numbers."""
TROUBLE = "_trouble"
"""Column of what a reader of files found wrong with a row, see ``listing.trouble``."""
RESERVED = (ROW, TROUBLE)
"""Names that are ours: columns of files that are called so are left out."""
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
    max_aspect_ratio: float | None = None
    min_caption_words: int = 0

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
        max_aspect_ratio: float | None = None,
        min_caption_words: int = 0,
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
            max_aspect_ratio: Filters pictures that are narrower.
            min_caption_words: Filters captions that are shorter.

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
                there = ", ".join(other for other in features if other not in RESERVED)
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
        return cls(
            image,
            captions,
            label,
            group,
            family,
            templates,
            max_aspect_ratio,
            min_caption_words,
        )

    def picture_alone(self) -> "Columns":
        """The pictures and what filters them, without all that is said of them."""
        return Columns(self.image, max_aspect_ratio=self.max_aspect_ratio)

    def used(self) -> list[str]:
        """Names of the columns that are read, each once."""
        filled = columns_of(self.templates)
        named = (self.image, *self.captions, *filled, self.label, self.group, self.family)
        return list(dict.fromkeys(name for name in named if name is not None))


def numbered(table: Dataset) -> Dataset:
    """Return a table that knows the numbers of its rows, so that errors can name them."""
    return table.add_column(ROW, np.arange(len(table)))


def group_of(value: Any, row: str) -> str:
    """Group of a row as text; a row without one is a group of its own.

    Args:
        value: What the column of groups says; null and NaN are none.
        row: What no other row is called.
    """
    if value is None or value != value:
        return row
    return str(value).encode("utf-8", "backslashreplace").decode()  # halves of surrogate pairs


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

"""Rows of a table under our names: each is read by itself, and what is wrong with it is noted."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from datasets import Dataset, Image
from PIL.Image import Image as Picture

from lit_dalle.data.columns import ROW, TROUBLE, Columns, group_of
from lit_dalle.data.notes import (
    NARROW,
    NO_CAPTION,
    NO_LABEL,
    NO_TEXT,
    SHORT_CAPTION,
    Note,
    RowError,
    is_usable,
)
from lit_dalle.data.pictures import read_picture
from lit_dalle.data.wording import LABEL, columns_of, is_whole, worded


def standard_rows(
    table: Dataset, columns: Columns, place: str, pictures: bool = True, names: tuple[str, ...] = ()
) -> Dataset:
    """Return a numbered table with rows under our names and, if wanted, decoded pictures.

    A row that cannot be used has None in its fields; ``notes`` says why, and what was converted.

    Args:
        table: As :func:`numbered` makes it.
        columns: Which column is what.
        place: Where the table is, for the text of errors.
        pictures: Whether the rows have pictures.
        names: Of the classes; labels that are words become their numbers here.
    """
    dropped = () if pictures else (columns.image,)
    kept = [n for n in columns.used() if n not in dropped]
    there = [name for name in (ROW, TROUBLE) if name in table.column_names]
    table = table.select_columns([*there, *kept])
    if pictures:
        table = table.cast_column(columns.image, Image(decode=False))
    return table.with_transform(RowReader(columns, place, names))


_Read = Callable[[Mapping[str, Any], str, list[Note]], Any]


@dataclass(frozen=True)
class RowReader:
    """Makes rows under our names of the columns of a table."""

    columns: Columns
    place: str
    names: tuple[str, ...] = ()
    """Of the classes."""

    def fields(self) -> tuple[str, ...]:
        """Names of the fields that rows have, usable or not."""
        return (*self._readers(pictures=True), "notes")

    def __call__(self, batch: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """Columns of some rows as they stand in the table → columns under our names."""
        numbers = batch[ROW]
        rows = [
            self._row({name: values[n] for name, values in batch.items()}, number)
            for n, number in enumerate(numbers)
        ]
        fields = list(rows[0]) if rows else []
        return {ROW: list(numbers)} | {name: [row[name] for row in rows] for name in fields}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}

    def _row(self, values: Mapping[str, Any], number: int) -> dict[str, Any]:
        """One row; each field is read by itself, so that all that is wrong is noted."""
        place = f"row {number} of {self.place}"
        notes: list[Note] = []
        row: dict[str, Any] = {}
        for trouble in values.get(TROUBLE) or ():
            column, kind, message = trouble.split("\t", 2)
            if not column or column in self.columns.used():
                notes.append(Note("skipped", kind, place, f"{place}: {message}"))
                break
        for field, read in self._readers(pictures=self.columns.image in values).items():
            try:
                row[field] = read(values, place, notes) if is_usable(notes) else None
            except RowError as error:
                row[field] = None
                notes.append(error.note(place))
        return row | {"notes": notes}

    def _readers(self, *, pictures: bool) -> dict[str, "_Read"]:
        """How each field that rows of this table have is read, what costs least first."""
        columns = self.columns
        fields: dict[str, _Read] = {}
        if columns.label is not None:
            fields["label"] = self._label
        if columns.templates:
            fields["caption"] = self._worded
        elif columns.captions:
            fields["caption"] = self._captions
        if columns.group is not None:
            fields["group"] = partial(_group, columns.group)
        if columns.family is not None:
            fields["family"] = partial(_family, columns.family)
        if pictures:
            fields["image"] = self._image
        return fields

    def _image(self, values: Mapping[str, Any], place: str, notes: list[Note]) -> Picture:
        picture, found = read_picture(_record(values[self.columns.image]), place)
        notes += found
        longest = self.columns.max_aspect_ratio
        if longest is not None and max(picture.size) > longest * min(picture.size):
            size = "×".join(map(str, picture.size))
            message = f"{place} is {size}, narrower than 1:{longest:g}"
            raise RowError(message, NARROW, "filtered")
        return picture

    def _label(self, values: Mapping[str, Any], place: str, notes: list[Note]) -> int:
        label = values[self.columns.label or ""]
        if label is None:
            raise RowError(f"{place} has no label: give it one, or remove it", NO_LABEL)
        number = self._class_number(label)
        if number is None or (self.names and not 0 <= number < len(self.names)):
            raise RowError(f"{place} has {label!r:.60} for a label, which is no class", NO_LABEL)
        return number

    def _class_number(self, label: Any) -> int | None:
        if isinstance(label, str):
            return self._numbers.get(label)
        if isinstance(label, float) and label.is_integer():
            return int(label)
        return label if isinstance(label, int) else None

    def _worded(self, values: Mapping[str, Any], place: str, notes: list[Note]) -> list[str]:
        templates = self.columns.templates
        filled = {name: values[name] for name in columns_of(templates)}
        if self.columns.label is not None:
            number = self._label(values, place, notes)
            filled[LABEL] = self.names[number] if self.names else number
        found = worded(templates, filled)
        if not found:
            names = ", ".join(filled)
            raise RowError(
                f"{place} has nothing in {names} to make a caption of: fill or remove it",
                NO_CAPTION,
            )
        return self._long_enough(found, place)

    def _captions(self, values: Mapping[str, Any], place: str, notes: list[Note]) -> list[str]:
        """Captions of a row, from all its columns, without the empty ones."""
        texts = [values[name] for name in self.columns.captions]
        listed = [text if isinstance(text, list) else [text] for text in texts]
        found = [text for some in listed for text in some if text is not None]
        found = [text for text in found if not isinstance(text, str) or text.strip()]
        if not found:
            raise RowError(f"{place} has no caption: give it one, or remove it", NO_CAPTION)
        readable = [text for text in found if isinstance(text, str) and _says_something(text)]
        if not readable:
            raise RowError(
                f"{place} has {found[0]!r:.60} for a caption, which says nothing: write one in "
                "words, or remove it",
                NO_TEXT,
            )
        return self._long_enough(readable, place)

    def _long_enough(self, captions: list[str], place: str) -> list[str]:
        least = self.columns.min_caption_words
        found = [text for text in captions if len(text.split()) >= least] if least else captions
        if not found:
            message = f"{place} has {captions[0]!r:.60} for a caption, below {least} words"
            raise RowError(message, SHORT_CAPTION, "filtered")
        return found


def _group(column: str, values: Mapping[str, Any], place: str, notes: list[Note]) -> str:
    return group_of(values[column], place)


def _family(column: str, values: Mapping[str, Any], place: str, notes: list[Note]) -> str:
    return str(values[column])


def _record(value: Any) -> Any:
    """A column of plain paths or bytes in the form that pictures have in ``datasets``."""
    if isinstance(value, str):
        return {"path": value, "bytes": None}
    return {"path": None, "bytes": value} if isinstance(value, bytes) else value


def _says_something(text: str) -> bool:
    """Whether a text is whole, and has a letter, a digit or a symbol such as an emoji."""
    return is_whole(text) and any(unicodedata.category(letter)[0] in "LNS" for letter in text)

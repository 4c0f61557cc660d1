"""Captions made of the other columns of a row, and whether a text is whole."""

import re
from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Any

LABEL = "label"
"""Placeholder of the class name, whatever its column is called."""
HALF = re.compile(r"[\ud800-\udfff]")
"""Half of a pair of surrogates, as JSON has it where a text was cut within an emoji."""


def as_templates(given: str | list[str] | None) -> tuple[str, ...]:
    """Return what a user gave as templates: one, several or none."""
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else tuple(given)


def placeholders(template: str) -> tuple[str, ...]:
    """Names that a template has in braces.

    Raises:
        ValueError: It has none, or its braces do not close.
    """
    try:
        names = tuple(name for _, name, _, _ in Formatter().parse(template) if name is not None)
    except ValueError as error:
        raise ValueError(f"caption_template {template!r} cannot be read: {error}") from error
    if not names or not all(names):
        raise ValueError(
            f"caption_template {template!r} names no column: write one in braces, as in "
            "'a photo of a {label}'"
        )
    return names


def columns_of(templates: Iterable[str]) -> tuple[str, ...]:
    """Columns that templates are filled from, each once, the class name not among them."""
    names = (name for template in templates for name in placeholders(template))
    return tuple(dict.fromkeys(name for name in names if name != LABEL))


def worded(templates: Iterable[str], values: Mapping[str, Any]) -> list[str]:
    """Fill templates with the values of a row; those that lack one are left out.

    Lists are written with commas: ``{tags}`` of ["sea", "boat"] is "sea, boat".
    """
    texts = {name: _text(value) for name, value in values.items()}
    return [
        template.format_map(texts)
        for template in templates
        if all(texts[name] for name in placeholders(template))
    ]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, Iterable):
        return ", ".join(text for text in map(_text, value) if text)
    return str(value)


def is_whole(text: str) -> bool:
    """Whether a text has no place that could not be read, and no half of a surrogate pair."""
    return "\ufffd" not in text and not HALF.search(text)

"""What a class name is put into before CLIP reads it, as published for each data set.

``templates.json`` holds the published sets ([C] 3.1.4; data/prompts.md and the ImageNet notebook of
the released code), with the published wording of labels where a data set's own are no words.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("templates.json")
PLAIN, PHOTO = ("{}",), ("a photo of a {}.",)


@dataclass(frozen=True)
class TemplateSet:
    """Templates of a data set, and how its labels are worded."""

    name: str
    """Under which it is asked for."""
    templates: tuple[str, ...]
    """Each with one ``{}``."""
    wordings: dict[str, tuple[str, ...]]
    """Published words for a label's own name, where they differ."""


def template_names() -> list[str]:
    """Names of the published sets."""
    return sorted(_published())


def published_set(name: str) -> TemplateSet:
    """Return a published set.

    Raises:
        ValueError: There is none of that name.
    """
    if name not in _published():
        raise ValueError(f"no templates {name!r}; there are {', '.join(template_names())}")
    facts = _published()[name]
    wordings = {
        label: (words,) if isinstance(words, str) else tuple(words)
        for label, words in facts.get("classes", {}).items()
    }
    return TemplateSet(name, tuple(facts["templates"]), wordings)


def known_set(data: str) -> str | None:
    """Return the name of the published set of a data set, told by the data set's own name."""
    last = _plain(data.rstrip("/").rpartition("/")[2])
    for name, facts in _published().items():
        if last in (_plain(name), *map(_plain, facts["aliases"])):
            return name
    return None


def read_templates(path: str | Path) -> tuple[str, ...]:
    """Read templates of one's own: a text file with one a line.

    Raises:
        FileNotFoundError: No such file.
        ValueError: It has no line, or a line without exactly one ``{}``.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no templates {path}: neither a file nor one of {', '.join(template_names())}"
        )
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return checked_templates([line for line in lines if line], str(path))


def checked_templates(templates: Sequence[str], place: str) -> tuple[str, ...]:
    """Return the templates if each has exactly one ``{}``.

    Raises:
        ValueError: There is none, or one is wrong; it is named.
    """
    if not templates:
        raise ValueError(f"{place} has no templates: write one a line, such as {PHOTO[0]}")
    for template in templates:
        if template.count("{}") != 1:
            raise ValueError(f"the template {template!r} of {place} needs exactly one {{}}")
    return tuple(templates)


def filled(template: str, words: str) -> str:
    """Put the words into a template, whatever braces they have."""
    return template.replace("{}", words)


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


@cache
def _published() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found

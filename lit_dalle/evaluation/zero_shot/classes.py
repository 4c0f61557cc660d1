"""Classes of a data set: what they are called, and what may describe them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ClassSet:
    """Classes in the order of their labels."""

    names: tuple[str, ...]
    """How results name them."""
    wordings: tuple[tuple[str, ...], ...]
    """What stands for each in a template; the features of several are averaged."""
    descriptions: tuple[tuple[str, ...], ...] = ()
    """Sentences that say what each looks like without its name; none where there are none."""

    @classmethod
    def named(
        cls, names: Sequence[str], wordings: Mapping[str, Sequence[str]] | None = None
    ) -> "ClassSet":
        """Take the labels' own names, underscores as spaces, or the wordings given for them."""
        given = wordings or {}
        worded = tuple(tuple(given.get(name, (name.replace("_", " "),))) for name in names)
        return cls(tuple(names), worded)

    def described(self) -> "ClassSet":
        """Return the classes with their descriptions as wordings.

        Raises:
            ValueError: A class has none.
        """
        given = self.descriptions or ((),) * len(self.names)
        lacking = [name for name, found in zip(self.names, given, strict=True) if not found]
        if lacking:
            raise ValueError(
                f"classes are asked for by description, and {lacking[0]} has none: give a class "
                'file with entries such as {"name": "zebra", "descriptions": ["a striped horse"]}'
            )
        return replace(self, wordings=self.descriptions)

    def ordered(self, names: Sequence[str]) -> "ClassSet":
        """Return the classes in the order of a data set's label names.

        Raises:
            ValueError: The names are others.
        """
        if sorted(names) != sorted(self.names):
            odd = sorted(set(names) ^ set(self.names))
            raise ValueError(
                f"the class file has {len(self.names)} classes, the data set {len(names)}, and "
                f"{', '.join(odd[:3])} is not in both"
            )
        at = [self.names.index(name) for name in names]
        descriptions = tuple(self.descriptions[i] for i in at) if self.descriptions else ()
        return ClassSet(tuple(names), tuple(self.wordings[i] for i in at), descriptions)


def read_classes(path: str | Path) -> ClassSet:
    """Read a class file.

    ``.txt``: a name a line. ``.json``: a list of names, or of objects with ``name`` and, where
    wanted, ``wordings`` (words or a list) and ``descriptions`` (sentences or a list).

    Raises:
        FileNotFoundError: No such file.
        ValueError: It cannot be read, a class has no name, or two have the same.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no class file {path}")
    text = path.read_text(encoding="utf-8")
    entries: Any = [line.strip() for line in text.splitlines() if line.strip()]
    if path.suffix == ".json":
        try:
            entries = json.loads(text)
        except ValueError as error:
            raise ValueError(f"{path} is not readable as JSON: {error}") from error
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{path} has no classes: a list of names or objects is expected")
    read = [_entry(entry, number, path) for number, entry in enumerate(entries)]
    names = tuple(name for name, _, _ in read)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{path} names {', '.join(twice[:3])} twice")
    descriptions = tuple(sentences for _, _, sentences in read)
    return ClassSet(
        names, tuple(words for _, words, _ in read), descriptions if any(descriptions) else ()
    )


def _entry(entry: Any, number: int, path: Path) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Name, wordings and descriptions of one class."""
    facts = {"name": entry} if isinstance(entry, str) else entry
    if not isinstance(facts, dict) or not str(facts.get("name") or "").strip():
        raise ValueError(f"class {number} of {path} has no name")
    name = str(facts["name"])
    return name, _texts(facts.get("wordings", name)), _texts(facts.get("descriptions", ()))


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(map(str, value))

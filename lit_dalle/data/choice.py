"""Which rows of a table are taken, by what stands in its columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from datasets import Dataset

from lit_dalle.data.columns import RESERVED, TROUBLE

Conditions = Mapping[str, str | Sequence[str]]
"""Column → the value, or the values, that count; all are compared as text, null is empty."""
NAMED = 8
"""Values that an error names."""


@dataclass(frozen=True)
class Choice:
    """The rows that have some values and have not others; by default all rows.

    A row that is damaged, so that a column which is looked at is empty, is taken whatever is asked
    for: who reads it will tell, and count it.
    """

    where: Conditions = field(default_factory=dict)
    """Rows have one of the values in each of these columns."""
    where_not: Conditions = field(default_factory=dict)
    """Rows have none of the values in any of these columns."""

    @property
    def columns(self) -> list[str]:
        """Names of the columns that are looked at, each once."""
        return list(dict.fromkeys((*self.where, *self.where_not)))

    def check(self, there: Iterable[str], place: str) -> None:
        """See that a table has the columns.

        Raises:
            ValueError: It lacks one.
        """
        names = list(there)
        for name in self.columns:
            if name not in names:
                others = ", ".join(other for other in names if other not in RESERVED)
                raise ValueError(f"{place} has no column {name!r}; it has {others}")

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is taken."""
        damaged = bool(row.get(TROUBLE))
        return all(
            (damaged and row.get(name) is None) or (_text(row.get(name)) in values) == wanted
            for name, values, wanted in self._conditions()
        )

    def of(self, table: Dataset, place: str) -> Dataset:
        """The rows of a table that are taken; one that is all taken comes back itself.

        Raises:
            ValueError: The table lacks a column, or no row is left.
        """
        self.check(table.column_names, place)
        if not self.columns:
            return table
        kept = np.ones(len(table), bool)
        troubles = table[TROUBLE] if TROUBLE in table.column_names else [None] * len(table)
        damaged = np.array([bool(trouble) for trouble in troubles], bool)
        for name, values, wanted in self._conditions():
            column = list(table[name])
            empty = np.array([value is None for value in column], bool)
            kept &= np.array([(_text(value) in values) == wanted for value in column]) | (
                damaged & empty
            )
            if not kept.any():
                some = ", ".join(map(repr, sorted(set(map(_text, column)))[:NAMED]))
                asked = " or ".join(map(repr, values))
                raise ValueError(
                    f"no row of {place} has {'' if wanted else 'something other than '}{asked} as "
                    f"its {name} beside what else is asked for; there are {some}"
                )
        return table if kept.all() else table.select(np.flatnonzero(kept))

    def _conditions(self) -> Iterator[tuple[str, tuple[str, ...], bool]]:
        """Each column with the values that count, and whether rows shall have one of them."""
        for conditions, wanted in ((self.where, True), (self.where_not, False)):
            for name, values in conditions.items():
                yield name, (values,) if isinstance(values, str) else tuple(values), wanted


def _text(value: Any) -> str:
    return "" if value is None else str(value)

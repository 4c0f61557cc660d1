"""The rows as a table for the terminal: the many parts of a case in one column."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

FIRST = ("what", "size")
"""Parts of a case with a column of their own."""


def table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the rows of a result file, with a line between what is measured."""
    shown = Table(title="throughput", header_style="")
    for name in (*FIRST, "case", "metric"):
        shown.add_column(name)
    for name in ("value", "95 % interval"):
        shown.add_column(name, justify="right")
    before = None
    for row in rows:
        first = [str(row["case"].get(name, "")) for name in FIRST]
        if before not in (None, first):
            shown.add_section()
        interval = f"{row['low']:.4g} – {row['high']:.4g}" if "low" in row else ""
        value = f"{row['value']:.4g} {row['unit']}".strip()
        shown.add_row(*first, _rest(row["case"]), row["metric"], value, interval)
        before = first
    return shown


def _rest(case: dict[str, Any]) -> str:
    return " · ".join(f"{name} {value}" for name, value in case.items() if name not in FIRST)

"""Zero-shot results at a glance: a line a data set, and one for each probe beside it."""

from typing import Any

from rich.table import Table

from lit_dalle.evaluation.results import ResultFile

COLUMNS = {
    "pictures": "pictures",
    "accuracy": "top-1",
    "accuracy@5": "top-5",
    "recall": "class recall",
    "chance": "chance",
    "published": "published",
}
"""Metrics that are columns, and what stands above them; shares are shown in per cent."""


def table(results: ResultFile) -> Table:
    """Return the table for the terminal."""
    found: dict[str, dict[str, str]] = {}
    for row in results.rows:
        case = row["case"]
        kind = case.get("row")
        line = found.setdefault(_line(case), {})
        column = "published" if kind == "published" else row["metric"]
        line[column] = _number(row)
    shown = [name for name in COLUMNS if any(name in line for line in found.values())]
    made = Table(title="Zero-shot accuracy (%), with 95 % intervals")
    made.add_column("data set", overflow="fold")
    for name in shown:
        made.add_column(COLUMNS[name], justify="right")
    for name, line in found.items():
        made.add_row(name, *(line.get(column, "") for column in shown))
    return made


def _line(case: dict[str, Any]) -> str:
    if case.get("row") == "probe":
        return f"  probe, {case['shots']} labels a class"
    return str(case["data"])


def _number(row: dict[str, Any]) -> str:
    if row["metric"] == "pictures":
        return f"{row['value']:,}"
    value = f"{100 * row['value']:.1f}"
    return (
        value if "low" not in row else f"{value} ({100 * row['low']:.1f}–{100 * row['high']:.1f})"
    )

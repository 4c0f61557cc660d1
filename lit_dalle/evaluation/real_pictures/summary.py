"""The benchmark of real pictures at a glance: tables for the terminal."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from lit_dalle.evaluation.results import ResultFile

APART = ("set", "row", "language", "seed", "split", "family", "caption")
"""Keys of a case that make a line of a table; the others only say more."""
TABLES = (
    ("Tokenizer, hard tokens", ("split", "family")),
    ("Loss by caption (nats/image token)", ("split", "caption")),
    ("What a wrong caption costs (nats/image token)", ("split",)),
    ("Prompts", ("set",)),
    ("Pictures judged", ("set", "row")),
    ("Pictures judged, by seed", ("set", "row", "seed")),
    ("Prompts that fit in every language", ("set", "language")),
    ("Prompts in several languages", ("set", "language", "row")),
)


def tables(results: ResultFile) -> Iterator[Table]:
    """Yield a table of each part that was measured: a line a case, a column a metric."""
    for title, keys in TABLES:
        rows = [row for row in results.rows if _keys(row) == set(keys)]
        if rows:
            yield _table(title, keys, rows)


def _keys(row: dict[str, Any]) -> set[str]:
    return set(row["case"]) & set(APART)


def _table(title: str, keys: Sequence[str], rows: Sequence[dict[str, Any]]) -> Table:
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        line = tuple(str(row["case"][key]) for key in keys)
        lines.setdefault(line, {})[row["metric"]] = _cell(row)
    table = Table(title=title)
    for key in keys:
        table.add_column(key)
    for metric in metrics:
        table.add_column(metric, justify="right")
    for line, cells in lines.items():
        table.add_row(*line, *(cells.get(metric, "") for metric in metrics))
    return table


def _cell(row: dict[str, Any]) -> str:
    value = f"{row['value']:.4g}"
    if "low" in row:
        value += f" [{row['low']:.3g}, {row['high']:.3g}]"
    pictures = row["case"].get("pictures")
    return value if pictures is None else f"{value} of {pictures}"

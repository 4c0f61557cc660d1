"""The composition benchmark at a glance: a table a split, for page and terminal."""

from collections.abc import Iterator, Mapping

from rich.table import Table

from lit_dalle.evaluation.results import ResultFile

ALL = "all"
"""Family (or tag) that stands for the mean of all."""
COLUMNS = ("ground-truth", "tokenizer", "retrieval", "random", "model", "clip", "oracle")
"""Rows of the result file that are columns of the table."""
APART = {"reason", "seed", "pool", "form"}
"""Keys of a case that the table has no place for: parts of the prompts, and binding."""


def summary(results: ResultFile, most: int) -> dict[str, dict[str, dict[str, float]]]:
    """Gather accuracies by split, family (or tag) and column.

    Args:
        results: Rows of the benchmark.
        most: N of the selected and the oracle best that are shown.
    """
    splits: dict[str, dict[str, dict[str, float]]] = {}
    for row in results.rows:
        case = row["case"]
        if row["metric"] != "accuracy" or APART & set(case):
            continue
        if case["row"] in ("clip", "oracle") and case["n"] != most:
            continue
        group = case["family"] if "family" in case else case["tag"]
        found = splits.setdefault(case.get("split", ""), {}).setdefault(group, {})
        found[case["row"]] = row["value"]
    return splits


def columns_of(groups: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Columns that some family has."""
    return [name for name in COLUMNS if any(name in row for row in groups.values())]


def column_name(column: str, most: int) -> str:
    """What stands above a column."""
    names = {
        "ground-truth": "truth",
        "model": "one sample",
        "clip": f"best of {most}",
        "oracle": f"oracle best of {most}",
    }
    return names.get(column, column)


def title_of(split: str) -> str:
    """What stands above a table."""
    return f"Accuracy, {split} (%)" if split else "Accuracy (%)"


def per_cent(share: float | None) -> str:
    """A share as the table shows it."""
    return "" if share is None else f"{100 * share:.1f}"


def tables(results: ResultFile, most: int) -> Iterator[Table]:
    """A table a split for the terminal, in per cent.

    Args:
        results: Rows of the benchmark.
        most: N of the selected and the oracle best that are shown.
    """
    for split, groups in summary(results, most).items():
        columns = columns_of(groups)
        table = Table("", title=title_of(split))
        for name in columns:
            table.add_column(column_name(name, most), justify="right")
        for group, shares in groups.items():
            table.add_row(group, *(per_cent(shares.get(name)) for name in columns))
        yield table


def lines(results: ResultFile) -> Iterator[str]:
    """What the tables have no place for, in words: selection, copies and CLIP's binding."""
    for row in results.rows:
        case, apart = row["case"], APART - {"form"}
        beside = row["metric"] != "accuracy" or "form" in case
        if ALL in case.values() and beside and not apart & set(case):
            words = " ".join(f"{name} {value}" for name, value in case.items())
            interval = f" [{row['low']:.3f}, {row['high']:.3f}]" if "low" in row else ""
            yield f"{row['metric']} ({words}): {row['value']:.3f}{interval}"

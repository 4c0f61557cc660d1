"""The composition benchmark at a glance: a table a split, for page and terminal."""

from collections.abc import Mapping

from lit_dalle.evaluation.results import ResultFile

ALL = "all"
"""Family (or tag) that stands for the mean of all."""
COLUMNS = ("ground-truth", "tokenizer", "retrieval", "random", "model", "clip", "oracle")
"""Rows of the result file that are columns of the table."""
APART = {"reason", "seed", "pool"}
"""Keys of a case that the table has no place for."""


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
        "clip": f"CLIP best of {most}",
        "oracle": f"oracle best of {most}",
    }
    return names.get(column, column)


def title_of(split: str) -> str:
    """What stands above a table."""
    return f"Accuracy, {split} (%)" if split else "Accuracy (%)"


def per_cent(share: float | None) -> str:
    """A share as the table shows it."""
    return "" if share is None else f"{100 * share:.1f}"

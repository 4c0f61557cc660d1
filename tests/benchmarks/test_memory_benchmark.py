"""The memory benchmark measures what it says, at a size of a few thousand weights."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def memory(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("memory")


@pytest.mark.parametrize("task", ["training", "training, checkpointed", "sampling"])
def test_case_runs_and_is_estimated(memory, task):
    size = memory.SIZES["XS"]
    case = memory.Case(task, size, memory.Plan(quick=True), keeps_freed=False)
    run = memory.sample if task == "sampling" else memory.train
    run(size.dalle, 2, case)
    assert task in memory.TASKS
    assert case.estimate().total > 0


def test_rows_hold_estimate_peak_and_ratio(memory, monkeypatch):
    monkeypatch.setattr(memory, "in_fresh_process", lambda case: case.estimate().total * 2)
    results = memory.ResultFile("memory", {})
    case = memory.Case("training", memory.SIZES["XS"], memory.Plan(), keeps_freed=True)
    memory._add_rows(results, case)
    values = {row["metric"]: row["value"] for row in results.rows}
    assert values["memory_estimate_ratio"] == 0.5
    assert values["peak_memory"] == 2 * values["estimated_memory"]

import json
import runpy
import sys
from pathlib import Path

from tiny_world import parity, tiny_world_pipeline

from lit_dalle.evaluation import grading

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "composition.py"


def test_the_benchmark_writes_a_result_file(tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "grade", parity)
    tiny_world_pipeline().save_pretrained(tmp_path / "tiny")
    options = ["--families", "light", "--prompts-per-family", "1", "--candidates", "2", "--quick"]
    more = ["--training-pictures", "4", "--binding-tests", "3", "--pipeline", tmp_path / "tiny"]
    arguments = [*options, *more, "--out", tmp_path / "found.json", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["benchmark"] == "composition"
    assert found["setting"]["command"].startswith(
        "python benchmarks/composition.py --families light"
    )
    splits = {row["case"]["split"] for row in found["rows"] if "form" not in row["case"]}
    assert splits == {"iid", "held-out"}
    binding = [row["case"] for row in found["rows"] if "form" in row["case"]]
    assert {case["kind"] for case in binding if case.get("split") == "iid"} == {"replace", "add"}

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "grading.py"


def test_the_benchmark_writes_rates_speed_and_agreement(tmp_path: Path) -> None:
    options = ["--pipeline=none", "--families", "count", "--renders=6", f"--show={tmp_path / 's'}"]
    command = [sys.executable, str(SCRIPT), *options, "--out", str(tmp_path / "results.json")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads((tmp_path / "results.json").read_text())
    assert (found["setting"]["world"], found["setting"]["dvae"]) == ("1", None)
    rates = {
        row["metric"]: row["value"]
        for row in found["rows"]
        if row["case"] == {"family": "count", "picture": "render"}
    }
    assert rates.pop("graded") > 0
    assert rates == {
        "right called right": 1,
        "changed called wrong": 1,
        "extra called wrong": 1,
    }
    attributes = {row["case"].get("attribute") for row in found["rows"]} - {None}
    assert attributes <= {"count", "colour", "shape"}
    assert attributes
    readings = [row["case"]["reading"] for row in found["rows"] if row["metric"] == "agreement"]
    assert readings == ["world-1", "world-2", "world-3"]

"""The benchmark of editing writes its rows and sheets, and says what is wrong in one line."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*options):
    command = [sys.executable, ROOT / "benchmarks/editing.py", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_rows_and_sheets(tmp_path):
    done = run(
        *("--tasks", "attribute,completion", "--cases", 1, "--candidates", 2),
        *("--out", tmp_path / "editing.json", "--grids", tmp_path / "grids"),
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "editing.json").read_text())["rows"]
    found = {(r["case"]["task"], r["case"]["row"], r["case"].get("n"), r["metric"]) for r in rows}
    for task, ways in (
        ("attribute", ("any-order", "forced-raster")),
        ("completion", ("any-order", "completion")),
    ):
        for way in ways:
            assert {(task, way, 1, "accuracy"), (task, way, 2, "accuracy")} <= found
            assert {(task, way, None, "bytes_equal"), (task, way, None, "seam")} <= found
    assert all(r["value"] == 1 for r in rows if r["metric"] == "bytes_equal")
    assert {path.name for path in (tmp_path / "grids").iterdir()} == {
        "attribute.png",
        "completion.png",
    }


def test_bad_options_are_one_line():
    for options, message in (
        (("--tasks", "painting"), "no painting; there are attribute"),
        (("--guidance", "nan"), "guidance must be a finite number"),
    ):
        done = run(*options)
        assert done.returncode == 2
        assert message in done.stderr.strip().splitlines()[-1]

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "token_cache.py"


def test_rows_that_fill_no_batch_are_refused():
    command = [sys.executable, SCRIPT, "--quick", "--batch", "512"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.endswith("error: --batch must be from 1 to --rows (256), got 512\n")


def test_it_times_updates_and_finds_equal_losses(tmp_path):
    options = ["--quick", "--rows", "16", "--batch", "4", "--seconds", "0"]
    command = [sys.executable, SCRIPT, *options, "--out", tmp_path / "x.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    result = json.loads((tmp_path / "x.json").read_text())
    rows = {(row["case"].get("who"), row["metric"]): row["value"] for row in result["rows"]}
    assert rows[None, "loss_difference"] == 0
    assert rows[None, "last_loss"] > 1
    for who in ("memory", "data module"):
        assert rows[who, "step_seconds"] > rows[None, "wait_seconds"] > 0
    for who in ("cache", "npy memmap"):
        assert rows[who, "rows_per_s"] > 1000
    assert 0 < rows[None, "wait_share"] < 1
    assert {(None, "rate_ratio"), (None, "step_ratio")} <= set(rows)

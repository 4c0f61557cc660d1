"""Logs of runs become rows and a plot; folders that are no such run are refused."""

import json
import runpy
import sys
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

ROOT = Path(__file__).parents[2]
RECIPE = (ROOT / "configs" / "world" / "dalle.yaml").read_text()


@pytest.fixture
def growth(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.chdir(ROOT)

    def run(*options):
        monkeypatch.setattr(sys, "argv", ["benchmarks/growth.py", *map(str, options)])
        runpy.run_path(str(ROOT / "benchmarks" / "growth.py"), run_name="__main__")

    return run


def log(folder, values, recipe=RECIPE):
    with SummaryWriter(folder) as board:
        for step, (iid, held_out) in values.items():
            board.add_scalar("val/composition", iid, step)
            board.add_scalar("val/composition_held_out", held_out, step)
    (folder / "config.yaml").write_text(recipe)
    return folder


def test_logs_become_rows_and_a_plot(growth, tmp_path):
    pytest.importorskip("matplotlib")
    small = RECIPE.replace("dim: 384", "dim: 192")
    sizes = [
        log(tmp_path / "small", {10: (0.125, 0.0)}, small),
        log(tmp_path / "large", {5: (0.25, 0.125), 10: (0.5, 0.25)}),
    ]
    out, plot = tmp_path / "growth.json", tmp_path / "growth.png"
    growth(*sizes, "--long", f"{sizes[0]}:8", sizes[1], "--out", out, "--plot", plot)
    rows = json.loads(out.read_text())["rows"]
    at_end = {
        (Path(row["case"]["run"]).name, row["case"]["split"]): row
        for row in rows[:6]
        if row["case"]["updates"] == 10
    }
    assert {key: row["value"] for key, row in at_end.items()} == {
        ("small", "iid"): 0.125,
        ("small", "held-out"): 0.0,
        ("large", "iid"): 0.5,
        ("large", "held-out"): 0.25,
    }
    large, little = (at_end[name, "iid"] for name in ("large", "small"))
    assert large["case"]["weights"] > 3 * little["case"]["weights"]
    # 72 of the 144 pictures that eight prompts a family, two samples each, are
    assert (large["low"], large["high"]) == pytest.approx((0.4194, 0.5806), abs=1e-4)
    course = [
        (row["case"]["updates"], row["value"]) for row in rows[6:] if row["case"]["split"] == "iid"
    ]
    assert course == [(10, 0.125), (13, 0.25), (18, 0.5)]  # the second part starts from update 8
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_folders_without_graded_pictures_are_refused(growth, tmp_path):
    with pytest.raises(SystemExit, match=r"there is no run in .*nothing: it lacks config\.yaml"):
        growth(tmp_path / "nothing")
    with pytest.raises(SystemExit, match="has logged no val/composition yet"):
        growth(log(tmp_path / "early", {}))
    without = RECIPE.replace("CompositionLogger", "SampleLogger")
    with pytest.raises(SystemExit, match="it has no CompositionLogger"):
        growth(log(tmp_path / "other", {1: (0.5, 0.5)}, without))

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_world import parity, tiny_world_pipeline

from lit_dalle.data.world import compositions
from lit_dalle.evaluation import grading

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ranking.py"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "grade", parity)
    tiny_world_pipeline().save_pretrained(tmp_path / "tiny")

    def run(*more):
        options = ["--families", "light", "count", "--prompts-per-family", "4", "--candidates", "6"]
        where = ["--pipeline", tmp_path / "tiny", "--device", "cpu", "--precision", "float32"]
        files = ["--out", tmp_path / "found.json", "--work", tmp_path / "work"]
        arguments = [SCRIPT, *options, *where, *files, *more]
        monkeypatch.setattr(sys, "argv", list(map(str, arguments)))
        runpy.run_path(str(SCRIPT), run_name="__main__")
        return json.loads((tmp_path / "found.json").read_text())

    return run


def test_the_benchmark_writes_rows_of_both_halves_and_goes_on(run, tmp_path, monkeypatch, capsys):
    found = run("--weights", "0.5", "2")
    facts = found["setting"]
    assert found["benchmark"] == "ranking"
    assert facts["prompts"] == {"light": 4, "count": 4}
    assert (facts["first_prompt"], facts["likelihood_weight"]) == (100, 0.0)
    cases = [row["case"] for row in found["rows"]]
    assert {case["family"] for case in cases} == {"light", "count", "all"}
    rows = ["model", "oracle", "clip", "caption", "gain", "mix", "chosen"]
    assert {case["row"] for case in cases} == set(rows)
    assert {case["weight"] for case in cases if case["row"] == "mix"} == {0.5, 2.0}
    (weight,) = {case["weight"] for case in cases if case["row"] == "chosen"}
    assert f"likelihood_weight {weight:g}" in capsys.readouterr().out
    pools = sorted((tmp_path / "work" / "seed-0").glob("*.npz"))
    assert [path.stem for path in pools] == [
        *(f"count-iid-{number:04d}" for number in range(100, 104)),
        *(f"light-iid-{number:04d}" for number in range(100, 104)),
    ]
    monkeypatch.setattr("lit_dalle.evaluation.composition.painter.generate_image_tokens", None)
    assert run("--weights", "0.5", "2")["rows"] == found["rows"]
    assert np.load(pools[0])["tokens"].shape == (6, 16)


def test_every_family_has_prompts_to_calibrate_on():
    for family in ("telephone", "light"):  # those of the fewest compositions
        assert len(compositions(family, "test")) >= 150, family


def test_negative_weights_are_refused(run, capsys):
    with pytest.raises(SystemExit):
        run("--weights", "0.5", "-1")
    assert "weights must be 0 or more, got -1.0" in capsys.readouterr().err

import importlib
import json
import subprocess
import sys
from pathlib import Path

import datasets
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SOURCES = ("parquet", "tar", "folder", "parquet, streamed", "tar, streamed")


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture
def plan(module):
    results = importlib.import_module("lit_dalle.evaluation.results")
    return module("rows.plan").Plan(results.ResultFile("loading", {}), quick=True)


def values(rows, metric, **case):
    return [
        row["value"]
        for row in rows
        if row["metric"] == metric and case.items() <= row["case"].items()
    ]


def test_damage_is_counted(tmp_path):
    out = tmp_path / "x.json"
    options = ["--quick", "--only", "damage", "--rows", "200", "--workers", "0"]
    command = [sys.executable, BENCHMARKS / "loading.py", *options, "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    rows = json.loads(out.read_text())["rows"]
    assert values(rows, "damaged") == [20]
    assert values(rows, "planned") == [1] * 20
    assert values(rows, "counted") == [*([1] * 20), 20]
    assert values(rows, "shown_again") == values(rows, "cannot_be_used") == [12]
    none = ("lost_rows", "shown_by_mistake", "counted_by_mistake")
    for metric in (*none, "ledger_difference"):
        assert values(rows, metric, what="damage") == [0]


@pytest.mark.parametrize("rows", ["0", "100", "250", "-200", "many"])
def test_rows_that_do_not_come_out_even_are_refused(module, monkeypatch, capsys, rows):
    monkeypatch.setattr(sys, "argv", ["loading.py", f"--rows={rows}"])
    with pytest.raises(SystemExit):
        module("loading").main()
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith(f"argument --rows: rows come in multiples of 200, got {rows}")


def test_what_is_left_out_stands_in_the_result(module, plan, monkeypatch, tmp_path):
    wait, memory = module("rows.wait"), module("rows.memory")
    monkeypatch.setattr(wait, "REPOSITORY", tmp_path)
    monkeypatch.setattr(wait, "RECIPES", ("emoji/dvae", "emoji/clip"))
    monkeypatch.setattr(memory, "STATUS", tmp_path / "status")
    wait.run(plan)
    memory.run(plan)
    assert plan.results.rows == []
    assert plan.results.setting["left_out"] == {
        "wait: emoji/dvae": "there is no data/emoji",
        "wait: emoji/clip": "there is no data/emoji, runs/emoji/english.json",
        "memory": "the system does not tell the resident size",
    }


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # left by `datasets`
def test_speed_is_compared(module, plan, monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)
    plan.rows, plan.workers = 128, 0
    module("rows.speed").run(plan)
    for source in SOURCES:
        case = {"what": "speed", "source": source}
        ours, theirs = (
            values(plan.results.rows, "rows_per_second", **case, by=who)[0]
            for who in ("ours", "datasets")
        )
        assert values(plan.results.rows, "ratio", **case)[0] == pytest.approx(ours / theirs, rel=1)
    assert not any("low" in row for row in plan.results.rows)  # an interval of three says nothing


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="sizes come from proc(5)")
@pytest.mark.parametrize("source", ["parquet", "tar"])
def test_the_resident_size_is_looked_at(module, source, tmp_path):
    memory = module("rows.memory")
    files = memory.write_shards(tmp_path, source, 20)
    sizes = memory.stream(files, source, 0, 20)
    assert [read for read, _ in sizes] == [20, 220, 400]
    assert all(50 < size < 5000 for _, size in sizes)


@pytest.mark.slow
def test_a_killed_run_is_compared_with_a_whole_one(module, plan, tmp_path):
    resume = module("rows.resume")
    setting = resume.Setting("3 of 40", (40, 40, 40), batch=5)
    resume.run_one(plan, tmp_path, setting, (0.6,))
    found = {row["metric"]: row["value"] for row in plan.results.rows}
    assert found == {"rows": 240, "shown_twice": 0, "missing": 0, "differing_steps": 0}


def test_what_a_killed_process_was_writing_does_not_count(module, tmp_path):
    resume = module("rows.resume")
    assert resume.seen_by(tmp_path, 2) == []
    (tmp_path / "0.jsonl").write_text("[0, 0, [1, 2]]\n[0, 1, [3, 4]]\n")
    (tmp_path / "1.jsonl").write_text("[0, 0, [5, 6]]\n[0, 1, [7")
    assert resume.seen_by(tmp_path, 2) == [resume.Step(0, 0, (1, 2, 5, 6))]


def test_miscounted_rows_are_told(module, plan):
    damage, kinds = module("rows.damage"), module("rows.kinds")
    names = [*kinds.KINDS, kinds.SOUND, kinds.SOUND]
    rows = [kinds.Row(name, f"{n}.png", b"", b"") for n, name in enumerate(names)]
    noted = {n: frozenset(kinds.KINDS[name].noted) for n, name in enumerate(names) if name}
    noted[0], noted[20] = frozenset({"converted/grey"}), frozenset({"converted/palette"})
    shown = damage.Counter({1: 1, 8: 2, 20: 1})
    ledger = damage.Counter({"read": 21})
    damage.add_rows(plan, rows, damage.Noted(shown, noted, ledger))
    totals = {row["metric"]: row["value"] for row in plan.results.rows if len(row["case"]) == 1}
    used = sum(kind.is_used for kind in kinds.KINDS.values()) + 2
    assert totals["counted"] == 19
    assert totals["counted_by_mistake"] == 1
    assert totals["lost_rows"] == used - 2
    assert totals["cannot_be_used"] == len(rows) - used
    assert totals["shown_again"] == 1
    assert totals["shown_by_mistake"] == 1
    planned = sum(len(kind.noted) for kind in kinds.KINDS.values())
    assert totals["ledger_difference"] == planned + 1


def test_every_recipe_whose_wait_is_measured_is_there(module):
    wait = module("rows.wait")
    loader = module("speed.loader")
    assert (wait.LOADING, wait.STEPPING) == (loader.LOADING, loader.STEPPING)
    for recipe in (*wait.RECIPES, *wait.NEEDED, *wait.SEVERAL):
        assert (wait.REPOSITORY / "configs" / f"{recipe}.yaml").is_file()


def test_a_recipes_source_is_made_with_all_that_is_within_it(module):
    world = {"class_path": "lit_dalle.data.WorldSource", "init_args": {"size": 3}}
    mixed = {
        "class_path": "lit_dalle.data.MixedSource",
        "init_args": {"sources": [world, world], "weights": [1, 0.5]},
    }
    source = module("rows.wait").made(mixed)
    assert len(source.picture_rows("train")) == 6
    assert list(source.weights) == [1, 0.5]

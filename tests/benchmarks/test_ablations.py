"""Variation files are read strictly, shipped ones parse, and what is finished is not run again."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "benchmarks" / "ablations").glob("*.yaml"))
PLAN = {
    "config": "configs/world/dvae.yaml",
    "steps": 3,
    "metrics": {"val/psnr": "dB"},
    "overrides": [
        "--config=configs/overlays/tiny-dvae.yaml",
        "--data.source.init_args.size=40",
        "--data.source.init_args.eval_size=8",
    ],
    "variations": {
        "recipe": {"flags": []},
        "wide": {"flags": ["--model.init_args.config.hidden=8"], "why": "twice as wide"},
    },
}


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.chdir(ROOT)
    return importlib.import_module


class FalseFit:
    """In the place of processes: logs what ``lit-dalle fit`` logs, with updates of 2 s."""

    STDOUT = subprocess.STDOUT

    def __init__(self):
        self.runs = 0

    def run(self, command, stdout, **options):
        self.runs += 1
        given = dict(flag[2:].split("=", 1) for flag in command if flag.startswith("--"))
        steps = int(given["trainer.max_steps"])
        if given.get("data.batch_size") == "13":
            stdout.write("it begins\nthirteen is bad luck\n")
            return subprocess.CompletedProcess(command, 1)
        with SummaryWriter(given["run"]) as board:
            for step in range(steps):
                board.add_scalar("train/loss", 1 / (step + 1), step, walltime=100 + 2 * step)
            board.add_scalar("val/psnr", 20 + int(given["data.seed"]), steps - 1)
            board.add_scalar("val/early", 1.0, steps - 2)
            board.add_scalar("val/broken", float("nan"), steps - 1)
        return subprocess.CompletedProcess(command, 0)


@pytest.fixture
def run_benchmark(module, monkeypatch, tmp_path):
    """The script, with runs that are not trained and flags that are not parsed."""
    ablations, checked = module("ablations"), module("trials.checked")
    fit = FalseFit()
    monkeypatch.setattr(module("trials.run"), "subprocess", fit)
    net = checked.Checked(weights=7, precision="bf16-mixed", device="cpu")
    monkeypatch.setattr(ablations, "check", lambda flags: net)

    def run_it(plan, *options):
        """Result file, and how many runs there were."""
        before, out = fit.runs, tmp_path / "out.json"
        files = [str(written(tmp_path, plan)), "--work", str(tmp_path / "work"), "--out", str(out)]
        monkeypatch.setattr(sys, "argv", ["ablations.py", *files, *options])
        ablations.main()
        return json.loads(out.read_text()), fit.runs - before

    return run_it


def written(folder, plan):
    path = folder / "tiny.yaml"
    path.write_text(json.dumps(plan))
    return path


def changed(**parts):
    return {key: value for key, value in (PLAN | parts).items() if value is not None}


def test_file_is_read(module, tmp_path):
    plan = module("trials.plan").read_plan(written(tmp_path, PLAN))
    assert (plan.stage, plan.steps, plan.seeds) == ("tiny", 3, (0,))
    assert plan.metrics == {"val/psnr": "dB"}
    assert [one.name for one in plan.variations] == ["recipe", "wide"]
    assert plan.variations[1].why == "twice as wide"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"steps": None}, "does not say steps"),
        ({"steps": 0}, "at least 1 expected, got 0"),
        ({"validations": 0}, "validations: a number of at least 1 expected, got 0"),
        (
            {"variations": {"recipe": {"flags": [], "steps": "3"}}},
            "variation recipe: steps: a number of at least 1 expected, got '3'",
        ),
        ({"step": 3}, "says step, which nobody reads"),
        ({"metrics": ["val/psnr"]}, "each with its unit"),
        ({"metrics": {"val/psnr": None}}, "val/psnr: a unit in quotes"),
        ({"seeds": [0, 0]}, "each once"),
        ({"seeds": 2}, "a list of numbers"),
        ({"variations": {}}, "there are none"),
        ({"variations": {"a/b": {"flags": []}}}, "a/b: a name has letters"),
        ({"variations": {"a": ["--x=1"]}}, "variation a has to say flags"),
        ({"variations": {"a": {"why": "x"}}}, "variation a does not say flags"),
        ({"variations": {"a": {"flags": ["--x", "1"]}}}, "'--name=value', in quotes; got '--x'"),
        ({"variations": {"a": {"flags": [{"--x": 1}]}}}, "in quotes"),
        ({"overrides": ["--trainer.max_steps=5"]}, "is set by the benchmark"),
        ({"config": "configs/none.yaml"}, "no recipe configs/none.yaml"),
    ],
)
def test_bad_file_is_one_line_with_file_and_place(module, tmp_path, parts, message):
    path = written(tmp_path, changed(**parts))
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        module("trials.plan").read_plan(path)
    said = str(error.value)
    assert message in said
    assert str(path) in said
    assert "\n" not in said


def test_what_is_no_yaml_or_not_there_is_said(module, tmp_path):
    read_plan = module("trials.plan").read_plan
    (tmp_path / "bad.yaml").write_text("config: [\nsteps: 1")
    with pytest.raises(ValueError, match=r"bad\.yaml"):
        read_plan(tmp_path / "bad.yaml")
    (tmp_path / "twice.yaml").write_text("variations: {a: {flags: []}, a: {flags: []}}")
    with pytest.raises(ValueError, match="duplicate key"):
        read_plan(tmp_path / "twice.yaml")
    with pytest.raises(FileNotFoundError, match=r"none\.yaml"):
        read_plan(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_variations_are_runs_and_differ(module, path, tmp_path):
    plan = module("trials.plan").read_plan(path)
    check, run = module("trials.checked").check, module("trials.run").Run
    found = [one.flags for one in plan.variations]
    assert len(set(found)) == len(found)
    assert all(one.why for one in plan.variations)
    assert not any(one.flags for one in plan.variations if one.name == "recipe")
    for variation in plan.variations:
        assert check(run(plan, variation, 0, 20, tmp_path).flags).weights > 100_000, variation.name


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("model.init_args.config.quantizer=vqq", "nothing but {'quantizer': 'vqq'}"),
        ("model.init_args.config.hiden=8", "nothing but {'hiden': 8}"),
        ("model.init_args.config.post_gain=null", "config={FIELD: null}"),
        ("model.init_args.config.patch=5", "not a multiple of the downsampling 5"),
        ("trainer.max_stepz=1", "max_stepz"),
    ],
)
def test_wrong_flag_is_found_before_training(module, flag, message):
    check = module("trials.checked").check
    with pytest.raises(ValueError, match=re.escape(message)):
        check(["--config=configs/world/dvae.yaml", f"--{flag}"])


def test_variation_with_wrong_flags_is_named(run_benchmark, module, monkeypatch):
    def check(flags):
        if "--x=1" in flags:
            raise ValueError("two\nlines")

    monkeypatch.setattr(module("ablations"), "check", check)
    variations = {"good": {"flags": []}, "bad": {"flags": ["--x=1"]}}
    with pytest.raises(SystemExit, match=r"^ablations: variation bad of tiny: two lines$"):
        run_benchmark(changed(variations=variations))


def test_rows_and_setting_of_the_result_file(run_benchmark, capsys):
    metrics = {"val/psnr": "dB", "val/early": "", "val/broken": ""}
    result, runs = run_benchmark(changed(metrics=metrics))
    assert runs == 2
    rows = {(row["case"]["variation"], row["metric"]): row for row in result["rows"]}
    assert {variation for variation, _ in rows} == {"recipe", "wide"}
    assert {metric for _, metric in rows} == {"val/psnr", "seconds_per_step", "weights"}
    assert all(row["case"]["stage"] == "tiny" for row in result["rows"])
    psnr = rows["recipe", "val/psnr"]
    assert (psnr["value"], psnr["unit"], "low" in psnr) == (20, "dB", False)
    assert rows["recipe", "seconds_per_step"]["value"] == 2
    assert rows["recipe", "weights"]["value"] == 7
    setting = result["setting"]
    assert {one["steps"] for one in setting["variations"].values()} == {3}
    assert setting["variations"]["wide"]["flags"] == ["--model.init_args.config.hidden=8"]
    assert setting["variations"]["wide"]["why"] == "twice as wide"
    printed = capsys.readouterr().out
    assert "recipe: val/early was not logged at the last update" in printed
    assert "wide: val/broken is not finite" in printed


def test_finished_variations_are_not_run_again(run_benchmark):
    assert run_benchmark(PLAN)[1] == 2
    again = changed(metrics={"val/psnr": "dB", "train/loss": "nats"})
    result, runs = run_benchmark(again)
    assert runs == 0
    assert {"val/psnr", "train/loss"} <= {row["metric"] for row in result["rows"]}
    wider = {"flags": ["--model.init_args.config.hidden=12"]}
    other = changed(variations={"recipe": {"flags": []}, "wide": wider})
    assert run_benchmark(other)[1] == 1
    assert run_benchmark(changed(steps=4))[1] == 2
    assert run_benchmark(other)[1] == 0


def test_changed_recipe_is_run_again(run_benchmark, tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("data: {batch_size: 4}\n")
    plan = changed(overrides=[*PLAN["overrides"], f"--config={overlay}"])
    assert run_benchmark(plan, "--only", "recipe")[1] == 1
    overlay.write_text("data: {batch_size: 2}\n")
    assert run_benchmark(plan, "--only", "recipe")[1] == 1


def test_seeds_are_runs_and_their_spread_is_the_interval(run_benchmark):
    result, runs = run_benchmark(changed(seeds=[0, 2]), "--only", "wide")
    assert runs == 2
    row = next(row for row in result["rows"] if row["metric"] == "val/psnr")
    assert row["value"] == 21
    assert row["high"] - row["value"] == pytest.approx(12.706, abs=0.01)  # Student, one degree


def test_failed_run_is_named_with_the_end_of_its_log_and_the_others_are_kept(run_benchmark):
    variations = {"bad": {"flags": ["--data.batch_size=13"]}, "good": {"flags": []}}
    with pytest.raises(SystemExit, match="bad failed with code 1") as error:
        run_benchmark(changed(variations=variations))
    assert "thirteen is bad luck" in str(error.value)
    assert "no result file" in str(error.value)
    del variations["bad"]
    assert run_benchmark(changed(variations=variations))[1] == 0


def test_quick_is_a_tenth_of_at_least_twenty(module):
    steps_of = module("ablations").steps_of
    assert [steps_of(steps, 1, True) for steps in (3, 20, 100, 1000)] == [3, 20, 20, 100]


def test_the_last_update_is_always_validated(module):
    steps_of = module("ablations").steps_of
    assert [steps_of(steps, 4, False) for steps in (4, 11, 205)] == [4, 8, 204]
    with pytest.raises(ValueError, match="4 validations in 3 updates: give it more updates"):
        steps_of(3, 4, False)


def test_a_variation_may_have_steps_of_its_own(run_benchmark):
    variations = {"recipe": {"flags": []}, "long": {"flags": [], "steps": 5}}
    result, runs = run_benchmark(changed(variations=variations, validations=2))
    assert runs == 2
    asked = {name: one["steps"] for name, one in result["setting"]["variations"].items()}
    assert asked == {"recipe": 2, "long": 4}


def test_unknown_names_are_refused(run_benchmark):
    with pytest.raises(SystemExit, match="no variation narrow of tiny; there are recipe, wide"):
        run_benchmark(PLAN, "--only", "narrow")


@pytest.mark.slow
def test_two_variations_are_trained(module, monkeypatch, tmp_path):
    work, out = tmp_path / "work", tmp_path / "out.json"
    files = [str(written(tmp_path, PLAN)), "--work", str(work), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["ablations.py", *files])
    module("ablations").main()
    rows = {
        (row["case"]["variation"], row["metric"]): row["value"]
        for row in json.loads(out.read_text())["rows"]
    }
    assert {name for name, _ in rows} == {"recipe", "wide"}
    assert rows["recipe", "val/psnr"] != rows["wide", "val/psnr"]
    assert rows["wide", "seconds_per_step"] > 0
    assert rows["recipe", "weights"] < rows["wide", "weights"]
    assert not list(work.rglob("*.ckpt"))

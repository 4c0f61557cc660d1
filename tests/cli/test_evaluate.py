import json

import pytest
from tiny_world import parity, tiny_world_pipeline

from lit_dalle.cli import evaluate as command
from lit_dalle.cli.evaluate import evaluate, run
from lit_dalle.cli.main import main
from lit_dalle.evaluation import grading
from lit_dalle.evaluation.composition.prompt_files import file_prompts
from lit_dalle.evaluation.composition.prompts import world_prompts

FEW = [
    *("--device=cpu", "--precision=float32", "--prompts-per-family=2", "--candidates=4"),
    *("--large-pool=6", "--training-pictures=8", "--binding-tests=0"),
]


@pytest.fixture
def world(tmp_path, monkeypatch):
    tiny_world_pipeline().save_pretrained(tmp_path / "tiny")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(grading, "grade", parity)
    return f"--pipeline={tmp_path / 'tiny'}"


def test_the_command_writes_results_and_page(world, tmp_path, capsys):
    asked = ["--families", "count", "stack", "--split", "held-out", "--seeds", "0", "1"]
    files = ["--out=out/found.json", "--page=page.html", "--work=work"]
    main(["evaluate", world, *FEW, *asked, *files, "--likelihood-weight=0.5"])
    found = json.loads((tmp_path / "out/found.json").read_text())
    facts = found["setting"]
    assert facts["seeds"] == [0, 1]
    assert facts["prompts"] == {"count held-out": 2, "stack held-out": 2}
    assert (facts["candidates"], facts["large_pool"], facts["guidance"]) == (4, 6, 1.0)
    assert (facts["temperature"], facts["likelihood_weight"]) == (1.0, 0.5)
    assert (facts["world"], facts["grader"]) == ("1", grading.GRADER_VERSION)
    assert set(facts["hashes"]) >= {"pipeline", "dvae", "prior", "clip"}
    cases = [row["case"] for row in found["rows"]]
    assert {case["family"] for case in cases} == {"count", "stack", "all"}
    assert {case["split"] for case in cases} == {"held-out"}
    assert {"ground-truth", "tokenizer", "retrieval", "random", "model", "clip", "oracle"} == {
        case["row"] for case in cases
    }
    assert {row["metric"] for row in found["rows"]} >= {"accuracy", "memorised", "nearest"}
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert len(list((tmp_path / "work").glob("seed-*/*.npz"))) == 8
    assert "Accuracy, held-out (%)" in capsys.readouterr().out


def test_quick_measures_less(world, monkeypatch):
    monkeypatch.setattr(command, "QUICK", command.Amount(1, 3, 0, 4, 0))
    monkeypatch.setattr(command, "FULL", command.Amount(2, 4, 6, 8, 0))
    options = {"pipeline": world.partition("=")[2], "families": ["count"], "device": "cpu"}
    quick, full = (evaluate(**options, quick=flag).setting for flag in (True, False))
    names = ("candidates", "large_pool", "training_pictures")
    assert [quick[name] for name in names] == [3, 0, 4]
    assert [full[name] for name in names] == [4, 6, 8]
    assert quick["prompts"] == {"count iid": 1, "count held-out": 1}


def test_written_prompts_are_read_and_scored_as_the_mean_of_their_tags(world, tmp_path):
    written = ["--families=[light, count]", "--prompts-per-family=3", "--write-prompts=own.jsonl"]
    main(["evaluate", world, *written])
    lines = [json.loads(line) for line in (tmp_path / "own.jsonl").read_text().splitlines()]
    assert len(lines) == 12
    assert [prompt.asked for prompt in file_prompts(tmp_path / "own.jsonl")] == [
        prompt.asked for prompt in world_prompts(["light", "count"], ["iid", "held-out"], 3)
    ]
    main(["evaluate", world, *FEW, "--prompts=own.jsonl", "--out=found.json"])
    rows = json.loads((tmp_path / "found.json").read_text())["rows"]
    one = {
        row["case"]["tag"]: row["value"]
        for row in rows
        if row["metric"] == "accuracy"
        and row["case"]["row"] == "model"
        and "pool" not in row["case"]
    }
    assert list(one) == ["light iid", "light held-out", "count iid", "count held-out", "all"]
    assert one.pop("all") == pytest.approx(sum(one.values()) / 4)


def test_prompts_without_a_scene_are_judged_by_what_they_include(world, tmp_path, monkeypatch):
    seen = []

    def judge(picture, prompt):
        seen.append(prompt.include[0].kind)
        return parity(picture, prompt)

    monkeypatch.setattr(command, "grade_prompt", judge)
    include = [{"class": "star", "count": 2, "color": "red"}]
    line = {"tag": "counting", "prompt": "two red stars", "include": include}
    (tmp_path / "mine.jsonl").write_text(json.dumps(line) + "\n")
    main(["evaluate", world, *FEW, "--prompts=mine.jsonl", "--out=found.json", "--page=page.html"])
    found = json.loads((tmp_path / "found.json").read_text())
    assert {row["case"]["tag"] for row in found["rows"]} == {"counting", "all"}
    assert set(seen) == {"star"}
    assert len(seen) == 6 + 1  # the pool, and retrieval
    assert found["setting"]["prompts_file"] == "mine.jsonl"
    assert "two red stars" in (tmp_path / "page.html").read_text()


def test_a_wrong_line_is_named(world, tmp_path, capsys):
    good = {"tag": "a", "prompt": "a star", "include": [{"class": "star"}]}
    bad = good | {"include": [{"class": "zebra"}]}
    (tmp_path / "mine.jsonl").write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n")
    with pytest.raises(SystemExit):
        main(["evaluate", world, *FEW, "--prompts=mine.jsonl"])
    assert "mine.jsonl, line 2: class is 'zebra'" in capsys.readouterr().err


def test_a_prompt_that_is_too_long_fails_before_anything_is_drawn(world, tmp_path, monkeypatch):
    long = {"tag": "a", "prompt": "a star " * 40, "include": [{"class": "star"}]}
    (tmp_path / "mine.jsonl").write_text(json.dumps(long))
    monkeypatch.setattr(command, "look_at_training", lambda *_: pytest.fail("it began"))
    with pytest.raises(ValueError, match="tokens"):
        run("evaluate", [world, *FEW, "--prompts=mine.jsonl"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--families", "cats"], "families are cats"),
        (["--split", "train"], "splits are train"),
        (["--seeds", "one"], "seeds"),
        (["--candidates", "0"], "0 candidates"),
        (["--training-pictures", "0"], "training pictures, got 0"),
        (["--prompts", "none.jsonl"], "no file of prompts none.jsonl"),
        (["--page", "."], "is a folder"),
        (["--temperature", "0"], "temperature"),
        (["--likelihood-weight", "-1"], "likelihood_weight must be 0 or more"),
        (["--pipeline", "nowhere"], "no pipeline nowhere"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(world, tmp_path, capsys, arguments, words):
    with pytest.raises(SystemExit) as left:
        main(["evaluate", world, *FEW, "--families=[count]", *arguments, "--out=found.json"])
    assert left.value.code == 2
    error = capsys.readouterr().err.strip()
    assert words in error.splitlines()[-1]
    assert not (tmp_path / "found.json").exists()


def test_a_pipeline_without_clip_is_refused(tmp_path, monkeypatch):
    pipeline = tiny_world_pipeline()
    pipeline.clip = None
    pipeline.save_pretrained(tmp_path / "blind")
    with pytest.raises(ValueError, match="has no CLIP"):
        run("evaluate", [f"--pipeline={tmp_path / 'blind'}", *FEW])

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny_pictures import tiny_judge, write_tables
from tiny_world import tiny_world_pipeline

from lit_dalle.generation.export import folder_hash, save_model

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "real_pictures.py"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    write_tables(folder / "emoji")
    net, letters = tiny_judge()
    save_model(net, folder / "judge", tokenizer=letters)
    tiny_world_pipeline().save_pretrained(folder / "tiny")
    return folder


@pytest.fixture
def run(place, monkeypatch):
    def ran(*more, judge=place / "judge"):
        options = ["--pipeline", place / "tiny", "--judge", judge, "--data", place / "emoji"]
        few = ["--quick", "--prompts", 3, "--candidates", 2, "--device", "cpu"]
        arguments = [*options, *few, "--precision", "float32", *more]
        monkeypatch.syspath_prepend(str(SCRIPT.parent))
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        monkeypatch.setattr(torch, "set_flush_denormal", lambda on: True)  # of the whole process
        runpy.run_path(str(SCRIPT), run_name="__main__")

    return ran


def test_it_measures_all_parts_and_writes_file_and_sheets(run, place, capsys):
    out, grids = place / "found.json", place / "grids"
    run("--out", out, "--grids", grids, "--seeds", 0, 1)
    found = json.loads(out.read_text())
    assert found["benchmark"] == "real_pictures"
    assert found["setting"]["judge"]["hash"] == folder_hash(place / "judge")
    assert found["setting"]["seeds"] == [0, 1]
    metrics = {row["metric"] for row in found["rows"]}
    assert metrics == {
        *("psnr", "codebook_perplexity", "codebook_perplexity / codebook_size"),
        *("codebook_usage", "loss", "caption_swap_gap", "prompts", "groups"),
        *("right_of_6", "clip_score"),
        *("frechet_distance", "nearest_training_similarity", "copies"),
    }
    swapped = [x["case"]["split"] for x in found["rows"] if x["metric"] == "caption_swap_gap"]
    assert swapped == ["train", "validation", "test_iid", "test_comp"]
    sets = {row["case"].get("set") for row in found["rows"]}
    assert sets == {None, "trained", "seen", "compositions"}
    heights = {}
    for path in grids.iterdir():
        with Image.open(path) as sheet:
            heights[path.name] = sheet.height
    assert set(heights) == {"trained.png", "seen.png", "compositions.png", "languages.png"}
    assert heights["languages.png"] > 2 * heights["seen.png"] == 2 * heights["compositions.png"]
    assert heights["trained.png"] == heights["seen.png"]
    assert "Pictures judged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--judge", "{}/tiny/clip"], "the judge is the pipeline's own CLIP"),
        (["--judge", "{}/nowhere"], "no CLIP"),
        (["--data", "{}/nowhere"], "nowhere"),
        (["--prompts", "0"], "--prompts must be at least 1, got 0"),
        (["--seeds", "1", "1"], "different seeds"),
        (["--pipeline", "{}/judge"], "not a pipeline"),
        (["--templates", "{}/nowhere"], "no templates"),
        (["--font", "{}/nowhere"], "no font that can be read"),
        (["--out", "{}"], "is a folder: give a file"),
        (["--grids", "{}/emoji/train.parquet"], "is a file: give a folder"),
    ],
)
def test_bad_input_is_one_line(run, place, capsys, wrong, message):
    with pytest.raises(SystemExit) as stopped:
        run(*(part.format(place) for part in wrong))
    assert stopped.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]

"""Bad input: one line that says what was wrong, exit code 2, nothing half-written."""

import json

import pytest
from PIL import Image

from lit_dalle.cli.main import main

FIT = ["fit", "--config", "configs/world/dvae.yaml", "--config", "configs/overlays/tiny-dvae.yaml"]
TEXT = ["fit", "--config", "configs/world/clip.yaml", "--config", "configs/overlays/tiny-clip.yaml"]
FOLDER = "--data.source={class_path: lit_dalle.data.FolderSource, init_args: {path: %s%s}}"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder with the recipes."""
    from recipes import lay_out

    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    return tmp_path


def refused(capsys, arguments: list[str]) -> str:
    """Run a command that must fail; return its one line."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if "lit-dalle:" in line]
    assert len(errors) == 1
    return errors[0]


def pictures(folder, count=6, caption_column="text"):
    """A folder of captioned pictures."""
    folder.mkdir()
    rows = [{"file_name": f"{i}.png", caption_column: f"picture {i}"} for i in range(count)]
    for row in rows:
        Image.new("RGB", (64, 64), "red").save(folder / row["file_name"])
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_no_such_command(capsys):
    assert "no command 'draw'; there are fit" in refused(capsys, ["draw"])


def test_unknown_key(here, capsys):
    (here / "typo.yaml").write_text("data:\n  batchsize: 3\n")
    assert "data.batchsize" in refused(capsys, [*FIT, "--config", "typo.yaml"])


@pytest.mark.parametrize("flag", ["post_gain=null", "quantizer=vqq", "hiden=8"])
def test_a_value_that_fits_no_field_does_not_replace_the_whole_config(here, capsys, flag):
    line = refused(capsys, [*FIT, f"--model.init_args.config.{flag}"])
    assert "model.init_args.config" in line
    assert not (here / "runs").exists()


def test_missing_config(here, capsys):
    line = refused(capsys, ["fit", "--config", "configs/nowhere.yaml"])
    assert "configs/nowhere.yaml" in line


def test_missing_and_corrupt_checkpoint(here, capsys):
    assert "no checkpoint gone.ckpt" in refused(capsys, [*FIT, "--ckpt_path=gone.ckpt"])
    (here / "broken.ckpt").write_bytes(b"PK\x03\x04 cut off")
    line = refused(capsys, [*FIT, "--ckpt_path=broken.ckpt"])
    assert "broken.ckpt is corrupt" in line
    assert not (here / "runs").exists()


@pytest.mark.filterwarnings("default")
def test_empty_folder(here, capsys):
    (here / "nothing").mkdir()
    line = refused(capsys, [*FIT, FOLDER % (here / "nothing", "")])
    assert "nothing" in line
    assert not (here / "runs/world/dvae/export").exists()


@pytest.mark.filterwarnings("default")
def test_unreadable_picture(here, capsys):
    folder = pictures(here / "mine")
    (folder / "3.png").write_bytes(b"not a picture")
    line = refused(capsys, [*FIT, FOLDER % (folder, ", validation_share: 0.3")])
    assert "3.png" in line
    assert not (here / "runs/world/dvae/export").exists()


@pytest.mark.filterwarnings("default")
def test_caption_column_that_is_not_there(here, capsys):
    folder = pictures(here / "mine", caption_column="title")
    source = (FOLDER % (folder, ", caption_column: caption")).replace("--data.", "--")
    line = refused(capsys, ["prepare", "tokenizer", source, "--out=runs/tokenizer.json"])
    assert "caption" in line
    assert "title" in line
    assert not (here / "runs").exists()


def test_prompt_that_is_too_long(here, capsys):
    line = refused(capsys, ["generate", "a red star " * 50, "--candidates=2", "--keep=1"])
    assert "has 150 tokens, there is room for 31" in line
    assert not (here / "outputs").exists()


def test_unknown_pipeline(here, capsys):
    line = refused(capsys, ["generate", "a red star", "--pipeline=./nowhere"])
    assert "nowhere" in line


def test_more_kept_than_drawn(here, capsys):
    line = refused(capsys, ["generate", "a red star", "--candidates=2", "--keep=3"])
    assert "2" in line
    assert "3" in line


@pytest.mark.parametrize(
    ("command", "change", "said"),
    [
        (FIT, "--data.image_size=62", "62"),
        (TEXT, "--model.init_args.config.vision_heads=3", "3"),
        (TEXT, "--data.image_size=65", "65"),
    ],
)
def test_sizes_that_do_not_divide(here, capsys, command, change, said):
    assert said in refused(capsys, [*command, change])
    assert not (here / "runs").exists()

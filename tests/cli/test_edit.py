"""``lit-dalle edit``: rectangles, masks and edges; one line on bad input."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from lit_dalle.cli.main import main
from lit_dalle.models.dalle import Dalle

FEW = ["--candidates=4", "--keep=2", "--device=cpu", "--precision=float32"]
RNG = np.random.default_rng(0)


@pytest.fixture
def here(tiny_nets, tmp_path, monkeypatch):
    """A working folder with a picture, beside a saved pipeline that reads in any order."""
    torch.manual_seed(0)
    config = replace(tiny_nets.prior.config, order="any", attention="causal")
    tiny_nets.prior = Dalle(config).eval()
    tiny_nets.pipeline().save_pretrained(tmp_path / "any")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Image.fromarray(RNG.integers(0, 256, (20, 30, 3), np.uint8)).save("in.png")
    return tmp_path / "here"


def edit(*arguments):
    main(["edit", "in.png", "a red circle", "--pipeline=../any", *FEW, *arguments])


def changed(path, before="in.png"):
    one, other = (np.asarray(Image.open(name)) for name in (path, before))
    return (one != other).any(axis=-1)


def test_rectangles_are_repainted(here, capsys):
    edit("--rectangle", "2,3,6,5", "--rectangle=20,10,8,8", "--out=out")
    found = changed("out/001.png")
    region = np.zeros((20, 30), bool)
    region[3:8, 2:8] = region[10:18, 20:28] = True
    assert found[region].any()
    assert not found[~region].any()
    assert "2 best by CLIP and fit of 4" in capsys.readouterr().out
    assert json.loads((here / "out/edit.json").read_text())["region"]["pixels"] == 94


def test_a_mask_is_repainted(here):
    mask = RNG.random((20, 30)) < 0.2
    Image.fromarray(mask.astype(np.uint8) * 255).save("mask.png")
    edit("--mask=mask.png", "--out=out")
    assert not changed("out/001.png")[~mask].any()


def test_a_picture_is_continued_beyond_its_edges(here):
    edit("--extend", "right=7", "--extend=top=4", "--out=out")
    after = np.asarray(Image.open("out/001.png"))
    assert after.shape == (24, 37, 3)
    assert (after[4:, :30] == np.asarray(Image.open("in.png"))).all()


def test_an_upright_picture_is_what_is_kept(here):
    turned = Image.open("in.png")
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save("turned.png", exif=exif)
    where = ["--rectangle=2,3,6,5", "--out=out"]
    main(["edit", "turned.png", "a red circle", "--pipeline=../any", *FEW, *where])
    upright = Image.open("in.png").transpose(Image.Transpose.ROTATE_270)
    after = np.asarray(Image.open("out/001.png"))
    assert after.shape == (30, 20, 3)
    region = np.zeros((30, 20), bool)
    region[3:8, 2:8] = True
    assert (after[~region] == np.asarray(upright)[~region]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to repaint in one way"),
        (["--rectangle=1,1,2,2", "--extend=right=3"], "got 2 of them"),
        (["--rectangle=1,1,2"], "a rectangle is X,Y,W,H"),
        (["--rectangle=1,1,40,2"], "reaches beyond the picture of 30×20 pixels"),
        (["--rectangle=0,0,30,20"], "that is lit-dalle generate"),
        (["--rectangle=0,0,0,20"], "is empty"),
        (["--rectangle"], "--rectangle needs a value"),
        (["--mask=none.png"], "there is no picture none.png"),
        (["--extend=side=3"], "--extend takes SIDE=PIXELS"),
        (["--extend=left=3", "--extend=left=4"], "each side once"),
        (["--rectangle=1,1,2,2", "--keep=9"], "keep must be between 1 and"),
    ],
)
def test_bad_input_is_one_line(here, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        edit("--out=out", *arguments)
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert not (here / "out").exists()


def test_generate_continues_an_image_prompt(here):
    start = ["--image_prompt=in.png", "--rows=2", "--out=out"]
    main(["generate", "a red circle", "--pipeline=../any", *FEW, *start])
    assert json.loads((here / "out/generation.json").read_text())["image_prompt_rows"] == 2

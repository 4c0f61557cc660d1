"""``lit-dalle prepare tokens``: what it says, and that it goes on where it was stopped."""

import pytest
from PIL import Image

from lit_dalle.cli.main import main
from lit_dalle.data.image_tokens import ImageTokens
from lit_dalle.generation.export import save_model


@pytest.fixture
def command(tmp_path, tiny_nets, monkeypatch):
    """The command for ten pictures, of which one of validation and two of train are none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    save_model(tiny_nets.dvae, "dvae")
    for split, count, bad in (("train", 7, (2, 6)), ("validation", 3, (1,))):
        (tmp_path / "pictures" / split).mkdir(parents=True)
        for number in range(count):
            path = tmp_path / "pictures" / split / f"{number}.png"
            Image.new("RGB", (16, 16), (number * 30, 0, 99)).save(path)
            if number in bad:
                path.write_bytes(b"no picture")
    source = "{class_path: lit_dalle.data.FolderSource, init_args: {path: pictures}}"
    return ["prepare", "tokens", "--dvae=dvae", "--out=tokens", f"--source={source}"]


def test_it_says_how_many_could_not_be_read(command, capsys):
    for _ in range(2):  # the second time nothing is encoded
        main(command)
        out = capsys.readouterr().out
        assert "tokens: image tokens of 7 of train (2 left out), 3 of validation (1 left " in out
        assert "train: 7 rows read, of which\n         2 skipped: not a picture — cannot" in out
        assert "validation: 3 rows read, of which\n         1 skipped: not a picture — " in out
    assert ImageTokens("tokens/train").known(range(7)).tolist() == [
        number not in (2, 6) for number in range(7)
    ]


def test_a_rank_says_what_others_have_to_do(command, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    main(command)
    assert "this rank is done, others still encode train and validation" in capsys.readouterr().out
    monkeypatch.setenv("RANK", "0")
    main(command)
    assert "image tokens of 7 of train" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dvae=pictures"], "pictures is not an exported net"),
        (["--processes=0"], "processes is 0; at least one has to encode"),
        (["--out=."], "train holds something else (no encoding.json in it)"),
    ],
)
def test_what_cannot_be_done_is_one_line(command, tmp_path, capsys, options, message):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "letter.txt").write_text("dear")
    with pytest.raises(SystemExit):
        main([*command, *options])
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line

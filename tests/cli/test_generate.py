import json

import pytest

from lit_dalle.cli.export import export, join
from lit_dalle.cli.generate import generate
from lit_dalle.cli.main import main


@pytest.fixture
def world(tiny_nets, tmp_path, monkeypatch):
    """Folder of a saved pipeline; the working folder is empty."""
    tiny_nets.pipeline().save_pretrained(tmp_path / "world")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return str(tmp_path / "world")


FEW = {"candidates": 6, "keep": 2, "device": "cpu", "precision": "float32"}


def test_pictures_go_to_a_folder_named_by_the_prompt(world, capsys):
    folder = generate("A red  circle!", pipeline=world, **FEW)
    assert str(folder) == "outputs/a-red-circle"
    assert (folder / "grid.png").is_file()
    assert json.loads((folder / "generation.json").read_text())["settings"]["candidates"] == 6
    printed = capsys.readouterr()
    assert "outputs/a-red-circle/grid.png" in printed.out
    assert "2 best by CLIP of 6" in printed.out
    assert "warning" not in printed.err


def test_second_run_takes_a_number_and_leaves_the_first(world):
    folders = [generate("a red circle", pipeline=world, **FEW) for _ in range(3)]
    assert [folder.name for folder in folders] == [
        "a-red-circle",
        "a-red-circle-2",
        "a-red-circle-3",
    ]


def test_unknown_words_are_named(world, capsys):
    generate("a red [zebra] circle", pipeline=world, **FEW)
    assert "“zebra”" in capsys.readouterr().err


def test_given_folder_is_not_overwritten_unasked(world, tmp_path):
    out = str(tmp_path / "out")
    generate("a red circle", pipeline=world, out=out, **FEW)
    with pytest.raises(FileExistsError, match="overwrite"):
        generate("a blue square", pipeline=world, out=out, **FEW)
    generate("a blue square", pipeline=world, out=out, overwrite=True, **FEW)
    assert (
        json.loads((tmp_path / "out" / "generation.json").read_text())["prompt"] == "a blue square"
    )
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    with pytest.raises(ValueError, match="holds something else"):
        generate(
            "a red circle", pipeline=world, out=str(tmp_path / "precious"), overwrite=True, **FEW
        )


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"prompt": ""}, ValueError),
        ({"prompt": "very " * 50}, ValueError),
        ({"keep": 7}, ValueError),
        ({"temperature": 0.0}, ValueError),
        ({"likelihood_weight": -1.0}, ValueError),
        ({"pipeline": "nowhere"}, FileNotFoundError),
        ({"device": "abacus"}, ValueError),
    ],
)
def test_bad_input_writes_nothing(world, tmp_path, wrong, error):
    arguments = {"prompt": "a red circle", "pipeline": world} | FEW | wrong
    with pytest.raises(error) as raised:
        generate(**arguments)
    assert "\n" not in str(raised.value)
    assert not list((tmp_path / "here").iterdir())


def test_join_makes_a_pipeline_that_draws(world, tmp_path):
    card = tmp_path / "card.md"
    card.write_text("# Mine")
    parts = {name: f"{world}/{name}" for name in ("dvae", "prior", "clip")}
    own = {"temperature": 0.9, "top_k": 5, "guidance": 2.0, "likelihood_weight": 0.5}
    join(**parts, out=str(tmp_path / "mine"), card=str(card), **own)
    assert (tmp_path / "mine" / "README.md").read_text() == "# Mine"
    folder = generate("a red circle", pipeline=str(tmp_path / "mine"), guidance=1.0, **FEW)
    facts = json.loads((folder / "generation.json").read_text())
    assert facts["settings"].items() >= (own | {"guidance": 1.0}).items()
    best = facts["pictures"][0]
    assert best["score"] == pytest.approx(best["clip"] + 0.5 * best["likelihood"], abs=1e-6)


def test_join_takes_its_settings_as_flags(world, tmp_path, capsys):
    parts = [f"--{name}={world}/{name}" for name in ("dvae", "prior", "clip")]
    flags = ["--temperature=0.9", "--top-p", "0.95", "--likelihood-weight=0.2"]
    flags.append("--edit-guidance=3")
    main(["join", *parts, f"--out={tmp_path / 'mine'}", *flags])
    found = json.loads((tmp_path / "mine" / "pipeline.json").read_text())["defaults"]
    assert found == {
        "temperature": 0.9,
        "top_k": None,
        "top_p": 0.95,
        "guidance": 1.0,
        "likelihood_weight": 0.2,
        "edit_guidance": 3.0,
    }
    with pytest.raises(SystemExit):
        main(["join", *parts, f"--out={tmp_path / 'other'}", "--likelihood-weight=-1"])
    assert "likelihood_weight must be 0 or more" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_export_of_no_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*none\.ckpt"):
        export(str(tmp_path / "none.ckpt"), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()

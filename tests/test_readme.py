"""The commands of the README run, tiny, in its order; so do its Python lines."""

import re
import subprocess
import sys

import pytest
from recipes import ROOT, lay_out, tiny

from lit_dalle.cli.main import main

README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", README, re.S)
    for line in block.splitlines()
    if line.startswith("lit-dalle")
]
DRAWING = sorted({line for line in COMMANDS if line.startswith("lit-dalle generate")})
EDITING = [line for line in COMMANDS if line.startswith("lit-dalle edit")]
EVALUATING = [line for line in COMMANDS if line.startswith("lit-dalle evaluate")]
TRAINING = [line for line in COMMANDS if line not in (*DRAWING, *EDITING, *EVALUATING)]


@pytest.mark.parametrize("command", DRAWING)
def test_drawing_commands(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(tiny(command))
    (folder,) = (tmp_path / "outputs").iterdir()
    assert {path.name for path in folder.iterdir()} == {
        "grid.png",
        "001.png",
        "002.png",
        "generation.json",
    }


@pytest.mark.parametrize("command", EDITING)
def test_editing_commands(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    main(tiny(command))
    (folder,) = (tmp_path / "outputs").iterdir()
    found = {path.name for path in folder.iterdir()}
    assert found == {"grid.png", "001.png", "002.png", "edit.json"}


@pytest.mark.parametrize("command", EVALUATING)
def test_evaluating_commands(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(tiny(command))
    found = {path.name for path in (tmp_path / "outputs").iterdir()}
    assert found == {"composition.json", "verdicts.html"}


@pytest.mark.filterwarnings("default")
def test_training_commands_leave_a_pipeline_that_draws(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    assert len(TRAINING) == 6, TRAINING
    for command in TRAINING:
        main(tiny(command))
    runs = tmp_path / "runs/world"
    for net in ("dvae", "clip", "dalle"):
        trained = f"--ckpt_path={runs / net / 'checkpoints/last.ckpt'}"
        fit = tiny(f"lit-dalle fit --config configs/world/{net}.yaml")[1:]
        main(["validate", *fit, trained])
        more = ["--data.image_tokens=null"] if net == "dalle" else []
        main(["test", *fit, trained, *more])
    parts = [f"--{name}={runs / net / 'export'}" for name, net in PARTS]
    main(["join", *parts, f"--out={tmp_path / 'mine'}"])
    main(["generate", "a red star", "--pipeline", "./mine", "--candidates=4", "--keep=2"])
    assert (tmp_path / "outputs/a-red-star/grid.png").is_file()


PARTS = (("dvae", "decoder"), ("prior", "dalle"), ("clip", "clip"))


def test_python_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    exec(code.replace("candidates=64, keep=8", "candidates=4, keep=2"), {})
    assert (tmp_path / "best.png").is_file()


def test_every_file_the_readme_names_is_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
    for name in re.findall(r"(?:configs|docs|scripts|benchmarks|results)/[\w./-]+\w", README):
        assert (ROOT / name).exists(), name


def test_tables_are_those_of_the_result_files():
    pages = [
        "README.md",
        "docs/speed.md",
        "docs/editing.md",
        "docs/emoji.md",
        "docs/grading.md",
        "docs/own_data.md",
        "docs/quality.md",
        "docs/zero_shot.md",
        "lit_dalle/pretrained/world/README.md",
        "lit_dalle/pretrained/emoji/README.md",
    ]
    command = [sys.executable, "scripts/fill_tables.py", "--check", *pages]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr

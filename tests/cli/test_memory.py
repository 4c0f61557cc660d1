"""``lit-dalle memory`` tells parts and totals of every shipped recipe, and refuses the rest."""

from pathlib import Path

import pytest

from lit_dalle.cli.main import main

CONFIGS = Path(__file__).parents[2] / "configs"


def told(capsys, *arguments: str) -> str:
    """What the command prints of a configuration."""
    main(["memory", *arguments])
    return capsys.readouterr().out


def recipe(name: str) -> list[str]:
    return ["--config", str(CONFIGS / name)]


@pytest.mark.parametrize("name", ["world/dvae.yaml", "world/clip.yaml", "paper/clip-vit-b32.yaml"])
def test_recipe_is_told(capsys, name):
    out = told(capsys, *recipe(name))
    for part in ("weights", "gradients", "optimiser state", "activations", "total"):
        assert part in out
    assert "sampling" not in out


def test_prior_is_told_with_its_sampling_and_batch(capsys):
    out = told(capsys, *recipe("world/dalle.yaml"), "--data.batch_size=3")
    assert "batch 3" in out
    assert "512" in out
    assert "keys and values" in out
    assert "averaged weights" in out


def test_published_prior_is_sharded_and_needs_no_placeholders(capsys):
    out = told(capsys, *recipe("paper/dalle-12b.yaml"))
    assert "sharded over 128" in out


def test_what_fit_does_not_read_is_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["memory", *recipe("world/tokens.yaml")])
    assert stop.value.code == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if "lit-dalle:" in line]
    assert len(errors) == 1
    assert "configurations of fit" in errors[0]


def test_help_says_what_it_takes(capsys):
    assert "--config FILE" in told(capsys, "--help")

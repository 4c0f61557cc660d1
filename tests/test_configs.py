"""Every shipped YAML parses, the published sizes build, and overlays reach data and model alike."""

import warnings
from pathlib import Path

import pytest
import torch
import yaml

from lit_dalle.cli import trainer
from lit_dalle.generation.export import CONFIG
from lit_dalle.generation.hub import PRETRAINED
from lit_dalle.training import LitClassifier, LitClip, LitDalle, LitDiscreteVAE

ROOT = Path(__file__).parents[1]
RECIPES = sorted(
    path
    for folder in ("world", "paper", "emoji", "folder", "creatures")
    for path in (ROOT / "configs" / folder).glob("*.yaml")
    if "class_path: lit_dalle.training" in path.read_text()
)
OVERLAYS = sorted((ROOT / "configs" / "overlays").glob("*.yaml"))
REST = ["--data.source.init_args.name=user/set"]
"""What the published recipes leave to the user."""


class ParsingCli(trainer.Cli):
    """Parses and goes no further."""

    def instantiate_classes(self):
        pass

    def _run_subcommand(self, subcommand):
        pass


def parse(*paths: Path, more: list[str] | None = None):
    """The parsed configuration of ``fit``."""
    arguments = [argument for path in paths for argument in ("--config", str(path))]
    published = REST if any(path.parent.name == "paper" for path in paths) else []
    return trainer.command_line(
        "fit", [*arguments, *published, *(more or [])], ParsingCli
    ).config.fit


def ids(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.mark.parametrize("path", RECIPES, ids=ids)
def test_recipe_parses(path):
    config = parse(path)
    assert config.trainer.max_steps > 0
    assert str(config.run).startswith(f"runs/{path.parent.name}/")


def net_of(config):
    kinds = (LitDiscreteVAE, LitDalle, LitClip, LitClassifier)
    modules = {kind.__name__: kind for kind in kinds}
    module = modules[config.model.class_path.rpartition(".")[2]]
    arguments = config.model.init_args.as_dict()
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # initialising tensors that hold nothing
        built = module(**arguments)
        built.configure_model()
    return built.net


@pytest.mark.parametrize("path", RECIPES, ids=ids)
def test_net_of_the_recipe_builds_without_memory(path):
    net = net_of(parse(path))
    assert all(parameter.is_meta for parameter in net.parameters())


def test_the_published_prior_has_12_billion_parameters():
    net = net_of(parse(ROOT / "configs/paper/dalle-12b.yaml"))
    count = sum(parameter.numel() for block in net.blocks for parameter in block.parameters())
    assert 12.0e9 <= count <= 12.2e9


@pytest.mark.parametrize("overlay", OVERLAYS, ids=ids)
def test_overlay_can_be_laid_over_the_recipes(overlay):
    nets = ["dvae", "clip", "dalle"]
    meant = [net for net in nets if overlay.stem.endswith(net)] or nets
    for net in meant:
        config = parse(ROOT / f"configs/world/{net}.yaml", overlay)
        assert config.model.class_path.startswith("lit_dalle.training.Lit")


def test_overlay_changes_the_data_and_with_it_the_model(tmp_path):
    overlay = tmp_path / "long.yaml"
    overlay.write_text("data:\n  text_len: 48\n")
    config = parse(ROOT / "configs/world/dalle.yaml", overlay)
    assert config.data.text_len == 48
    assert config.model.init_args.config.text_len == 48


def test_header_of_every_recipe_says_command_and_cost():
    for path in RECIPES:
        header = path.read_text().partition("\nrun:")[0]
        name = path.relative_to(ROOT)
        assert f"lit-dalle fit --config {name}" in header, name
        assert "minutes" in header or "Cost:" in header, name


def test_average_comes_after_what_looks_at_the_weights():
    for path in RECIPES:
        callbacks = parse(path).trainer.callbacks or []
        names = [callback.class_path.rpartition(".")[2] for callback in callbacks]
        if "EMAWeightAveraging" in names:
            assert names[-1] == "EMAWeightAveraging", path


def starts():
    """Nets that trainings of the shipped files start from."""
    for path in sorted((ROOT / "configs").rglob("*.yaml")):
        model = yaml.safe_load(path.read_text()).get("model", {})
        if start := model.get("init_args", {}).get("start"):
            yield pytest.param(start, id=f"{ids(path)}-from-{start}")


def exported():
    """Folders that trainings of the recipes export to."""
    for path in RECIPES:
        recipe = yaml.safe_load(path.read_text())
        for callback in recipe["trainer"].get("callbacks", []):
            if callback["class_path"].endswith(".ExportCallback"):
                yield callback["init_args"]["folder"].replace("${run}", recipe["run"])


@pytest.mark.parametrize("start", list(starts()))
def test_start_of_a_recipe_ships_or_is_exported_by_one(start):
    if start.startswith("runs/"):
        assert start in set(exported())
    else:
        assert (PRETRAINED / start / CONFIG).is_file()

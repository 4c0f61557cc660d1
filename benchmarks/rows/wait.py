"""The share of a training step that goes to waiting for its batch, of recipes as they are.

Each recipe is fitted by the command line for some steps, without validation and callbacks, under
Lightning's profiler. The world is taken smaller, and its dVAE and tokenizer are stood in for by the
shipped one and one trained on the spot; those of the emoji have to be there, or the recipe is left
out. Image tokens are random.
"""

import json
import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import yaml
from speed.clock import median

from rows.plan import Plan, argument_of_module, run_module

REPOSITORY = Path(__file__).parents[2]
RECIPES = ("world/dvae", "world/clip", "world/dalle", "emoji/dvae", "emoji/clip", "emoji/dalle")
NEEDED = {
    "emoji/dvae": ("data/emoji",),
    "emoji/clip": ("data/emoji", "runs/emoji/english.json"),
    "emoji/dalle": (
        "data/emoji",
        "runs/emoji/tokenizer.json",
        "runs/emoji/dvae/export",
    ),
}
"""What a recipe takes from the working folder."""
SEVERAL = {"emoji/clip": (0, 1, 2)}
"""Numbers of workers of recipes that do much work on a picture; the others have their own."""
WORLD_ROWS, QUICK_WORLD_ROWS = 4096, 1024
STEPS, QUICK_STEPS, WARM = 30, 6, 2
"""Steps that are measured, and those before."""
LOADING, STEPPING = "[_TrainingEpochLoop].train_dataloader_next", "run_training_batch"
"""What Lightning's profiler calls taking a batch and using it."""


def run(plan: Plan) -> None:
    """Measure and add rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder)
        for recipe in RECIPES:
            absent = [part for part in NEEDED.get(recipe, ()) if not (folder / part).exists()]
            if absent:
                plan.leave_out(f"wait: {recipe}", f"there is no {', '.join(absent)}")
                continue
            numbers = SEVERAL.get(recipe, (None,)) if plan.workers is None else (plan.workers,)
            for workers in numbers:
                _add_rows(plan, folder, recipe, workers)


def lay_out(folder: Path) -> None:
    """Link what is there of what the recipes need into a folder to work in."""
    needed = {place for places in NEEDED.values() for place in places} | {"configs"}
    for place in filter(lambda place: (REPOSITORY / place).exists(), needed):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).symlink_to(REPOSITORY / place)


def _add_rows(plan: Plan, folder: Path, recipe: str, workers: int | None) -> None:
    plan.say(f"wait: {recipe}{'' if workers is None else f', {workers} workers'} …")
    argument: dict[str, Any] = {"folder": str(folder), "recipe": recipe, "workers": workers}
    argument["steps"] = QUICK_STEPS if plan.quick else STEPS
    argument["world_rows"] = QUICK_WORLD_ROWS if plan.quick else WORLD_ROWS
    run_module("rows.wait", argument, folder / "cache", folder / "log.txt")
    taken = json.loads((folder / "taken.json").read_text())
    waits, steps = taken["waits"], taken["steps"]
    case = {"what": "wait", "recipe": recipe, "workers": taken["workers"], "batch": taken["batch"]}
    plan.row(case, "wait_seconds", median(waits), unit="s")
    plan.row(case, "step_seconds", median(steps), unit="s")
    plan.row(case, "wait_share", sum(waits) / (sum(waits) + sum(steps)))


def fit(recipe: str, workers: int | None, steps: int, world_rows: int) -> dict[str, Any]:
    """Fit a recipe for some steps in the current folder; return the seconds of each."""
    from lightning.pytorch.profilers import SimpleProfiler

    from lit_dalle.cli.trainer import Cli, command_line

    profiler = SimpleProfiler()

    class Profiled(Cli):
        def instantiate_trainer(self, **kwargs: Any) -> Any:
            return super().instantiate_trainer(**kwargs, profiler=profiler)

    options = {
        "run": "runs/measured",
        "trainer.max_steps": WARM + steps,
        "trainer.limit_val_batches": 0,
        "trainer.callbacks": "null",
        "trainer.logger": "false",
        "trainer.enable_progress_bar": "false",
        "trainer.enable_model_summary": "false",
    }
    if workers is not None:
        options["data.num_workers"] = workers
    data = yaml.safe_load(Path(f"configs/{recipe}.yaml").read_text("utf-8"))["data"]
    if recipe.startswith("world"):
        options |= {"data.source.init_args.size": world_rows, "data.eval_limit": 64}
        data["source"]["init_args"]["size"] = world_rows
        stand_in_for_world()
    if "image_tokens" in data:
        stand_in_for_tokens(data, Path(f"runs/{recipe.partition('/')[0]}/dvae/export"))
    given = [f"--{name}={value}" for name, value in options.items()]
    cli = command_line("fit", [f"--config=configs/{recipe}.yaml", *given], Profiled)
    taken = profiler.recorded_durations
    return {
        "waits": taken[LOADING][WARM : WARM + steps],
        "steps": taken[STEPPING][WARM:],
        "workers": cli.datamodule.num_workers,
        "batch": cli.datamodule.batch_size,
    }


def stand_in_for_world() -> None:
    """Put the shipped dVAE and a tokenizer where the recipes of the world look for them."""
    from lit_dalle.data import CaptionTokenizer, WorldSource
    from lit_dalle.generation.hub import find_pipeline

    export, path = Path("runs/world/dvae/export"), Path("runs/world/tokenizer.json")
    if not export.exists():
        export.parent.mkdir(parents=True)
        export.symlink_to(find_pipeline("world") / "dvae")
        CaptionTokenizer.train(WorldSource(size=2000).captions(), 768).save(path)


def stand_in_for_tokens(data: dict[str, Any], dvae: Path) -> None:
    """Write random image tokens of the training rows.

    Args:
        data: The recipe's settings of the data.
        dvae: Whose tokens they pass for.
    """
    from lit_dalle.data.image_tokens import Encoding, write_image_tokens
    from lit_dalle.generation.encode_parts import FrozenEncoder

    source, encoder = made(data["source"]), FrozenEncoder.of(dvae)
    rows = len(source.picture_rows("train"))
    tokens = torch.randint(encoder.codebook_size, (rows, encoder.tokens))
    facts = Encoding(
        encoder.hash,
        source.picture_fingerprint("train"),
        encoder.image_size,
        rows,
        encoder.tokens,
        encoder.codebook_size,
    )
    folder = Path(data["image_tokens"]) / "train"
    if not folder.exists():
        folder.mkdir(parents=True)
        write_image_tokens(folder, [tokens], facts)


def made(setting: Any) -> Any:
    """Make what a recipe's ``class_path`` and ``init_args`` say, and all within them."""
    if isinstance(setting, list):
        return [made(one) for one in setting]
    if not isinstance(setting, dict) or "class_path" not in setting:
        return setting
    module, _, name = setting["class_path"].rpartition(".")
    arguments = {key: made(value) for key, value in setting["init_args"].items()}
    return getattr(import_module(module), name)(**arguments)


if __name__ == "__main__":
    from lit_dalle.cli.main import keep_freed_memory

    torch.set_flush_denormal(True)
    keep_freed_memory()
    arguments = argument_of_module()
    os.chdir(arguments.pop("folder"))
    Path("taken.json").write_text(json.dumps(fit(**arguments)))

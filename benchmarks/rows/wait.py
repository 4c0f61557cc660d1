"""The share of a training step that goes to waiting for its batch, of the recipes as they are.

Each recipe is fitted by the command line for some steps, without validation and callbacks, under
Lightning's profiler. The world is taken smaller, and its parts are stood in for: the shipped dVAE,
a tokenizer trained on the spot, random image tokens. Those of the emoji recipes have to be there.
"""

import json
import os
import tempfile
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
        "runs/emoji/tokens",
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
        for place in ("configs", "data"):
            (folder / place).symlink_to(REPOSITORY / place)
        (folder / "runs").mkdir()
        if (REPOSITORY / "runs" / "emoji").is_dir():
            (folder / "runs" / "emoji").symlink_to(REPOSITORY / "runs" / "emoji")
        for recipe in RECIPES:
            absent = [part for part in NEEDED.get(recipe, ()) if not (folder / part).exists()]
            if absent:
                plan.say(f"wait: {recipe} left out, there is no {', '.join(absent)}")
                continue
            numbers = SEVERAL.get(recipe, (None,)) if plan.workers is None else (plan.workers,)
            for workers in numbers:
                _add_rows(plan, folder, recipe, workers)


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
    if recipe.startswith("world"):
        options |= {"data.source.init_args.size": world_rows, "data.eval_limit": 64}
        stand_in(recipe, world_rows)
    given = [f"--{name}={value}" for name, value in options.items()]
    cli = command_line("fit", [f"--config=configs/{recipe}.yaml", *given], Profiled)
    taken = profiler.recorded_durations
    return {
        "waits": taken[LOADING][WARM : WARM + steps],
        "steps": taken[STEPPING][WARM:],
        "workers": cli.datamodule.num_workers,
        "batch": cli.datamodule.batch_size,
    }


def stand_in(recipe: str, rows: int) -> None:
    """Put there what a recipe of the world needs."""
    from lit_dalle.data import CaptionTokenizer, WorldSource
    from lit_dalle.data.image_tokens import Encoding, write_image_tokens
    from lit_dalle.generation.encode_parts import FrozenEncoder
    from lit_dalle.generation.hub import find_pipeline

    world, dvae = Path("runs/world"), find_pipeline("world") / "dvae"
    (world / "dvae").mkdir(parents=True, exist_ok=True)
    if not (world / "dvae" / "export").exists():
        (world / "dvae" / "export").symlink_to(dvae)
        CaptionTokenizer.train(WorldSource(size=2000).captions(), 768).save(
            world / "tokenizer.json"
        )
    config = yaml.safe_load(Path(f"configs/{recipe}.yaml").read_text("utf-8"))
    folder = world / "tokens" / "train"
    if "image_tokens" not in config["data"] or folder.exists():
        return
    source = WorldSource(**config["data"]["source"]["init_args"] | {"size": rows})
    encoder = FrozenEncoder.of(dvae)
    tokens = torch.randint(encoder.codebook_size, (rows, encoder.tokens))
    print_of = source.picture_fingerprint("train")
    side = encoder.image_size
    folder.mkdir(parents=True)
    write_image_tokens(
        folder,
        [tokens],
        Encoding(encoder.hash, print_of, side, rows, encoder.tokens, encoder.codebook_size),
    )


if __name__ == "__main__":
    from lit_dalle.cli.main import keep_freed_memory

    torch.set_flush_denormal(True)
    keep_freed_memory()
    arguments = argument_of_module()
    os.chdir(arguments.pop("folder"))
    Path("taken.json").write_text(json.dumps(fit(**arguments)))

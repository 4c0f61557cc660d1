"""The shipped recipes run tiny, in the order a user runs them."""

import os
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
FEW_ROWS = ["--data.source.init_args.size=40", "--data.source.init_args.eval_size=8"]
FEW_CAPTIONS = ["--source.init_args.size=2000", "--min_frequency=5"]
"""Enough for every word of the recipes' prompts to be a token; captions cost nothing."""
QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false"]


def tiny(command: str) -> list[str]:
    """A command of the README with the changes that make it take seconds.

    Raises:
        ValueError: The command is of a kind that has no tiny form here.
    """
    program, *arguments = shlex.split(command)
    assert program == "lit-dalle", command
    match arguments[0]:
        case "fit":
            net = Path(arguments[arguments.index("--config") + 1]).stem
            overlay = f"configs/overlays/tiny-{'dvae' if net == 'decoder' else net}.yaml"
            return [*arguments, "--config", overlay, *FEW_ROWS, *(QUIET if net != "dvae" else [])]
        case "prepare" if arguments[1] == "tokenizer":
            return [*arguments, *FEW_CAPTIONS]
        case "prepare":
            return [*arguments, "--source.init_args.size=40", "--source.init_args.eval_size=8"]
        case "generate" | "edit":
            return [*arguments, "--candidates", "4", "--keep", "2"]
        case "evaluate":
            few = ["--prompts_per_family=1", "--candidates=2", "--training_pictures=8"]
            return [*arguments, *few, "--binding_tests=2"]
    raise ValueError(f"no tiny form of {command}")


def lay_out(folder: Path) -> None:
    """Make a working folder in which the recipes are found where the README says."""
    (folder / "configs").symlink_to(ROOT / "configs")
    os.environ.setdefault("HF_DATASETS_CACHE", str(folder / "cache"))

"""What commands that draw have in common: bars, folders, warnings, and a last word."""

import re
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from lit_dalle.data.writing import check_replaceable
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.generation.result import GRID, Generation

STAGES = {"tokens": "drawing tokens", "pictures": "decoding and ranking"}


def bars(console: Console) -> Progress:
    """Bars of the stages of drawing."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def shown_by(bars: Progress) -> Callable[[str, int, int], None]:
    """Return what moves the bar of a stage; each gets its bar when it begins."""
    stages: dict[str, TaskID] = {}

    def progress(stage: str, done: int, total: int) -> None:
        if stage not in stages:
            stages[stage] = bars.add_task(STAGES[stage], total=total)
        bars.update(stages[stage], completed=done)

    return progress


def free_folder(prompt: str, out: str | None, overwrite: bool, marker: str) -> Path:
    """Find the folder to write, or say why it cannot be.

    Args:
        prompt: Names the folder where none is given.
        out: The folder that was asked for.
        overwrite: Whether an earlier one there is replaced.
        marker: File by which an earlier one is known.

    Raises:
        FileExistsError: The folder exists and may not be overwritten.
        ValueError: It holds something else.
    """
    if out is None:
        first = Path("outputs") / (re.sub(r"\W+", "-", prompt.lower()).strip("-_")[:60] or "prompt")
        folder, number = first, 1
        while folder.exists():
            number += 1
            folder = first.with_name(f"{first.name}-{number}")
        return folder
    folder = Path(out)
    if overwrite:
        check_replaceable(folder, marker)
    elif folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists: choose another place, or add --overwrite true")
    return folder


def report(generation: Generation, folder: Path, facts: str) -> None:
    """Say what was done and where it is."""
    seconds = sum(generation.seconds.values())
    settings = generation.settings
    ranked_by = generation.ranked_by
    chosen = f"best by {ranked_by}" if ranked_by else "first (no CLIP to rank them)"
    console = Console()
    console.print(
        f"{len(generation.images)} {chosen} of {settings.candidates} in {seconds:.1f} s\n"
        f"{folder / GRID}\n{folder / '001.png'} …\n{folder / facts}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


def warn_of_unknown_words(pipeline: DallePipeline, prompt: str, console: Console) -> None:
    """Say which words of a prompt the prior has never read."""
    if unknown := pipeline.prior_tokenizer.unknown_words(prompt):
        console.print(
            f"[yellow]warning:[/] the model never saw {_quoted(unknown)} in training, "
            "and will not know what is meant"
        )


def _quoted(words: list[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)

"""``lit-dalle generate``: a sentence in, a folder of pictures out."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
from lit_dalle.generation.hardware import DTYPES, Precision
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.generation.result import FACTS, GRID, Generation
from lit_dalle.generation.settings import GenerationSettings


def generate(
    prompt: str,
    *,
    pipeline: str = "world",
    candidates: int = 512,
    keep: int = 32,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    guidance: float | None = None,
    likelihood_weight: float | None = None,
    seed: int = 0,
    out: str | None = None,
    overwrite: bool = False,
    precision: Precision = "auto",
    device: str = "auto",
    tile: int | None = None,
) -> Path:
    """Draw pictures of a sentence and keep those that fit it best.

    How they are drawn and ranked is the pipeline's own choice where nothing else is asked for.
    Writes a contact sheet ``grid.png``, the single pictures ``001.png`` (the best) and following,
    and ``generation.json``, as one folder, whole or not at all.

    Args:
        prompt: What to draw.
        pipeline: A shipped name, a folder or a hub id. Shipped names win unless there is a slash.
        candidates: Pictures drawn.
        keep: Pictures kept.
        temperature: Divides the logits: below 1 likelier pictures, above 1 more varied ones. Null:
            the pipeline's own, as for the next four.
        top_k: Draw each token from the k most likely ones; the size of the codebook is off.
        top_p: Draw each token from the most likely ones with this total probability; 1 is off.
        guidance: How strongly to follow the words; 1 is off.
        likelihood_weight: Rank by CLIP's cosine plus so much of the prior's likelihood gain, in
            nats per image token; 0 is CLIP alone.
        seed: The same seed gives the same pictures.
        out: Folder to write; must not exist yet. Default: outputs/ and the prompt's words, with a
            number behind where that exists already.
        overwrite: Replace an earlier generation in the folder given as out.
        precision: auto: bfloat16 where the device computes in it.
        device: auto, cpu or cuda.
        tile: Pictures computed together, to bound the memory; when not given, as many as fit.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: No such pipeline.
        FileExistsError: The folder exists and may not be overwritten.
        ValueError: The prompt is empty or too long, or a setting is out of range.
    """
    amount: dict[str, Any] = {"candidates": candidates, "keep": keep, "seed": seed, "tile": tile}
    how: dict[str, Any] = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "guidance": guidance,
        "likelihood_weight": likelihood_weight,
    }
    GenerationSettings(**amount).changed(**how)  # fails before anything is loaded
    folder = _free_folder(prompt, out, overwrite)
    console = Console(stderr=True)
    drawing = DallePipeline.from_pretrained(pipeline, device=device, dtype=DTYPES.get(precision))
    if unknown := drawing.prior_tokenizer.unknown_words(prompt):
        console.print(
            f"[yellow]warning:[/] the model never saw {_quoted(unknown)} in training, "
            "and will not know what is meant"
        )
    with _bars(console) as bars:
        generation = drawing.generate(prompt, **amount, **how, progress=_shown_by(bars))
    generation.save(folder)
    _report(generation, folder)
    return folder


_STAGES = {"tokens": "drawing tokens", "pictures": "decoding and ranking"}


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _shown_by(bars: Progress) -> Callable[[str, int, int], None]:
    """Return what moves the bar of a stage; each gets its bar when it begins."""
    stages: dict[str, TaskID] = {}

    def progress(stage: str, done: int, total: int) -> None:
        if stage not in stages:
            stages[stage] = bars.add_task(_STAGES[stage], total=total)
        bars.update(stages[stage], completed=done)

    return progress


def _free_folder(prompt: str, out: str | None, overwrite: bool) -> Path:
    """Find the folder to write, or say why it cannot be."""
    if out is None:
        first = Path("outputs") / (re.sub(r"\W+", "-", prompt.lower()).strip("-_")[:60] or "prompt")
        folder, number = first, 1
        while folder.exists():
            number += 1
            folder = first.with_name(f"{first.name}-{number}")
        return folder
    folder = Path(out)
    if overwrite:
        check_replaceable(folder, FACTS)
    elif folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists: choose another place, or add --overwrite true")
    return folder


def _report(generation: Generation, folder: Path) -> None:
    """Say what was done and where it is."""
    seconds = sum(generation.seconds.values())
    settings = generation.settings
    ranked_by = generation.ranked_by
    chosen = f"best by {ranked_by}" if ranked_by else "first (no CLIP to rank them)"
    console = Console()
    console.print(
        f"{len(generation.images)} {chosen} of {settings.candidates} in {seconds:.1f} s\n"
        f"{folder / GRID}\n{folder / '001.png'} …\n{folder / FACTS}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


def _quoted(words: list[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)

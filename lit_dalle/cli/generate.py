"""``lit-dalle generate``: a sentence in, a folder of pictures out."""

from pathlib import Path
from typing import Any

from rich.console import Console

from lit_dalle.cli.drawing import bars, free_folder, report, shown_by, warn_of_unknown_words
from lit_dalle.generation.hardware import DTYPES, Precision
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.generation.region import read_upright
from lit_dalle.generation.result import FACTS
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
    image_prompt: str | None = None,
    rows: int = 0,
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
        image_prompt: A picture file whose upper part is given, and continued downwards; its middle
            square is read.
        rows: Rows of image tokens that the image prompt gives, of the grid's.
        out: Folder to write; must not exist yet. Default: outputs/ and the prompt's words, with a
            number behind where that exists already.
        overwrite: Replace an earlier generation in the folder given as out.
        precision: auto: bfloat16 where the device computes in it.
        device: auto, cpu or cuda.
        tile: Pictures computed together, to bound the memory; when not given, as many as fit.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: No such pipeline or image prompt.
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
    start = None if image_prompt is None else read_upright(image_prompt)
    folder = free_folder(prompt, out, overwrite, marker=FACTS)
    console = Console(stderr=True)
    drawing = DallePipeline.from_pretrained(pipeline, device=device, dtype=DTYPES.get(precision))
    warn_of_unknown_words(drawing, prompt, console)
    with bars(console) as shown:
        generation = drawing.generate(
            prompt, **amount, **how, image_prompt=start, rows=rows, progress=shown_by(shown)
        )
    generation.save(folder)
    report(generation, folder, FACTS)
    return folder

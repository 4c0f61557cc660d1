"""``lit-dalle edit``: a picture and a sentence in, the picture with a part of it repainted out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console

from lit_dalle.cli.drawing import bars, free_folder, report, shown_by, warn_of_unknown_words
from lit_dalle.cli.parsing import call, repeated
from lit_dalle.generation.edit import EDIT_FACTS
from lit_dalle.generation.hardware import DTYPES, Precision
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.generation.region import (
    SIDES,
    Bools,
    Rectangle,
    check_region,
    extended,
    read_mask,
    read_upright,
    rectangles_mask,
)
from lit_dalle.generation.settings import EditSettings

REPEATED = ("--rectangle", "--extend")
"""Options that may stand several times."""


def run(name: str, arguments: list[str]) -> None:
    """Run the command with its arguments as they were typed."""
    call(edit, name, repeated(arguments, REPEATED))


def edit(
    picture: str,
    prompt: str,
    *,
    rectangle: list[str] | None = None,
    mask: str | None = None,
    extend: list[str] | None = None,
    pipeline: str = "world",
    candidates: int = EditSettings.candidates,
    keep: int = EditSettings.keep,
    context: float = EditSettings.context,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    guidance: float | None = None,
    likelihood_weight: float | None = None,
    fit_weight: float = EditSettings.fit_weight,
    seed: int = 0,
    out: str | None = None,
    overwrite: bool = False,
    precision: Precision = "auto",
    device: str = "auto",
    tile: int | None = None,
) -> Path:
    """Repaint a part of a picture so that it fits a sentence and everything around it.

    Outside of that part the picture keeps its bytes: those of the upright 8-bit RGB picture, to
    which other files are converted first. Writes a contact sheet ``grid.png``, the pictures
    ``001.png`` (the best) and following, and ``edit.json``, as one folder, whole or not at all.

    Args:
        picture: The picture file.
        prompt: What the whole picture shows in the end.
        rectangle: X,Y,W,H in pixels from the upper left corner; may be given several times.
        mask: A picture of the same size: white is repainted, black stays.
        extend: SIDE=PIXELS, continues the picture beyond its left, top, right or bottom edge; may
            be given several times.
        pipeline: A shipped name, a folder or a hub id; its prior must read in any order.
        candidates: Fillings drawn.
        keep: Fillings kept.
        context: How much around the part the nets see at least, as a share of its size.
        temperature: Divides the logits. Null: the pipeline's own, as for the next four.
        top_k: Draw each token from the k most likely ones; the size of the codebook is off.
        top_p: Draw each token from the most likely ones with this total probability; 1 is off.
        guidance: How strongly to follow the words; 1 is off.
        likelihood_weight: Rank by so much of the prior's likelihood gain too, in nats a token.
        fit_weight: Rank by so much of the likelihood of what is around, in nats a token; 0 is off.
        seed: The same seed gives the same pictures.
        out: Folder to write; must not exist yet. Default: outputs/ and the prompt's words, with a
            number behind where that exists already.
        overwrite: Replace an earlier edit in the folder given as out.
        precision: auto: bfloat16 where the device computes in it.
        device: auto, cpu or cuda.
        tile: Pictures computed together, to bound the memory; when not given, as many as fit.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: No such picture, mask or pipeline.
        FileExistsError: The folder exists and may not be overwritten.
        ValueError: What is to be repainted is not said once, or makes no sense; the prompt is empty
            or too long; or a setting is out of range.
    """
    amount: dict[str, Any] = {"candidates": candidates, "keep": keep, "seed": seed, "tile": tile}
    how: dict[str, Any] = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "guidance": guidance,
        "likelihood_weight": likelihood_weight,
        "fit_weight": fit_weight,
        "context": context,
    }
    EditSettings(**amount).changed(**how)  # fails before anything is loaded
    original, region = _region_of(read_upright(picture), rectangle, mask, extend)
    folder = free_folder(prompt, out, overwrite, marker=EDIT_FACTS)
    console = Console(stderr=True)
    painting = DallePipeline.from_pretrained(pipeline, device=device, dtype=DTYPES.get(precision))
    warn_of_unknown_words(painting, prompt, console)
    with bars(console) as shown:
        found = painting.edit(original, prompt, region, **amount, **how, progress=shown_by(shown))
    found.save(folder)
    report(found.generation, folder, EDIT_FACTS)
    return folder


def _region_of(
    picture: Image.Image,
    rectangles: Sequence[str] | None,
    mask: str | None,
    extend: Sequence[str] | None,
) -> tuple[Image.Image, Bools]:
    """The picture, on its canvas where it is extended, and what of it is repainted."""
    ways = [way for way in (rectangles, mask, extend) if way]
    if len(ways) != 1:
        raise ValueError(
            "say what to repaint in one way: --rectangle X,Y,W,H, --mask FILE or --extend "
            f"SIDE=PIXELS; got {len(ways)} of them"
        )
    if extend:
        return extended(picture, _margins(extend))
    if mask is not None:
        region = read_mask(mask, *picture.size)
    else:
        region = rectangles_mask(map(Rectangle.parse, rectangles or ()), *picture.size)
    check_region(region, *picture.size)
    return picture, region


def _margins(given: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in given:
        side, _, pixels = one.partition("=")
        if side not in SIDES or not pixels.isdecimal() or side in found:
            raise ValueError(
                f"--extend takes SIDE=PIXELS, each side once, of {', '.join(SIDES)}; got {one!r}"
            )
        found[side] = int(pixels)
    return found

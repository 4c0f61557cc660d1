"""Repainting on the world, graded: any order beside raster order with known tokens forced.

    python benchmarks/editing.py --out results/editing.json --grids editing-grids

Pictures of the test split. ``attribute``: one attribute is changed inside the rectangle where the
change shows (the penguin's hat, the middle block of a stack, one of two shapes, the sky of the
capybara's field). ``restoration``: a rectangle is hidden and asked for again, of four sizes
anywhere; ``scattered``: six small ones at once. ``crossing``: the region ends within an object that
goes on beyond its right or lower border. ``completion``: the region reaches the lower right corner,
as that of the paper does. ``accuracy`` is the share that the grader finds right as a whole.

``--quick`` takes few cases with 8 samples each.
"""

import argparse
import sys
from pathlib import Path

import torch
from options import bar, names_of
from rich.console import Console

from lit_dalle.cli.main import keep_freed_memory
from lit_dalle.data.world import WORLD_VERSION
from lit_dalle.evaluation.editing.measure import Repainted, Way, repaint
from lit_dalle.evaluation.editing.rows import add_edits
from lit_dalle.evaluation.editing.sheets import write_sheet
from lit_dalle.evaluation.editing.tasks import TASKS, cases
from lit_dalle.evaluation.grading import GRADER_VERSION
from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.generation.hardware import DTYPES
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.generation.settings import EditSettings

FULL, QUICK = {"cases": 160, "candidates": 32}, {"cases": 8, "candidates": 8}
WAYS: dict[str, tuple[Way, ...]] = {
    task: ("any-order", "completion" if task == "completion" else "forced-raster") for task in TASKS
}


def main() -> None:
    """Parse the command line and run; what is wrong with the input is one line."""
    options = _options()
    try:
        run(options)
    except (ValueError, OSError) as error:
        print(f"editing: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None


def run(options: argparse.Namespace) -> None:
    """Measure, print and write; what there is so far is written after each part."""
    usual = QUICK if options.quick else FULL
    count, candidates = (getattr(options, name) or usual[name] for name in usual)
    pipeline = DallePipeline.from_pretrained(
        options.pipeline, device=options.device, dtype=DTYPES.get(options.precision)
    )
    own = EditSettings.of(
        pipeline.defaults, candidates=candidates, keep=candidates, seed=options.seed
    )
    given = {name: getattr(options, name) for name in ("guidance", "temperature", "fit_weight")}
    settings = own.changed(**given)
    facts = setting(
        seed=options.seed,
        precision=str(pipeline.dtype).removeprefix("torch."),
        device=pipeline.device.type,
    )
    facts |= {
        "pipeline": pipeline.name,
        "hashes": pipeline.hashes,
        "cases": count,
        **vars(settings),
    }
    results = ResultFile("editing", facts | {"world": WORLD_VERSION, "grader": GRADER_VERSION})
    for task in options.tasks:
        made = cases(task, count, options.seed, pipeline.dvae.config.image_size)
        found: dict[Way, list[Repainted]] = {}
        for way in WAYS[task]:
            with bar(f"{task}, {way}", len(made) * candidates) as advance:
                found[way] = [
                    repaint(pipeline, one, way, settings, progress=advance) for one in made
                ]
            add_edits(results, task, way, found[way])
            if options.out is not None:
                results.write(options.out)
        if options.grids is not None:
            write_sheet(options.grids / f"{task}.png", task, found)
    Console(width=130).print(results.table())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--pipeline", default="world", help="name, folder or hub id of a pipeline")
    add("--tasks", type=names_of(TASKS), default=list(TASKS), help=f"some of {', '.join(TASKS)}")
    add("--cases", type=int, help=f"pictures of each task (default {FULL['cases']})")
    add("--candidates", type=int, help=f"samples of each (default {FULL['candidates']})")
    add("--guidance", type=float, help="scale of guidance (default the pipeline's own)")
    add("--temperature", type=float, help="of the samples (default the pipeline's own)")
    add("--fit_weight", type=float, help="of the fit in the ranking (default the pipeline's own)")
    add("--seed", type=int, default=0, help="of pictures, regions and samples")
    add("--grids", type=Path, help="folder for sheets of pictures (PNG)")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--precision", default="auto", choices=("auto", *DTYPES), help="of the prior")
    add("--quick", action="store_true", help="the same rows on less, within five minutes")
    add("--out", type=Path, help="result file")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    keep_freed_memory()
    main()

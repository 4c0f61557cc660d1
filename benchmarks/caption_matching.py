"""CLIP on the world: the right caption among 100 scenes of the family, near ones included.

    python benchmarks/caption_matching.py --pipeline world --out results/caption_matching.json

Prints accuracy per family with 95 % intervals (Wilson), on the i.i.d. test split and on held-out
compositions, and writes a result file. Chance is about 1 %. ``--quick`` takes fewer pictures.
"""

import argparse
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from lit_dalle.data.world import FAMILIES, WORLD_VERSION
from lit_dalle.evaluation.caption_matching import Matching, match_captions, world_trials
from lit_dalle.evaluation.encoders import clip_encoders
from lit_dalle.evaluation.intervals import wilson_interval
from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.generation.export import folder_hash, load_model, load_tokenizer
from lit_dalle.generation.hub import find_pipeline

SPLITS = ("test", "held_out")


def main() -> None:
    """Parse the command line, measure, print and write."""
    options = _options()
    folder = options.clip or find_pipeline(options.pipeline) / "clip"
    clip, tokenizer = load_model(folder, kind="clip"), load_tokenizer(folder)
    trials = options.trials or (40 if options.quick else 400)
    facts = setting(seed=options.seed, precision="float32") | {
        "clip": folder_hash(folder),
        "world": WORLD_VERSION,
        "trials_per_family": trials,
        "candidates": options.candidates,
    }
    results = ResultFile(
        "caption_matching", setting(seed=options.seed, precision="float32") | facts
    )
    with Progress() as progress:
        for split in SPLITS:
            task = progress.add_task(split, total=trials * len(FAMILIES))
            drawn = list(
                world_trials(split, trials, candidates=options.candidates, seed=options.seed)
            )
            matchings = match_captions(
                drawn,
                *clip_encoders(clip, tokenizer),
                progress=lambda done, task=task: progress.advance(task, done),
            )
            add_rows(results, split, matchings)
    Console().print(results.table())
    if options.out is not None:
        results.write(options.out)


def add_rows(results: ResultFile, split: str, matchings: list[Matching]) -> None:
    """Add one row a family and one for all families, whose trials are equally many."""
    for matching in matchings:
        case = {"split": split, "family": matching.family}
        results.row(case, "accuracy", matching.accuracy, *matching.interval)
    right, trials = sum(m.right for m in matchings), sum(m.trials for m in matchings)
    interval = wilson_interval(right, trials)
    results.row({"split": split, "family": "all"}, "accuracy", right / trials, *interval)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pipeline", default="world", help="name, folder or hub id of a pipeline")
    which.add_argument("--clip", type=Path, help="folder of an exported CLIP")
    parser.add_argument("--trials", type=int, help="pictures a family and split (default 400)")
    parser.add_argument("--candidates", type=int, default=100, help="captions a picture")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="40 pictures a family and split")
    parser.add_argument("--out", type=Path, help="result file")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    main()

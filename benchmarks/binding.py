"""CLIP's binding on the world: which attribute belongs to which object?

    python benchmarks/binding.py --pipeline world --out results/binding.json

Two forms of test, each on trained compositions freshly drawn (``iid``) and on held-out ones:

- ``winoground``: two pictures and two captions of the same words in another order; text, image and
  group score;
- ``sugarcrepe``: one picture, its caption and one near it, with an attribute replaced, two swapped,
  or something added; accuracy.

Prints them per family, and per kind of change where a family has several, with 95 % intervals
(Wilson) and chance level, and writes a result file. ``--quick`` takes fewer tests.
"""

import argparse
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from lit_dalle.data.world import WORLD_VERSION
from lit_dalle.evaluation.binding.rows import FORMS, add_binding
from lit_dalle.evaluation.encoders import clip_encoders
from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.evaluation.splits import SPLIT_OF
from lit_dalle.generation.export import folder_hash, load_model, load_tokenizer
from lit_dalle.generation.hub import find_pipeline


def main() -> None:
    """Parse the command line, measure, print and write."""
    options = _options()
    folder = options.clip or find_pipeline(options.pipeline) / "clip"
    clip, tokenizer = load_model(folder, kind="clip"), load_tokenizer(folder)
    pairs = options.pairs or (40 if options.quick else 400)
    facts = setting(seed=options.seed, precision="float32") | {
        "clip": folder_hash(folder),
        "world": WORLD_VERSION,
        "pairs_per_family": pairs,
    }
    results = ResultFile("binding", facts)
    with Progress() as bars, torch.no_grad():
        task = bars.add_task("binding", total=FORMS * len(SPLIT_OF))
        add_binding(
            results,
            *clip_encoders(clip, tokenizer),
            pairs,
            seed=options.seed,
            progress=lambda done: bars.advance(task, done),
        )
    Console().print(results.table())
    if options.out is not None:
        results.write(options.out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pipeline", default="world", help="name, folder or hub id of a pipeline")
    which.add_argument("--clip", type=Path, help="folder of an exported CLIP")
    parser.add_argument("--pairs", type=int, help="tests a family, kind and split (default 400)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="40 tests a family, kind and split")
    parser.add_argument("--out", type=Path, help="result file")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    main()

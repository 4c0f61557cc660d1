"""The dVAE on the world: what survives hard tokens, by family, and use of the codebook.

    python benchmarks/reconstruction.py --pipeline world --out results/reconstruction.json

Reads 4,096 pictures that were never trained on of each split (i.i.d. test and held-out
compositions), prints a table and writes a result file. ``ceiling`` is the share of pictures that
still show their scene exactly: no prior over these tokens can be right more often. ``--quick``
takes fewer pictures.
"""

import argparse
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress

from lit_dalle.data.world import WORLD_VERSION
from lit_dalle.evaluation.reconstruction import (
    add_reconstruction,
    evaluate_reconstruction,
    world_batches,
)
from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.generation.export import folder_hash, load_model
from lit_dalle.generation.hub import find_pipeline

SPLITS = ("test", "held_out")


def main() -> None:
    """Parse the command line, measure, print and write."""
    options = _options()
    folder = options.dvae or find_pipeline(options.pipeline) / "dvae"
    dvae = load_model(folder, kind="dvae")
    size, codes = dvae.config.image_size, dvae.config.codebook_size
    pictures = options.pictures or (512 if options.quick else 4096)
    facts = {"dvae": folder_hash(folder), "world": WORLD_VERSION, "pictures_per_split": pictures}
    results = ResultFile("reconstruction", setting(seed=options.seed, precision="float32") | facts)
    with Progress() as progress:
        for split in SPLITS:
            task = progress.add_task(split, total=pictures)
            found = evaluate_reconstruction(
                dvae.encode,
                dvae.decode,
                world_batches(split, pictures, size=size, seed=options.seed),
                codes,
                progress=partial(progress.advance, task),
            )
            add_reconstruction(results, split, found)
    Console().print(results.table())
    if options.out is not None:
        results.write(options.out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--pipeline", default="world", help="name, folder or hub id of a pipeline")
    which.add_argument("--dvae", type=Path, help="folder of an exported dVAE")
    parser.add_argument("--pictures", type=int, help="pictures a split (default 4096)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="512 pictures a split")
    parser.add_argument("--out", type=Path, help="result file")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    main()

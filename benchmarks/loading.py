"""Rows between the disk and a batch: how fast, how safely, and in how little memory they are read.

    python benchmarks/loading.py --out results/loading.json

- ``speed``: rows a second in batches of 64 pictures at 64×64, from parquet, tar shards and a
  folder, in turns with the same work done with ``datasets`` alone; ``ratio`` is ours to theirs, the
  median over pairs of neighbouring epochs.
- ``damage``: a folder of which a tenth is damaged or odd in twenty ways, trained on by the command
  line: rows counted as planned, rows lost, and rows shown again in the places of those that cannot
  be used.
- ``resume``: a training process on a stream is killed (SIGKILL) in mid-epoch and goes on from its
  last checkpoint; then two processes. Rows that were shown twice or are missing in an epoch.
- ``memory``: the resident size while a million rows are streamed: ``growth`` is that at the end to
  that after a tenth.
- ``wait``: the share of a training step that goes to waiting for its batch, of ``dvae.yaml``,
  ``clip.yaml`` and ``dalle.yaml`` of ``configs/world`` and ``configs/emoji``. What those of the
  world need is stood in for; those of the emoji need ``data/emoji``, both tokenizers and the dVAE.

``--quick`` measures the same on less. What cannot be measured here is said, and stands as
``left_out`` in the setting.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

import torch
from options import names_of
from rich.console import Console
from rows.damage import ONE_IN
from rows.plan import Plan

from lit_dalle.cli.main import keep_freed_memory
from lit_dalle.evaluation.results import ResultFile, setting

PARTS = ("speed", "damage", "resume", "memory", "wait")
"""What is measured, a module of ``rows`` each."""
WIDTH = 160
"""Columns of the table where there is no terminal."""


def main() -> None:
    """Parse the command line, measure, print and write."""
    options = _options()
    results = ResultFile(
        "loading",
        setting(seed=options.seed, precision="bf16-mixed")
        | {"quick": options.quick, "intervals": "95 % of the median", "left_out": {}},
    )
    plan = Plan(results, options.seed, options.quick, options.workers, options.rows)
    for part in options.only:
        import_module(f"rows.{part}").run(plan)
        if options.out is not None:
            results.write(options.out)
    Console(width=None if sys.stdout.isatty() else WIDTH).print(results.table())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only",
        type=names_of(PARTS),
        default=list(PARTS),
        help=f"of {', '.join(PARTS)} (default: all)",
    )
    parser.add_argument("--workers", type=int, help="loading processes (default: of the part)")
    parser.add_argument(
        "--rows", type=_rows, help=f"rows of speed, damage and memory: a multiple of {ONE_IN}"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="the same rows on less")
    parser.add_argument("--out", type=Path, help="result file")
    return parser.parse_args()


def _rows(text: str) -> int:
    """Parse a number of rows that has a row of each kind of damage and ends with a full batch."""
    if not text.isdecimal() or int(text) < ONE_IN or int(text) % ONE_IN:
        raise argparse.ArgumentTypeError(f"rows come in multiples of {ONE_IN}, got {text}")
    return int(text)


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    keep_freed_memory()
    main()

"""Speed and memory of training and sampling, beside the machine's limits and the peers.

    python benchmarks/throughput.py --sizes S,M --out results/throughput.json --plot speed.png

Sizes: S (dim 256, depth 8, heads 8, 32 + 256 tokens), M (512 / 12 / 8, 64 + 1024), L (1024 / 24 /
16, 256 + 1024; a GPU, or a few steps on a CPU). Measured are training and sampling of the prior,
dVAE, CLIP, a whole prompt → 32 of 512, sparse against dense-mask attention, a late position against
an early one, a shared prefix against separate prompts, and the loader's wait. ``--quick`` ends
within five minutes on two cores and measures the same rows on less.

Beside each figure, from the same run:

- ``roofline_fraction``: of what the machine could do, by work counted from the config and its masks
  (``speed/work.py``) and by rates measured at the start: ``best`` at the best shape found,
  ``occurring`` at the shapes of the case. A step of sampling takes at least the longer of its
  products and of reading the bf16 weights and the visible cache from memory; weights that stay in a
  large cache can beat that.
- ``ratio_to_peer``: against DALLE-pytorch and transformers' CLIPModel, where installed
  (``benchmarks/peers/requirements.txt``), in turns with ours; ``headline`` marks the peer's fastest
  form. DALLE-pytorch samples for at most 60 s, ``as shipped`` (its ``use_cache=True`` has no effect
  without guidance) and with that mended; the fastest of either is marked.
- ``peak_memory``: on a CPU of a fresh process.

``--only profile`` tells which operators the time goes to.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

import torch
from options import names_of
from rich.console import Console
from speed.bench import Bench, Plan, prepare_process
from speed.memory import way_of_measuring
from speed.plot import plot
from speed.rates import measure_rates
from speed.sizes import SIZES
from speed.table import table

from lit_dalle.evaluation.results import ResultFile, setting

GROUPS = (
    "training",
    "sampling",
    "positions",
    "prefix",
    "generate",
    "dvae",
    "clip",
    "attention",
    "loader",
)
"""What is measured, a module of ``speed`` each, which is loaded where it is used."""
ON_DEMAND = ("profile",)
"""What is measured only where ``--only`` names it."""
WIDTH = 160
"""Columns of the table where there is no terminal."""
ON_GPU_ONLY = {"M": ("prefix",), "L": ("generate", "positions", "prefix", "dvae", "clip")}
"""Groups that a size leaves out on a CPU: half an hour and more, or the nets of M again."""


def main() -> None:
    """Parse the command line, measure, print and write."""
    options = _options()
    prepare_process()
    plan = Plan(options.device, options.seed, options.quick, not options.one_process)
    facts = setting(seed=plan.seed, precision="bfloat16", device=plan.device) | {
        "quick": plan.quick,
        "memory": way_of_measuring(plan.device),
    }
    results = ResultFile("throughput", facts)
    rates = measure_rates(plan.device, small=options.sizes == ["XS"])
    bench = Bench(plan, rates, results)
    _rate_rows(bench)
    for name in options.sizes:
        for group in options.only:
            if plan.device == "cpu" and group in ON_GPU_ONLY.get(name, ()):
                bench.say(f"{group} {name}: left out on a CPU")
            else:
                import_module(f"speed.{group}").run(bench, SIZES[name])
            if options.out is not None:
                results.write(options.out)
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table(results.rows))
    if options.plot is not None:
        plot(results.rows, options.plot)


def _rate_rows(bench: Bench) -> None:
    """Add what the machine reaches."""
    case, rates = {"what": "machine", "rate": "best"}, bench.rates
    bench.results.row(case, "matrix_rate", rates.matrix / 1e12, unit="TFLOP/s")
    bench.results.row(case, "convolution_rate", rates.convolution / 1e12, unit="TFLOP/s")
    bench.results.row(case, "read_bandwidth", rates.bandwidth / 1e9, unit="GB/s")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--sizes", type=names_of(SIZES), default=["S", "M"], help="of S, M, L (default S,M)"
    )
    known = (*GROUPS, *ON_DEMAND)
    parser.add_argument(
        "--only",
        type=names_of(known),
        default=list(GROUPS),
        help=f"of {', '.join(known)} (default: all but the last)",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="the same rows on less")
    parser.add_argument(
        "--one-process", action="store_true", help="start no processes; leaves peak memory out"
    )
    parser.add_argument("--out", type=Path, help="result file")
    parser.add_argument("--plot", type=Path, help="picture, for example speed.png")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    main()

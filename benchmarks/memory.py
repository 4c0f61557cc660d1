"""The memory estimate against the measured peak: training and sampling of the prior.

    python benchmarks/memory.py --sizes S,M --out results/memory.json

Each case runs in a fresh process: a few updates in Lightning's order (the gradients of an update
live until the next forward pass is through), or the first positions of 512 candidates with all of
their caches written to, which otherwise get resident only as positions are reached. On a CPU the
peak is the growth of the resident set above that after imports and a tiny warm-up, on CUDA the
largest allocated bytes. ``freed`` tells whether malloc keeps what was freed, as ``lit-dalle`` has
it, or gives it back. The estimate counts what PyTorch allocates; what malloc keeps but cannot fit
the next buffer into, and the operands that oneDNN packs, come on top: 100-300 MB in training, so
the smaller the net the larger the part.

Rows: ``estimated_memory``, ``peak_memory``, and ``memory_estimate_ratio``, estimate / peak. Sizes
are those of ``speed/sizes.py``; ``--quick`` makes fewer updates.
"""

import argparse
import contextlib
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from speed.bench import Plan, prepare_process
from speed.memory import PeakMemory, way_of_measuring
from speed.nets import random_tokens
from speed.sizes import SIZES, Size
from torch import nn

from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.generation.decode import fitting_tile, generate_image_tokens
from lit_dalle.models.cache import KVCache
from lit_dalle.models.dalle import Dalle, Prefill
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.memory import MemoryEstimate, estimate_dalle, estimate_sampling
from lit_dalle.training.optimization import OptimizerConfig, build_optimizer

TASKS = ("training", "training, checkpointed", "sampling")
CANDIDATES = 512
STEPS, QUICK_STEPS = 5, 2
"""Updates; in the second all that the estimate counts is there."""
POSITIONS = 64
"""Positions of each candidate."""


@dataclass(frozen=True)
class Case:
    """One thing to measure; plain data, so that it reaches a fresh process."""

    task: str
    size: Size
    plan: Plan
    keeps_freed: bool

    @property
    def row(self) -> dict[str, object]:
        """What a result row says of it."""
        count = {"candidates": CANDIDATES}
        if self.task != "sampling":
            count = {"batch": self.batch}
        freed = {"freed": "kept" if self.keeps_freed else "returned"}
        if self.plan.device == "cuda":
            freed = {}
        return {"what": self.task, "size": self.size.name, **count, **freed}

    @property
    def batch(self) -> int:
        """Rows of an update."""
        return self.size.batch(self.plan.device)

    def estimate(self) -> MemoryEstimate:
        """What the config says."""
        if self.task == "sampling":
            with torch.device("meta"):
                prior = Dalle(self.size.dalle).bfloat16()
            return estimate_sampling(self.size.dalle, fitting_tile(prior, CANDIDATES))
        checkpointed = self.task != "training"
        return estimate_dalle(
            self.size.dalle,
            self.batch,
            activation_checkpointing=checkpointed,
            device="cuda" if self.plan.device == "cuda" else "cpu",
        )


class TouchingDalle(Dalle):
    """A prior whose caches are resident from the start."""

    def new_caches(self, prefill: Prefill, copies: int) -> list[KVCache]:
        """Make the caches and write to all of them."""
        caches = super().new_caches(prefill, copies)
        for cache in caches:
            for part in cache.own:
                part.fill_(0)
        return caches


class Enough(Exception):  # noqa: N818
    """Leaves the sampling loop."""


def main() -> None:
    """Parse the command line, measure, print and write."""
    options = _options()
    plan = Plan(options.device, options.seed, options.quick)
    facts = setting(seed=plan.seed, precision="bf16-mixed", device=plan.device)
    facts |= {"quick": plan.quick, "memory": way_of_measuring(plan.device)}
    results = ResultFile("memory", facts)
    for name in options.sizes:
        for task in TASKS:
            for keeps_freed in (True,) if plan.device == "cuda" else (True, False):
                _add_rows(results, Case(task, SIZES[name], plan, keeps_freed))
    Console(width=None if sys.stdout.isatty() else 160).print(results.table())
    if options.out is not None:
        results.write(options.out)


def _add_rows(results: ResultFile, case: Case) -> None:
    estimated, measured = case.estimate().total, in_fresh_process(case)
    results.row(case.row, "estimated_memory", estimated / 1e6, unit="MB")
    if measured is not None:
        results.row(case.row, "peak_memory", measured / 1e6, unit="MB")
        results.row(case.row, "memory_estimate_ratio", estimated / measured)


def in_fresh_process(case: Case) -> int | None:
    """Bytes at the peak of a case; None where the system does not tell."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(measure, case).result()


def measure(case: Case) -> int | None:
    """Bytes that this process grows by."""
    if case.keeps_freed:
        prepare_process()
    run = sample if case.task == "sampling" else train
    run(SIZES["XS"].dalle, 2, case)
    memory = PeakMemory(case.plan.device)
    run(case.size.dalle, CANDIDATES if case.task == "sampling" else case.batch, case)
    return memory.grown()


def train(config: DalleConfig, batch: int, case: Case) -> None:
    """Make a few updates of a prior of random weights, in the order in which Lightning does."""
    plan = case.plan
    prior = Dalle(config).to(plan.device).train()
    prior.activation_checkpointing = case.task != "training"
    optimizer = build_optimizer(prior, OptimizerConfig(), 1000)["optimizer"]
    tokens = random_tokens(config, batch, plan)
    for _ in range(QUICK_STEPS if plan.quick else STEPS):
        with plan.autocast():
            text_loss, image_loss = prior.losses(*tokens)
            loss = text_loss / 8 + image_loss * 7 / 8
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(prior.parameters(), 1.0)
        optimizer.step()


def sample(config: DalleConfig, candidates: int, case: Case) -> None:
    """Draw the first positions of a tile's candidates, all caches written to."""
    plan, drawn = case.plan, 0
    with torch.device(plan.device):
        default = torch.get_default_dtype()
        torch.set_default_dtype(torch.bfloat16)
        prior = TouchingDalle(config).eval()
        torch.set_default_dtype(default)

    def count(tokens: int) -> None:
        nonlocal drawn
        drawn += 1
        if drawn == POSITIONS:
            raise Enough

    with contextlib.suppress(Enough):
        prompt, _ = random_tokens(config, 1, plan)
        generate_image_tokens(prior, prompt, candidates, seed=plan.seed, progress=count)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=_sizes, default=["S", "M"], help="of S, M, L (default S,M)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="the same rows with fewer updates")
    parser.add_argument("--out", type=Path, help="result file")
    return parser.parse_args()


def _sizes(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    unknown = [name for name in names if name not in SIZES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are {', '.join(SIZES)}")
    return names


if __name__ == "__main__":
    main()

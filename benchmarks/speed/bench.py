"""What all measurements share: how much is measured, where it runs, and where rows go."""

import contextlib
import gc
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

import torch
from rich.console import Console

from lit_dalle.cli.main import keep_freed_memory
from lit_dalle.evaluation.results import ResultFile
from speed.clock import median, median_interval
from speed.rates import Rates

T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """How a measurement is made; plain data, so that it reaches a fresh process."""

    device: str = "cpu"
    """``cpu`` or ``cuda``."""
    seed: int = 0
    """Seed of weights, tokens and sampling noise."""
    quick: bool = False
    """Measure the same on less."""
    apart: bool = True
    """On a CPU, measure in a process of its own what peak memory is told of."""

    def seconds(self, full: float, quick: float) -> float:
        """Time to spend on something."""
        return quick if self.quick else full

    def autocast(self) -> torch.autocast:
        """Return bf16 autocast on the device, as training runs."""
        return torch.autocast(self.device.partition(":")[0], torch.bfloat16)


@dataclass
class Bench:
    """The run: its plan, its rates, its rows, and what it has to say."""

    plan: Plan
    rates: Rates
    results: ResultFile
    console: Console = field(default_factory=lambda: Console(stderr=True))
    begin: float = field(default_factory=perf_counter)

    def measure(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function of a module with the plan behind its arguments.

        On a CPU it runs in a fresh process, so that its peak memory is its own.
        """
        if not self.plan.apart or self.plan.device.startswith("cuda"):
            gc.collect()
            return function(*arguments, self.plan)
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn, initializer=prepare_process) as pool:
            return pool.submit(function, *arguments, self.plan).result()

    def say(self, text: str) -> None:
        """Tell the terminal what is going on."""
        line = f"{perf_counter() - self.begin:5.0f} s  {text}"
        self.console.print(line, highlight=False, soft_wrap=True, markup=False)

    def rate(
        self, case: Mapping[str, Any], metric: str, work: float, seconds: Sequence[float], unit: str
    ) -> float:
        """Add a row of work by time, the median of its repeats; return it.

        Args:
            case: What was measured.
            metric: Name of the number.
            work: Tokens, pictures or pairs done in each repeat.
            seconds: Seconds of each repeat.
            unit: For example ``tokens/s``.
        """
        rates = [work / each for each in seconds]
        value = median(rates)
        self.results.row(case, metric, value, *median_interval(rates), unit=unit)
        return value

    def roofline(
        self,
        case: Mapping[str, Any],
        value: float,
        rates: Mapping[str, float],
        limit: Callable[[float], float],
        metric: str = "matrix_rate",
    ) -> None:
        """Add the shares of what the machine could do, and the rate at the shapes that occur.

        Args:
            case: Case of the row that held ``value``.
            value: What was measured, of a unit a second.
            rates: FLOP/s, ``best`` and ``occurring``.
            limit: Gives for such a rate what could be reached, in the unit of ``value``.
            metric: What the rates are called.
        """
        for name, rate in rates.items():
            self.results.row({**case, "rate": name}, "roofline_fraction", value / limit(rate))
        case = {**case, "rate": "occurring"}
        self.results.row(case, metric, rates["occurring"] / 1e12, unit="TFLOP/s")

    def memory(self, case: Mapping[str, Any], grown: int | None) -> None:
        """Add a row of peak memory, where it was measured."""
        if grown is not None and self.plan.apart:
            self.results.row(case, "peak_memory", grown / 1e6, unit="MB")


def by_flops(flops: float) -> Callable[[float], float]:
    """Return what a rate in FLOP/s allows of something that takes ``flops`` each."""
    return lambda rate: rate / flops


def prepare_process() -> None:
    """Set what ``lit-dalle`` sets before any parallel work."""
    torch.set_flush_denormal(True)
    keep_freed_memory()
    with contextlib.suppress(RuntimeError):
        torch.zeros(256, 256).matmul(torch.zeros(256, 256))  # threads and their buffers

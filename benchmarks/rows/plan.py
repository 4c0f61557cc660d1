"""What all parts share: how much is measured, where results go, and processes of their own."""

import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console

from lit_dalle.evaluation.results import ResultFile

BENCHMARKS = Path(__file__).parents[1]


@dataclass
class Plan:
    """The run: how much of it, its rows of results, and what it has to say."""

    results: ResultFile
    seed: int = 0
    quick: bool = False
    workers: int | None = None
    """Loading processes, where they are not those of the part."""
    rows: int | None = None
    """Rows, where they are not those of the part."""
    console: Console = field(default_factory=lambda: Console(stderr=True))
    begin: float = field(default_factory=perf_counter)

    def amount(self, full: int, quick: int) -> int:
        """How much of something to measure."""
        return self.rows or (quick if self.quick else full)

    def say(self, text: str) -> None:
        """Tell the terminal what is going on."""
        line = f"{perf_counter() - self.begin:5.0f} s  {text}"
        self.console.print(line, highlight=False, soft_wrap=True, markup=False)

    def leave_out(self, what: str, why: str) -> None:
        """Tell the terminal and the result file that something is not measured."""
        self.say(f"{what} left out, {why}")
        before = self.results.setting.get("left_out", {})
        self.results.setting = {**self.results.setting, "left_out": {**before, what: why}}

    def row(
        self,
        case: Mapping[str, Any],
        metric: str,
        value: float,
        *ends: float | None,
        unit: str = "",
    ) -> None:
        """Add a row of results, with or without the ends of its interval."""
        low, high = ends or (None, None)
        self.results.row(case, metric, value, low, high, unit=unit)


@contextmanager
def silence() -> Iterator[None]:
    """Keep what Lightning and the loading of rows say off the terminal."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def begin_module(name: str, argument: Any, cache: Path, log: Path) -> subprocess.Popen[bytes]:
    """Begin a module of ours in a process group of its own, with one argument of plain data.

    Args:
        name: For example ``rows.fitting``.
        argument: What :func:`argument_of_module` returns there.
        cache: Where ``datasets`` keeps its caches.
        log: File of what it prints.
    """
    path = os.pathsep.join(filter(None, [str(BENCHMARKS), os.environ.get("PYTHONPATH")]))
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", name, json.dumps(argument)],
            env={**os.environ, "PYTHONPATH": path, "HF_DATASETS_CACHE": str(cache)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def run_module(name: str, argument: Any, cache: Path, log: Path) -> None:
    """Run a module of ours to its end; see :func:`begin_module`.

    Raises:
        RuntimeError: It failed.
    """
    if begin_module(name, argument, cache, log).wait():
        raise RuntimeError(f"{name} failed:\n{log.read_text('utf-8', 'replace')[-4000:]}")


def argument_of_module() -> Any:
    """The argument that :func:`begin_module` gave."""
    return json.loads(sys.argv[1])

"""Result files: the one form of all measurements, with the setting behind the numbers."""

import json
import math
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from lit_dalle.data.writing import whole_file

REPOSITORY = Path(__file__).resolve().parents[2]
LIBRARIES = ("lit-dalle", "torch", "lightning", "datasets", "numpy", "pillow")


@dataclass
class ResultFile:
    """Rows of one benchmark run and its setting."""

    benchmark: str
    """Name of the benchmark, that of its script."""
    setting: Mapping[str, Any]
    """What the numbers depend on; begin with ``setting(...)``."""
    rows: list[dict[str, Any]] = field(default_factory=list)

    def row(
        self,
        case: Mapping[str, Any],
        metric: str,
        value: float,
        low: float | None = None,
        high: float | None = None,
        unit: str = "",
    ) -> None:
        """Add a measured number.

        Args:
            case: What was measured, for example split and family.
            metric: Name of the number.
            value: The number.
            low: Lower end of its 95 % interval, where it has one.
            high: Upper end.
            unit: For example ``dB`` or ``s``; empty for shares and counts.

        Raises:
            ValueError: The number or an end is not finite.
        """
        numbers = {"value": value}
        if low is not None and high is not None:
            numbers |= {"low": low, "high": high}
        if not all(map(math.isfinite, numbers.values())):
            raise ValueError(f"{metric} of {dict(case)} is not finite: {numbers}")
        self.rows.append({"case": dict(case), "metric": metric, **numbers, "unit": unit})

    def write(self, path: str | Path) -> None:
        """Write the file, whole or not at all; missing folders are made."""
        facts = {"benchmark": self.benchmark, "setting": dict(self.setting), "rows": self.rows}
        with whole_file(path) as part:
            part.write_text(json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def table(self) -> Table:
        """Return the rows as a table for the terminal, a column for each part of the case."""
        parts = list(dict.fromkeys(name for row in self.rows for name in row["case"]))
        table = Table(title=self.benchmark)
        for name in (*parts, "metric"):
            table.add_column(name)
        for name in ("value", "95 % interval"):
            table.add_column(name, justify="right")
        for row in self.rows:
            interval = f"{row['low']:.4g} – {row['high']:.4g}" if "low" in row else ""
            case = [str(row["case"].get(name, "")) for name in parts]
            value = f"{row['value']:.4g} {row['unit']}".strip()
            table.add_row(*case, row["metric"], value, interval)
        return table


def setting(*, seed: int, precision: str, device: str = "cpu") -> dict[str, Any]:
    """Collect what a number depends on: commit, hardware, versions, precision, seed, command.

    Args:
        seed: Seed of the benchmark.
        precision: Number format of the nets, for example ``float32``.
        device: Where the nets ran, ``cpu`` or ``cuda``.
    """
    return {
        "commit": _commit(),
        "hardware": _hardware(device),
        "versions": {"python": platform.python_version(), **{n: version(n) for n in LIBRARIES}},
        "precision": precision,
        "seed": seed,
        "command": _command(sys.argv),
    }


def _commit() -> str:
    """Hash of the checked-out commit, with ``+changes`` where files differ from it."""
    if not (REPOSITORY / "pyproject.toml").is_file():
        return "installed"
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+changes" if changed else "")


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.strip()


def _hardware(device: str) -> str:
    if device.startswith("cuda"):
        return torch.cuda.get_device_name()
    return f"{_cpu_name()}, {torch.get_num_threads()} threads of {os.cpu_count()} cores"


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _command(argv: list[str]) -> str:
    """The command line without the machine's own folders."""
    script = Path(argv[0])
    program = ["python", f"benchmarks/{script.name}"] if script.suffix == ".py" else [script.name]
    return shlex.join([*program, *[_without_folder(part) for part in argv[1:]]])


def _without_folder(argument: str) -> str:
    option, equals, value = argument.rpartition("=")
    return f"{option}{equals}{Path(value).name if Path(value).is_absolute() else value}"

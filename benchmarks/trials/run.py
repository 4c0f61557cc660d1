"""One run of a variation: a process of ``lit-dalle fit`` in a folder, and what it left there."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_dalle.data.writing import read_json, write_json
from trials.plan import OWN, Plan, Variation
from trials.scores import last_scalars, seconds_per_step

FIT = (sys.executable, "-m", "lit_dalle.cli.main", "fit")
"""The command that trains."""
LOGS = 20
"""Times that a run logs its loss; the time of an update is the median between them."""
LAST_LINES = 12
"""Lines of a failed run's log that are shown."""


@dataclass(frozen=True)
class Run:
    """A variation with a seed."""

    plan: Plan
    variation: Variation
    seed: int
    steps: int
    work: Path

    @property
    def folder(self) -> Path:
        """Where the run, its log and its result lie."""
        return self.work / f"{self.variation.name}-{self.steps}-seed{self.seed}"

    @property
    def flags(self) -> tuple[str, ...]:
        """All arguments of ``fit``: the last validation is at the last update; no checkpoints."""
        values = dict.fromkeys(OWN, "false") | {
            "run": str(self.folder / "run"),
            "seed_everything": str(self.seed),
            "model.init_args.seed": str(self.seed),
            "data.seed": str(self.seed),
            "trainer.max_steps": str(self.steps),
            "trainer.val_check_interval": str(self.steps // self.plan.validations),
            "trainer.check_val_every_n_epoch": "null",
            "trainer.num_sanity_val_steps": "0",
            "trainer.log_every_n_steps": str(max(1, self.steps // LOGS)),
            "checkpoint.save_top_k": "0",
            "last.save_top_k": "0",
        }
        own = (f"--{name}={value}" for name, value in values.items())
        return (
            f"--config={self.plan.config}",
            *self.plan.overrides,
            *self.variation.flags,
            *own,
        )

    def result(self) -> dict[str, Any] | None:
        """Return what the run gave; None where it is not finished, or was another run.

        The result of a run with the same flags is its own when the recipe is the same too.
        """
        path = self.folder / "result.json"
        if not path.is_file():
            return None
        found = read_json(path)
        return found if found.get("asked") == self._asked() else None

    def train(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Train from the beginning and keep the result, with some more facts.

        Raises:
            RuntimeError: The run failed; the message ends with the last lines of its log.
        """
        asked, log = self._asked(), self.folder / "log.txt"
        (self.folder / "result.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder / "run", ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        with log.open("w") as lines:
            code = subprocess.run(
                [*FIT, *self.flags], stdout=lines, stderr=subprocess.STDOUT, check=False
            ).returncode
        if code:
            end = "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
            raise RuntimeError(f"{self.variation.name} failed with code {code}, see {log}:\n{end}")
        found = {
            "asked": asked,
            **facts,
            "seconds_per_step": seconds_per_step(self.folder / "run"),
            "scalars": last_scalars(self.folder / "run", self.steps),
        }
        write_json(self.folder / "result.json", found)
        return found

    def _asked(self) -> dict[str, Any]:
        """What the numbers depend on: the flags, and the contents of the files that they name."""
        flags = [flag for flag in self.flags if not flag.startswith("--run=")]
        files = [flag.partition("=")[2] for flag in flags if flag.startswith("--config=")]
        return {"flags": flags, "files": {name: file_hash(Path(name)) for name in files}}


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()

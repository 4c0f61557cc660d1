"""Training on a stream that is killed (SIGKILL, workers and all) and goes on from its checkpoint.

What counts is what a run has learnt from: the steps up to the checkpoint it goes on from, and those
after. Each row has to be there once an epoch. In training the last rows that do not fill a step of
all processes are left out; sizes that do not come out even show how many those are.
"""

import json
import os
import signal
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep

import torch
from PIL import Image

from lit_dalle.data.streaming import ROW_BITS
from rows.drawings import encoded, write_parquet
from rows.plan import Plan, begin_module, run_module

EVERY = 5
"""Steps between two checkpoints."""
PATIENCE = 120
"""Seconds to wait for a step."""


@dataclass(frozen=True)
class Setting:
    """Shards and who reads them."""

    shards: str
    """What to call the sizes."""
    sizes: tuple[int, ...]
    processes: int = 1
    workers: int = 2
    batch: int = 10
    epochs: int = 2
    share_rows: bool = False

    @property
    def steps(self) -> int:
        """Steps of an epoch, were every row used."""
        return sum(self.sizes) // (self.batch * self.processes)


@dataclass(frozen=True)
class Step:
    """What the processes saw in a step."""

    epoch: int
    step: int
    rows: tuple[int, ...]


EVEN, ODD, RAGGED = (100,) * 6, (120, 80, 140, 60, 200), (131, 70, 104, 95, 113, 92)
UNEVEN = (130, 70, 104, 96, 114, 86)
SETTINGS = (
    Setting("6 of 100", EVEN),
    Setting("5 of 60 to 200", ODD, processes=2),
    Setting("6 of 100", EVEN, processes=2),
    Setting("6 of 70 to 131", RAGGED),
    Setting("6 of 70 to 131", RAGGED, processes=2),
    Setting("6 of 70 to 130", UNEVEN, processes=2, share_rows=True),
)
KILLS, QUICK_KILLS = (0.3, 0.9, 1.4), (0.6,)
"""Where a run is killed, in epochs."""


def run(plan: Plan) -> None:
    """Measure and add rows."""
    kills = QUICK_KILLS if plan.quick else KILLS
    for setting in SETTINGS:
        if plan.workers is not None:
            setting = Setting(**{**asdict(setting), "workers": plan.workers})
        plan.say(f"resume: {setting.processes} × {setting.workers}, shards {setting.shards} …")
        with tempfile.TemporaryDirectory() as folder:
            run_one(plan, Path(folder), setting, kills)


def run_one(plan: Plan, folder: Path, setting: Setting, kills: tuple[float, ...]) -> None:
    """Train once whole and once killed, and compare."""
    write_shards(folder, setting.sizes)
    whole = train(folder, "whole", setting)
    found, ends = killed(folder, setting, kills)
    every_row = {
        shard << ROW_BITS | row for shard, n in enumerate(setting.sizes) for row in range(n)
    }
    twice, absent = 0, 0
    for epoch in range(setting.epochs):
        times = Counter(row for step in found if step.epoch == epoch for row in step.rows)
        twice += sum(count > 1 for count in times.values())
        absent += len(every_row - set(times))
    per_step = setting.processes * setting.batch
    case = {"what": "resume", "processes": setting.processes, "workers": setting.workers}
    case |= {"shards": setting.shards, "shared_by": "rows" if setting.share_rows else "shards"}
    case |= {"killed": ", ".join(f"after step {end}" for end in ends)}
    plan.row(case, "rows", setting.epochs * len(every_row))
    plan.row(case, "shown_twice", twice)
    plan.row(case, "left_out" if sum(setting.sizes) % per_step else "missing", absent)
    plan.row(case, "differing_steps", differing(found, whole))


def differing(one: list[Step], other: list[Step]) -> int:
    """Steps that are in one run alone."""
    return len({*one} ^ {*other})


def write_shards(folder: Path, sizes: tuple[int, ...]) -> None:
    """Write small pictures."""
    content = encoded(Image.new("RGB", (16, 16), "teal"))
    for shard, size in enumerate(sizes):
        files = [(f"{row}.png", content, f"row {row} of shard {shard}") for row in range(size)]
        write_parquet(folder / f"{shard:02}.parquet", files, group=32)


def killed(
    folder: Path, setting: Setting, kills: tuple[float, ...]
) -> tuple[list[Step], list[int]]:
    """Train, killed again and again; return what counts, and the steps of the checkpoints."""
    found: list[Step] = []
    ends: list[int] = []
    for number, at in enumerate(kills):
        name = f"part{number}"
        seen = train(folder, name, setting, kill=round(at * setting.steps), saved="saved")
        state = torch.load(folder / "saved" / "last.ckpt", weights_only=True)
        ends.append(int(state["global_step"]))
        found += [step for step in seen if step.step < ends[-1]]
    return found + train(folder, "rest", setting, saved="saved"), ends


def train(
    folder: Path, name: str, setting: Setting, *, kill: int | None = None, saved: str = "unused"
) -> list[Step]:
    """Train in a process of its own, or several; with ``kill``, until so many steps were made."""
    argument: dict[str, object] = {
        "folder": str(folder / name),
        "files": str(folder / "*.parquet"),
        "saved": str(folder / saved),
        "every": EVERY,
    } | {
        name: getattr(setting, name)
        for name in ("processes", "workers", "batch", "epochs", "share_rows")
    }
    cache, log = folder / "cache", folder / f"{name}.txt"
    if kill is None:
        run_module("rows.fitting", argument, cache, log)
    else:
        process = begin_module("rows.fitting", argument, cache, log)
        end = monotonic() + PATIENCE
        try:
            while not any(step.step >= kill for step in seen_by(folder / name, setting.processes)):
                if process.poll() is not None or monotonic() > end:
                    raise RuntimeError(
                        f"no step {kill}:\n{log.read_text('utf-8', 'replace')[-4000:]}"
                    )
                sleep(0.01)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return seen_by(folder / name, setting.processes)


def seen_by(folder: Path, processes: int) -> list[Step]:
    """The steps that all processes have made."""
    files = [folder / f"{rank}.jsonl" for rank in range(processes)]
    if not all(file.exists() for file in files):
        return []
    # a line that was being written when the process was killed has no end
    lines = [file.read_text().splitlines(keepends=True) for file in files]
    noted = [[json.loads(line) for line in some if line.endswith("\n")] for some in lines]
    return [
        Step(parts[0][0], parts[0][1], tuple(row for part in parts for row in part[2]))
        for parts in zip(*noted, strict=False)
    ]

"""Numbers of a run, out of its TensorBoard log."""

from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

LOSS = "train/loss"
"""What every stage logs in training."""


def last_scalars(folder: Path, steps: int) -> dict[str, float]:
    """Return what was logged about the end of a run: validation's scalars at the last update.

    Scalars of validation whose last value is of an earlier update are left out: they would be of
    another net than the rest.
    """
    events = _events(folder)
    last = {tag: events.Scalars(tag)[-1] for tag in events.Tags()["scalars"]}
    ends = (steps - 1, steps)  # Lightning counts from 0, some callbacks from 1
    return {
        tag: event.value
        for tag, event in last.items()
        if event.step in ends or not tag.startswith("val/")
    }


def seconds_per_step(folder: Path) -> float | None:
    """Wall time of an update, the median over the gaps between logged losses; None without a gap.

    Start-up, drawing of the data and validation are not in it.
    """
    events = _events(folder)
    if LOSS not in events.Tags()["scalars"]:
        return None
    logged = [(event.step, event.wall_time) for event in events.Scalars(LOSS)]
    gaps = [(late[1] - soon[1]) / (late[0] - soon[0]) for soon, late in pairwise(logged)]
    return median(gaps) if gaps else None


def _events(folder: Path) -> Any:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return events

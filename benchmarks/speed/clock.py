"""Timing: what the device has finished, repeated, taken in turns, and summed up."""

from collections.abc import Callable, Sequence
from math import comb
from time import perf_counter

import torch

Call = Callable[[], object]
"""Something to time."""


def now(device: str) -> float:
    """Seconds on a clock, read when the device has done all it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return perf_counter()


def seconds_of(call: Call, device: str) -> float:
    """Seconds that one call takes."""
    begin = now(device)
    call()
    return now(device) - begin


def seconds_per_call(call: Call, device: str, at_least: float = 0.05) -> float:
    """Median seconds of a short call over three runs, in each of which it is repeated.

    Args:
        call: What to time; called before, so that it is warm.
        device: Where it computes.
        at_least: Seconds to spend on each run.
    """
    call()
    once = max(seconds_of(call, device), 1e-7)
    count = max(1, round(at_least / once))

    def run() -> None:
        for _ in range(count):
            call()

    return median([seconds_of(run, device) / count for _ in range(3)])


def in_turns(
    calls: dict[str, Call], device: str, *, seconds: float, least: int = 2, most: int = 20
) -> dict[str, list[float]]:
    """Time calls in turns (A B A B …), so that a noisy machine is noisy for all of them alike.

    Args:
        calls: Calls by name, warm.
        device: Where they compute.
        seconds: Rounds begin as long as fewer seconds were spent.
        least: Fewest rounds.
        most: Most rounds.

    Returns:
        Seconds of each round by name.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    begin = now(device)
    for done in range(most):
        if done >= least and now(device) - begin > seconds:
            break
        for name, call in calls.items():
            taken[name].append(seconds_of(call, device))
    return taken


def median(values: Sequence[float]) -> float:
    """Median of some values."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def median_interval(values: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """95 % interval of the median from order statistics; none of fewer than six values."""
    ordered, count = sorted(values), len(values)
    below = 0.0
    for left_out in range(count // 2):
        below += comb(count, left_out) / 2**count
        if 2 * below > 0.05:
            break
    else:
        left_out = count // 2
    if left_out == 0:
        return None, None
    return ordered[left_out - 1], ordered[-left_out]

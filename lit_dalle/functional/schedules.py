"""Schedules as pure functions of the step: learning rate, Gumbel temperature, KL weight."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """A value that goes from ``start`` to ``end``, perhaps after a while, and then stays there.

    Counts up to 1 are a share of the run's ``max_steps``, larger ones a number of updates: small
    recipes give shares, the published recipes give the paper's absolute counts.
    """

    start: float
    """Value after the warm-up."""
    end: float
    """Value reached after ``over`` and kept from then on."""
    over: float = 1.0
    """Where the way from start to end is over (share of the run, or updates, from the first)."""
    shape: Literal["cosine", "linear", "constant"] = "cosine"
    """Course of the way; ``constant`` stays at ``start``."""
    warmup: float = 0.0
    """Length of a linear rise from 0 to ``start`` (share of the run, or updates)."""
    hold: float = 0.0
    """Length of the stay at ``start`` between warm-up and way (share of the run, or updates). Until
    it ends a run does not depend on how long it is to be: given as updates, a checkpoint of it can
    go on as a longer run."""
    halvings: tuple[float, ...] = ()
    """Points at which the value is halved for good (shares of the run, or updates)."""

    def __post_init__(self) -> None:
        if self.over <= 0 or min(self.warmup, self.hold) < 0:
            raise ValueError(
                "a schedule needs over > 0, warmup >= 0 and hold >= 0, "
                f"got {self.over}, {self.warmup} and {self.hold}"
            )

    def value(self, step: int, max_steps: int) -> float:
        """Value at update ``step`` (0 is the first) of a run of ``max_steps`` updates."""
        warmup = _updates(self.warmup, max_steps)
        if step < warmup:
            return self.start * (step + 1) / warmup
        first = warmup + _updates(self.hold, max_steps)
        way = max(_updates(self.over, max_steps) - first, 1.0)
        progress = min(max((step - first) / way, 0.0), 1.0)
        value = self.start + (self.end - self.start) * self._course(progress)
        halved = sum(step >= _updates(point, max_steps) for point in self.halvings)
        return value * 0.5**halved

    def _course(self, progress: float) -> float:
        if self.shape == "constant":
            return 0.0
        return progress if self.shape == "linear" else (1 - math.cos(math.pi * progress)) / 2


def _updates(length: float, max_steps: int) -> float:
    return length * max_steps if length <= 1 else length

"""Effective robustness (Taori et al. 2020, arXiv 2007.00644): what home accuracy does not explain.

Over supervised networks the accuracy under a shift follows the accuracy at home, on a line between
the log-odds of both. A model's effective robustness is how far it lies above that line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lit_dalle.evaluation.bootstrap import RESAMPLES, TAILS, Estimate


@dataclass(frozen=True)
class Line:
    """Log-odds of the accuracy under a shift as a line over those at home."""

    slope: float
    offset: float

    def expected(self, home: ArrayLike) -> np.ndarray:
        """Accuracy under the shift that goes with an accuracy at home."""
        odds = self.slope * _log_odds(np.asarray(home, float)) + self.offset
        return 1 / (1 + np.exp(-odds))


@dataclass(frozen=True)
class Counted:
    """Right answers of one model, picture by picture."""

    home: np.ndarray
    """bool, ``n``."""
    shifted: np.ndarray
    """bool, ``m``."""


def fit_line(home: Sequence[float], shifted: Sequence[float], pictures: tuple[int, int]) -> Line:
    """Fit the line by least squares.

    Args:
        home: Accuracy at home of each supervised network, or of one at stages of its training.
        shifted: The same under the shift.
        pictures: Numbers of pictures at home and under the shift: accuracies of 0 and 1 are taken
            half a picture inwards. Networks of one accuracy at home give a slope of 1.

    Raises:
        ValueError: No network.
    """
    if len(home) == 0:
        raise ValueError("a line needs at least one supervised network")
    x = _log_odds(_inward(np.asarray(home, float), pictures[0]))
    y = _log_odds(_inward(np.asarray(shifted, float), pictures[1]))
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 1e-9 else 1.0
    return Line(slope, float(y.mean() - slope * x.mean()))


def effective_robustness(
    model: Counted, supervised: Sequence[Counted], *, seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """How far a model's accuracy under a shift lies above the supervised networks' line.

    The interval is of a bootstrap of the pictures, the same ones for the model and the line.
    """
    rng = np.random.default_rng(seed)
    sizes = len(model.home), len(model.shifted)
    drawn = [tuple(rng.integers(0, size, size) for size in sizes) for _ in range(resamples)]
    whole = tuple(np.arange(size) for size in sizes)
    values = [_above(model, supervised, *rows) for rows in (whole, *drawn)]
    low, high = np.percentile(values[1:], TAILS)
    return Estimate(values[0], float(low), float(high))


def _above(
    model: Counted, supervised: Sequence[Counted], home: np.ndarray, shifted: np.ndarray
) -> float:
    sizes = len(home), len(shifted)
    line = fit_line(
        [float(one.home[home].mean()) for one in supervised],
        [float(one.shifted[shifted].mean()) for one in supervised],
        sizes,
    )
    at_home = _inward(model.home[home].mean(), sizes[0])
    return float(model.shifted[shifted].mean() - line.expected(at_home))


def _inward(share: np.ndarray, pictures: int) -> np.ndarray:
    half = 0.5 / pictures
    return np.clip(share, half, 1 - half)


def _log_odds(share: np.ndarray) -> np.ndarray:
    return np.log(share / (1 - share))

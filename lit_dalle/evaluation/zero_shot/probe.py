"""How many labels does zero-shot save? A logistic regression on the features, with few of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from lit_dalle.evaluation.bootstrap import Estimate
from lit_dalle.evaluation.intervals import mean_interval, wilson_interval

SHOTS = (1, 2, 4, 8, 16)
"""Labels a class ([C] figure 6)."""
STRENGTHS = tuple(10.0**power for power in range(-3, 4))
"""Inverse regularisation tried for the probe on all labels."""
ITERATIONS = 1000
"""Most iterations of L-BFGS ([C] A.3)."""
HELD_BACK = 0.2
"""Share of the labels that chooses the regularisation of the probe on all of them (our choice)."""
Features = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Probe:
    """Accuracy with so many labels."""

    shots: int | None
    """Labels a class; None is all there are."""
    accuracy: Estimate
    """Mean over draws of the labels; over one draw the share's interval is Wilson's."""


def few_shot(
    train: tuple[Features, Labels],
    test: tuple[Features, Labels],
    *,
    shots: Sequence[int] = SHOTS,
    draws: int = 3,
    strength: float = 1.0,
    seed: int = 0,
) -> list[Probe]:
    """Train on a few pictures of each class and score on all of the test set.

    Args:
        train: Features ``n e`` of unit norm and labels ``n``.
        test: The same, to score on.
        shots: Labels a class; where a class has fewer, all of it.
        draws: Times that the labels are drawn anew.
        strength: Inverse regularisation; features are scaled to mean squared norm ``e``.
        seed: Of the draws.

    Raises:
        ValueError: The training set has one class.
    """
    found = []
    for count in shots:
        scores = []
        for draw in range(draws):
            rows = _drawn(train[1], count, np.random.default_rng([seed, draw, count]))
            scores.append(_score((train[0][rows], train[1][rows]), test, strength))
        mean = float(np.mean(scores))
        low, high = mean_interval(scores)
        if draws == 1:
            low, high = wilson_interval(round(mean * len(test[1])), len(test[1]))
        found.append(Probe(count, Estimate(mean, max(low, 0.0), min(high, 1.0))))
    return found


def linear_probe(
    train: tuple[Features, Labels], test: tuple[Features, Labels], *, seed: int = 0
) -> Probe:
    """Train on all labels, the regularisation chosen on a part of them ([C] A.3).

    Raises:
        ValueError: The training set has one class.
    """
    order = np.random.default_rng(seed).permutation(len(train[1]))
    held = max(1, round(HELD_BACK * len(order)))
    kept, chosen = order[held:], order[:held]
    parts = [(train[0][rows], train[1][rows]) for rows in (kept, chosen)]
    best = max(STRENGTHS, key=lambda strength: _score(parts[0], parts[1], strength))
    right = _score(train, test, best)
    interval = wilson_interval(round(right * len(test[1])), len(test[1]))
    return Probe(None, Estimate(right, *interval))


def _score(train: tuple[Features, Labels], test: tuple[Features, Labels], strength: float) -> float:
    if len(np.unique(train[1])) < 2:
        raise ValueError("a probe needs pictures of two classes or more to train on")
    scale = train[0].shape[1] ** 0.5
    model = LogisticRegression(C=strength, max_iter=ITERATIONS)
    model.fit(train[0] * scale, train[1])
    return float((model.predict(test[0] * scale) == test[1]).mean())


def _drawn(labels: Labels, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of so many pictures of each class."""
    rows = [rng.permutation(np.flatnonzero(labels == label))[:count] for label in np.unique(labels)]
    return np.concatenate(rows)

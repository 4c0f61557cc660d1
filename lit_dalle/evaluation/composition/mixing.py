"""How much the prior's likelihood should count beside CLIP: a weight from graded samples.

The weight is picked on one half of the prompts and reported on the other, so that the figures are
those of prompts that it was not picked for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lit_dalle.evaluation.bootstrap import mean_of_means, ratio_of_sums
from lit_dalle.evaluation.composition.selection import gain_and_room, selected_best
from lit_dalle.evaluation.composition.summary import ALL
from lit_dalle.evaluation.results import ResultFile

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

WEIGHTS = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Weights that are tried beside 0, each twice the one before: CLIP's cosines of a prompt's samples
and their gains in nats per token differ from pair to pair of nets, by less than this range."""
FITTED, REPORTED = "fit", "report"
"""Names of the halves: the one the weight is picked on, and the one it is reported on."""


@dataclass(frozen=True)
class Judged:
    """Graded samples of one prompt, with all that may rank them; each array is ``M``."""

    family: str
    right: Bools
    clip: Floats
    """CLIP's cosine with the prompt."""
    caption: Floats
    """Log-likelihood under the prompt, nats per image token."""
    null: Floats
    """Log-likelihood under the null caption, nats per image token."""

    @property
    def gain(self) -> Floats:
        """Likelihood gain, nats per image token."""
        return self.caption - self.null

    def mixed(self, weight: float) -> Floats:
        """CLIP's cosine + weight · likelihood gain."""
        return self.clip + weight * self.gain


Case = Mapping[str, str | float]
Scores = Callable[[Judged], Floats]
"""What ranks a prompt's samples, ``M``."""
Strata = Mapping[str, Sequence[Judged]]
"""Prompts by family; families weigh alike."""

SPREADS: tuple[tuple[str, Scores, str], ...] = (
    ("clip", lambda one: one.clip, "cosine"),
    ("gain", lambda one: one.gain, "nats per token"),
)
"""Signals of the mix, and their units."""


def halves(judged: Sequence[Judged]) -> tuple[dict[str, list[Judged]], dict[str, list[Judged]]]:
    """Deal the prompts of each family out in turn: those to pick on, and those to report on.

    Raises:
        ValueError: A family has a single prompt.
    """
    families: dict[str, list[Judged]] = {}
    for one in judged:
        families.setdefault(one.family, []).append(one)
    for family, members in families.items():
        if len(members) < 2:
            raise ValueError(f"two halves need at least 2 prompts of a family, {family} has 1")
    return (
        {family: members[::2] for family, members in families.items()},
        {family: members[1::2] for family, members in families.items()},
    )


def best_weight(strata: Strata, weights: Sequence[float]) -> float:
    """Return the weight whose best sample is right most often, mean of the families' means.

    Of weights that are right equally often, as far as rounding tells, the smallest wins, and with
    it CLIP alone.

    Args:
        strata: Prompts by family.
        weights: What to choose from, beside 0.
    """

    def accuracy(weight: float) -> float:
        return float(np.mean([_right(part, weight).mean() for part in strata.values()]))

    return max(sorted({0.0, *weights}), key=lambda weight: round(accuracy(weight), 9))


def add_ranking(results: ResultFile, judged: Sequence[Judged], weights: Sequence[float]) -> float:
    """Add all rows of the two halves, each with its interval over prompts.

    For each family and ``all``, the mean of the families: ``accuracy`` of one sample (``model``),
    of the best of the pool by CLIP, by likelihood under the caption (``caption``), by likelihood
    gain (``gain``) and by each mix (``mix`` and its weight), and of the ``oracle``; ``efficiency``
    of each ranking; ``spread``, a signal's standard deviation among samples of one prompt. On the
    second half also ``chosen``, the mix of the weight that the first half picked, and what it has
    over CLIP: ``accuracy over clip``, of the same prompts.

    Args:
        results: Where to.
        judged: Prompts with pools of one size.
        weights: Weights of the mixes.

    Returns:
        The weight that was picked.

    Raises:
        ValueError: A family has a single prompt.
    """
    fitted, reported = halves(judged)
    chosen = best_weight(fitted, weights)
    for half, families in ((FITTED, fitted), (REPORTED, reported)):
        for case, part in _scopes(families):
            own = {"half": half, **case}
            _add_bounds(results, own, part)
            for row, scores in _rankings(weights):
                _add_ranked(results, {**own, **row}, part, scores)
            if half == REPORTED:
                row = {"row": "chosen", "weight": chosen}
                _add_ranked(results, {**own, **row}, part, lambda one: one.mixed(chosen))
                _add_difference(results, {**own, **row}, part, chosen)
    return chosen


def _rankings(weights: Sequence[float]) -> Iterator[tuple[dict[str, str | float], Scores]]:
    """What may rank a prompt's samples, by row."""
    yield {"row": "clip"}, lambda one: one.clip
    yield {"row": "caption"}, lambda one: one.caption
    yield {"row": "gain"}, lambda one: one.gain
    for weight in sorted(set(weights) - {0.0}):
        yield {"row": "mix", "weight": weight}, partial(Judged.mixed, weight=weight)


def _scopes(families: Strata) -> Iterator[tuple[dict[str, str | float], list[Sequence[Judged]]]]:
    """Each family, then all of them."""
    for family, members in families.items():
        yield {"family": family}, [members]
    yield {"family": ALL}, list(families.values())


def _add_bounds(results: ResultFile, case: Case, strata: Sequence[Sequence[Judged]]) -> None:
    """One sample and the oracle, and how far apart the signals put samples of one prompt."""
    one = mean_of_means([[judged.right.mean() for judged in part] for part in strata])
    results.row({**case, "row": "model"}, "accuracy", one.value, one.low, one.high)
    best = mean_of_means([[float(judged.right.any()) for judged in part] for part in strata])
    results.row({**case, "row": "oracle"}, "accuracy", best.value, best.low, best.high)
    for row, scores, unit in SPREADS:
        found = mean_of_means([[scores(judged).std() for judged in part] for part in strata])
        results.row({**case, "row": row}, "spread", found.value, found.low, found.high, unit=unit)


def _add_ranked(
    results: ResultFile, case: Case, strata: Sequence[Sequence[Judged]], scores: Scores
) -> None:
    """Accuracy of the best by some scores, and how much of what could be gained it gains."""
    chances, ratios = [], []
    for part in strata:
        right, found = np.stack([one.right for one in part]), np.stack([scores(o) for o in part])
        chances.append(selected_best(right, found, right.shape[1]))
        ratios.append(gain_and_room(right, found, right.shape[1]))
    accuracy, efficiency = mean_of_means(chances), ratio_of_sums(ratios)
    results.row(case, "accuracy", accuracy.value, accuracy.low, accuracy.high)
    if efficiency is not None:
        results.row(case, "efficiency", efficiency.value, efficiency.low, efficiency.high)


def _add_difference(
    results: ResultFile, case: Case, strata: Sequence[Sequence[Judged]], weight: float
) -> None:
    found = mean_of_means([_right(part, weight) - _right(part, 0) for part in strata])
    results.row(case, "accuracy over clip", found.value, found.low, found.high)


def _right(part: Sequence[Judged], weight: float) -> Floats:
    """Whether each prompt's best sample by a mix is right, 0 or 1."""
    right = np.stack([one.right for one in part])
    return selected_best(right, np.stack([one.mixed(weight) for one in part]), right.shape[1])

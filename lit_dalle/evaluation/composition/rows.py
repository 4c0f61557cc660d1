"""The composition benchmark's numbers: from graded samples to the rows of a result file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lit_dalle.evaluation.bootstrap import Estimate, mean_of_means, ratio_of_sums
from lit_dalle.evaluation.composition.measure import ROWS, Measured, Plan
from lit_dalle.evaluation.composition.memorisation import TrainingTokens
from lit_dalle.evaluation.composition.selection import gain_and_room, oracle_best, selected_best
from lit_dalle.evaluation.composition.summary import ALL
from lit_dalle.evaluation.results import ResultFile

Floats = NDArray[np.float64]

BEST_OF = (1, 4, 16, 32, 64, 512)
"""N of the selected and the oracle best; those within the pool are reported, and its own size."""
NEAREST_OF = 4
"""Samples of each prompt and seed whose nearest training picture is sought: the first ones."""


@dataclass(frozen=True)
class Scope:
    """What a group of rows is about."""

    case: Mapping[str, str | int]
    strata: Sequence[Sequence[Measured]]
    """Prompts by family (or tag); families weigh alike."""


def add_rows(
    results: ResultFile, measured: Sequence[Measured], plan: Plan, copies: TrainingTokens
) -> None:
    """Add all rows, each with its interval over compositions.

    ``accuracy`` of the references, of one sample (``model``), of the best as the pipeline ranks
    (``clip``: by CLIP, and by likelihood too where the setting's ``likelihood_weight`` is not 0)
    and of the oracle's best of N; ``efficiency`` of the selection; ``memorised``, the share of
    pictures with the tokens of a training picture; ``nearest``, the mean share of tokens in which a
    picture differs from the nearest training picture. For each family and split, for the reasons of
    being held out, and for ``all`` (the mean of the families), also for each seed where there are
    several. Rows with ``pool`` in their case are of the prompts with a large pool alone.

    Args:
        results: Where to.
        measured: Prompts of the world, or of a file.
        plan: How they were drawn.
        copies: The training pictures' tokens.
    """
    scopes = list(_scopes(measured))
    for scope in scopes:
        _add_references(results, scope)
        _add_selection(results, scope, plan.candidates)
    copied = {one.prompt.key: _copied(one, copies) for one in measured}
    for scope in scopes:
        if "reason" not in scope.case:
            _add_memorisation(results, scope, copied)
    for scope in scopes if len(plan.seeds) > 1 else ():
        if ALL in scope.case.values():
            for place, seed in enumerate(plan.seeds):
                strata = [[_of_seed(one, place) for one in part] for part in scope.strata]
                _add_selection(
                    results, Scope({**scope.case, "seed": seed}, strata), plan.candidates
                )
    if plan.large_pool > plan.candidates:
        large = [one for one in measured if plan.samples_of(one.prompt) > plan.candidates]
        for scope in _scopes(large):
            if "reason" not in scope.case:
                case = {**scope.case, "pool": plan.large_pool}
                _add_selection(results, Scope(case, scope.strata), plan.large_pool)


def _scopes(measured: Sequence[Measured]) -> Iterator[Scope]:
    """Each family and split, its reasons of being held out, then all families of each split."""
    of_case: dict[tuple[tuple[str, str], ...], list[Measured]] = {}
    for one in measured:
        of_case.setdefault(tuple(one.prompt.case.items()), []).append(one)
    for case, members in of_case.items():
        yield Scope(dict(case), [members])
        for reason in dict.fromkeys(one.prompt.reason for one in members if one.prompt.reason):
            part = [one for one in members if one.prompt.reason == reason]
            yield Scope({**dict(case), "reason": reason}, [part])
    together: dict[tuple[tuple[str, str], ...], list[list[Measured]]] = {}
    for (group, *rest), members in of_case.items():
        together.setdefault(((group[0], ALL), *rest), []).append(members)
    for case, strata in together.items():
        yield Scope(dict(case), strata)


def _add_references(results: ResultFile, scope: Scope) -> None:
    for row in ROWS:
        values = [
            [one.references[row].verdict.right for one in part if row in one.references]
            for part in scope.strata
        ]
        if all(values):
            _add(results, {**scope.case, "row": row}, "accuracy", mean_of_means(values))


def _add_selection(results: ResultFile, scope: Scope, pool: int) -> None:
    """Rows of samples: one, selected, oracle, and how well selection does between them."""
    numbers = sorted({n for n in (*BEST_OF, pool) if n <= pool})
    right = [np.array([[p.right[:pool] for p in one.pools] for one in s]) for s in scope.strata]
    scores = [np.array([[p.scores[:pool] for p in one.pools] for one in s]) for s in scope.strata]
    both = list(zip(right, scores, strict=True))
    one = mean_of_means([r.mean((1, 2)) for r in right])
    _add(results, {**scope.case, "row": "model", "n": 1}, "accuracy", one)
    for n in numbers:
        selected = mean_of_means([selected_best(r, s, n).mean(1) for r, s in both])
        _add(results, {**scope.case, "row": "clip", "n": n}, "accuracy", selected)
    for n in numbers:
        oracle = mean_of_means([oracle_best(r, n).mean(1) for r in right])
        _add(results, {**scope.case, "row": "oracle", "n": n}, "accuracy", oracle)
    for n in numbers[1:]:
        gains = [gain_and_room(r, s, n) for r, s in both]
        ratio = ratio_of_sums([(gain.sum(1), room.sum(1)) for gain, room in gains])
        if ratio is not None:
            _add(results, {**scope.case, "row": "clip", "n": n}, "efficiency", ratio)


def _copied(one: Measured, copies: TrainingTokens) -> dict[tuple[str, str], float]:
    """``memorised`` and ``nearest`` of a prompt's samples and, for chance, of its fresh render."""
    tokens = {"model": [pool.tokens for pool in one.pools]}
    if one.truth_tokens is not None:
        tokens["ground-truth"] = [one.truth_tokens]
    found: dict[tuple[str, str], float] = {}
    for row, parts in tokens.items():
        few = np.concatenate([part[:NEAREST_OF] for part in parts])
        found["memorised", row] = float(copies.holds(np.concatenate(parts)).mean())
        found["nearest", row] = float(copies.nearest(few)[1].mean())
    return found


def _add_memorisation(
    results: ResultFile, scope: Scope, copied: Mapping[str, Mapping[tuple[str, str], float]]
) -> None:
    members = [[copied[one.prompt.key] for one in part] for part in scope.strata]
    for metric, row in members[0][0]:
        values = [
            [found[metric, row] for found in part if (metric, row) in found] for part in members
        ]
        if all(values):
            _add(results, {**scope.case, "row": row}, metric, mean_of_means(values))


def _of_seed(one: Measured, place: int) -> Measured:
    return replace(one, pools=(one.pools[place],))


def _add(
    results: ResultFile, case: Mapping[str, str | int], metric: str, estimate: Estimate
) -> None:
    results.row(case, metric, estimate.value, estimate.low, estimate.high)

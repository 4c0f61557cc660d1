"""The numbers of repainted cases: from verdicts to the rows of a result file."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from lit_dalle.evaluation.bootstrap import grouped_mean, grouped_share, ratio_of_sums
from lit_dalle.evaluation.editing.measure import Repainted, Way
from lit_dalle.evaluation.results import ResultFile

EVERYTHING = "all"
"""Kind under which all kinds of a task are counted together."""


def add_edits(results: ResultFile, task: str, way: Way, found: Sequence[Repainted]) -> None:
    """Add the rows of a task drawn in one way, of all its kinds and of each.

    ``accuracy`` of one sample (``n`` 1, the mean over all) and of the best of all as they are
    ranked (``n`` the candidates); ``around`` of changes, the requirements of what is around them;
    ``continues`` of cut objects, right and going on where they reach the border;
    ``bytes_equal`` and ``seam``, the ratio of mean gradients across the border to those of real
    pictures at the same places. Intervals are over cases.

    Args:
        results: Where to.
        task: Which task.
        way: How it was drawn.
        found: What became of its cases.
    """
    kinds = list(dict.fromkeys(one.case.kind for one in found))
    for kind in (EVERYTHING, *(kinds if len(kinds) > 1 else ())):
        of_kind = [one for one in found if kind in (EVERYTHING, one.case.kind)]
        case = {"task": task, "kind": kind, "row": way}
        names = [str(number) for number in range(len(of_kind))]
        results.row(case, "cases", len(of_kind))
        right = np.stack([one.right for one in of_kind])
        best = np.array([one.right[one.best] for one in of_kind])
        candidates = right.shape[1]
        one_of = grouped_mean(right.mean(axis=1), names)
        results.row({**case, "n": 1}, "accuracy", **asdict(one_of))
        if candidates > 1:
            results.row({**case, "n": candidates}, "accuracy", **asdict(grouped_share(best, names)))
        if of_kind[0].case.around:
            around = np.stack([one.around for one in of_kind]).mean(axis=1)
            results.row({**case, "n": 1}, "around", **asdict(grouped_mean(around, names)))
        going_on = [one.continues for one in of_kind if one.continues is not None]
        if going_on:
            found_on = grouped_mean(np.stack(going_on).mean(axis=1), names)
            results.row({**case, "n": 1}, "continues", **asdict(found_on))
        equal = np.array([one.bytes_equal for one in of_kind])
        results.row(case, "bytes_equal", **asdict(grouped_share(equal, names)))
        seams = ([one.seam for one in of_kind], [one.seam_of_target for one in of_kind])
        seam = ratio_of_sums([seams])
        if seam is not None:
            results.row(case, "seam", **asdict(seam))

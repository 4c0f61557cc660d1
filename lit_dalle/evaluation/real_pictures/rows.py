"""The numbers of a judged set: from scores to the rows of a result file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean

import numpy as np

from lit_dalle.evaluation.bootstrap import Estimate, mean_of_means
from lit_dalle.evaluation.intervals import mean_interval, wilson_interval
from lit_dalle.evaluation.real_pictures.measure import Measured
from lit_dalle.evaluation.real_pictures.scores import Bools, Floats, Scores
from lit_dalle.evaluation.results import ResultFile

Case = Mapping[str, str | int]


def add_rows(results: ResultFile, found: Measured, seeds: Sequence[int]) -> None:
    """Add the rows of a set, of the mean over seeds and, of several, of each seed too.

    ``right_of_100`` (with the true number of labels where there are fewer), ``clip_score``,
    ``frechet_distance`` with the number of pictures in its case, ``nearest_training_similarity``
    and ``copies``, of samples and references; then ``right_of_100`` by language.

    Args:
        results: Where to.
        found: What was measured.
        seeds: Seeds of the samples, in the order in which they were drawn.
    """
    case: Case = {"set": found.prompts.name}
    results.row(case, "prompts", len(found.prompts.subjects))
    for row, scores in found.references.items():
        _add_scores(results, {**case, "row": row}, [scores], found.labels)
    for row, each in found.drawn.items():
        _add_scores(results, {**case, "row": row}, each, found.labels)
    for row, each in found.drawn.items() if len(seeds) > 1 else ():
        for seed, scores in zip(seeds, each, strict=True):
            _add_scores(results, {**case, "row": row, "seed": seed}, [scores], found.labels)
    _add_languages(results, case, found)


def share_of(right: Bools) -> Estimate:
    """Share of ``seeds n``: Wilson's interval for one seed, else a bootstrap over prompts."""
    if len(right) > 1:
        return mean_of_means([right.mean(0)])
    count, total = int(right.sum()), right.size
    return Estimate(count / total, *wilson_interval(count, total))


def mean_of(values: Floats) -> Estimate:
    """Mean of ``seeds n`` with its normal interval over prompts."""
    each = values.mean(0).tolist()
    return Estimate(fmean(each), *mean_interval(each))


def _add_scores(results: ResultFile, case: Case, each: Sequence[Scores], labels: int) -> None:
    """Add the rows of one kind of picture, of one seed or several."""

    def add(metric: str, estimate: Estimate) -> None:
        results.row(case, metric, **asdict(estimate))

    add(right_of(labels), share_of(np.stack([one.right for one in each])))
    add("clip_score", mean_of(np.stack([one.clip_score for one in each])))
    distance = fmean(one.frechet for one in each)
    results.row({**case, "pictures": each[0].pictures}, "frechet_distance", distance)
    add("nearest_training_similarity", mean_of(np.stack([one.similarity for one in each])))
    add("copies", share_of(np.stack([one.copied for one in each])))


def _add_languages(results: ResultFile, case: Case, found: Measured) -> None:
    if found.translated is None:
        return
    for language, kinds in found.translated.right.items():
        of_language = {**case, "language": language}
        results.row(of_language, "prompts", len(found.translated.places))
        for row, right in kinds.items():
            estimate = share_of(right)
            results.row({**of_language, "row": row}, right_of(found.labels), **asdict(estimate))


def right_of(labels: int) -> str:
    """Name of the share of pictures whose own label is first of so many."""
    return f"right_of_{labels}"

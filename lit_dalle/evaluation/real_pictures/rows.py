"""The numbers of a judged set: from scores to the rows of a result file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean

from lit_dalle.evaluation.bootstrap import Estimate, grouped_mean, grouped_share
from lit_dalle.evaluation.real_pictures.measure import Measured
from lit_dalle.evaluation.real_pictures.scores import Scores
from lit_dalle.evaluation.results import ResultFile

Case = Mapping[str, str | int]


def add_rows(results: ResultFile, found: Measured, seeds: Sequence[int]) -> None:
    """Add the rows of a set, of the mean over seeds and, of several, of each seed too.

    ``right_of_100`` (with the true number of labels where there are fewer), ``clip_score``,
    ``frechet_distance`` with the number of pictures in its case, ``nearest_training_similarity``
    and ``copies``, of samples and references; then ``right_of_100`` by language. Intervals are over
    what is shown: drawings of one emoji, and samples of one prompt, stay together.

    Args:
        results: Where to.
        found: What was measured.
        seeds: Seeds of the samples, in the order in which they were drawn.
    """
    case: Case = {"set": found.prompts.name}
    groups = [subject.group for subject in found.prompts.subjects]
    results.row(case, "prompts", len(groups))
    results.row(case, "groups", len(set(groups)))
    for row, scores in found.references.items():
        _add_scores(results, {**case, "row": row}, [scores], groups, found.labels)
    for row, each in found.drawn.items():
        _add_scores(results, {**case, "row": row}, each, groups, found.labels)
    for row, each in found.drawn.items() if len(seeds) > 1 else ():
        for seed, scores in zip(seeds, each, strict=True):
            _add_scores(results, {**case, "row": row, "seed": seed}, [scores], groups, found.labels)
    _add_languages(results, case, found)


def _add_scores(
    results: ResultFile, case: Case, each: Sequence[Scores], groups: Sequence[str], labels: int
) -> None:
    """Add the rows of one kind of picture, of one seed or several."""

    def add(metric: str, estimate: Estimate) -> None:
        results.row(case, metric, **asdict(estimate))

    add(right_of(labels), grouped_share([one.right for one in each], groups))
    add("clip_score", grouped_mean([one.clip_score for one in each], groups))
    if each[0].frechet is not None:
        distance = fmean(one.frechet for one in each if one.frechet is not None)
        results.row({**case, "pictures": each[0].pictures}, "frechet_distance", distance)
    add("nearest_training_similarity", grouped_mean([one.similarity for one in each], groups))
    add("copies", grouped_share([one.copied for one in each], groups))


def _add_languages(results: ResultFile, case: Case, found: Measured) -> None:
    if found.translated is None:
        return
    groups = [found.prompts.subjects[place].group for place in found.translated.places]
    for language, kinds in found.translated.right.items():
        of_language = {**case, "language": language}
        results.row(of_language, "prompts", len(groups))
        for row, right in kinds.items():
            estimate = grouped_share(right, groups)
            results.row({**of_language, "row": row}, right_of(found.labels), **asdict(estimate))


def right_of(labels: int) -> str:
    """Name of the share of pictures whose own label is first of so many."""
    return f"right_of_{labels}"

"""The composition benchmark as one HTML file: the table, then pictures with their verdicts."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

from lit_dalle.data.writing import whole_file
from lit_dalle.evaluation.composition.measure import Measured, Plan
from lit_dalle.evaluation.composition.page_style import STYLE
from lit_dalle.evaluation.composition.painter import Pixels
from lit_dalle.evaluation.composition.pools import Pool
from lit_dalle.evaluation.composition.retrieval import TrainingPictures
from lit_dalle.evaluation.composition.summary import (
    ALL,
    column_name,
    columns_of,
    per_cent,
    summary,
    title_of,
)
from lit_dalle.evaluation.grading.verdict import Verdict
from lit_dalle.evaluation.results import ResultFile

FIRST_FACTS = (
    *("pipeline", "precision", "guidance", "likelihood_weight"),
    *("seeds", "candidates", "world", "grader"),
)
"""Settings that stand at the top of the page."""


def page_of(
    results: ResultFile, measured: Sequence[Measured], training: TrainingPictures, plan: Plan
) -> str:
    """Return the page: the first prompts of each case, never picked, with the first seed's samples.

    Args:
        results: All rows.
        measured: All prompts.
        training: The training pictures, for the one most like the selected sample.
        plan: How many prompts and samples are shown.
    """
    groups: dict[str, list[str]] = {}
    for one in measured:
        if one.pools[0].shown:
            title = " · ".join(one.prompt.case.values())
            groups.setdefault(title, []).append(_prompt(one, training, plan))
    parts = [f"<h2>{escape(title)}</h2>{''.join(found)}" for title, found in groups.items()]
    splits = summary(results, plan.candidates)
    tables = [_table(split, rows, plan.candidates) for split, rows in splits.items()]
    title = "Right or wrong: what was asked for, and what was drawn"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head><body>"
        f"<h1>{title}</h1>{_setting(results.setting)}{''.join(tables)}"
        f"{''.join(parts)}</body></html>\n"
    )


def _setting(setting: Mapping[str, Any]) -> str:
    """The facts that a reader needs first."""
    facts = [f"{name} {setting[name]}" for name in FIRST_FACTS if name in setting]
    return (
        f'<p class="pale">{escape(" · ".join(facts))}</p><p>Green frames are right in every '
        "requirement, red ones are not. The prompts are the first of each family and split, the "
        "samples the first of the first seed; nothing is picked by hand.</p>"
    )


def _table(split: str, groups: Mapping[str, Mapping[str, float]], most: int) -> str:
    columns = columns_of(groups)
    head = "".join(f"<th>{escape(column_name(name, most))}</th>" for name in columns)
    body = "".join(
        f"<tr{' class=all' if group == ALL else ''}><td>{escape(group)}</td>"
        + "".join(f"<td>{per_cent(row.get(name))}</td>" for name in columns)
        + "</tr>"
        for group, row in groups.items()
    )
    return (
        f"<h2>{escape(title_of(split))}</h2><div class=wide><table>"
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _prompt(one: Measured, training: TrainingPictures, plan: Plan) -> str:
    """A prompt: ground truth, the best ranked and what it is most like, the first samples."""
    pool, prompt = one.pools[0], one.prompt
    truth = one.references.get("ground-truth")
    figures = []
    if truth is not None and truth.picture is not None:
        figures.append(_graded(truth.picture, truth.verdict, "ground truth"))
    figures += _selected(pool, training, plan.candidates)
    for number in range(min(plan.shown_samples, len(pool.right))):
        sample = pool.shown[number]
        figures.append(_graded(sample.picture, sample.verdict, f"sample {number}"))
    notes = [f"{pool.right.sum()} of {len(pool.right)} samples right"]
    notes += [f"held out: {prompt.reason}"] if prompt.reason else []
    return (
        f'<h3>{escape(prompt.text)} <span class="pale">{escape(" · ".join(notes))}</span></h3>'
        f'<div class="row">{"".join(figures)}</div>'
    )


def _selected(pool: Pool, training: TrainingPictures, among: int) -> list[str]:
    """The best ranked, requirement by requirement, and the training picture most like it."""
    best = int(pool.scores[:among].argmax())
    sample = pool.shown[best]
    requirements = "".join(
        f'<li class="{_class(requirement.right)}">{escape(requirement.reason)}</li>'
        for requirement in sample.verdict.requirements
    )
    title = f"best of {min(among, len(pool.right))}, sample {best}"
    row = training.nearest_by_look(sample.picture)
    share = (training.tokens[row] != pool.tokens[best]).mean()
    note = f"training picture {row}: {100 * share:.0f} % of its tokens differ"
    near = f"<b>most like it</b><br>{escape(note)}"
    return [
        _figure(
            sample.picture, f"<b>{title}</b><ul>{requirements}</ul>", _class(sample.verdict.right)
        ),
        _figure(training.picture(row), near, ""),
    ]


def _graded(picture: Pixels, verdict: Verdict, title: str) -> str:
    caption = f"<b>{escape(title)}</b><br>{escape(verdict.reason)}"
    return _figure(picture, caption, _class(verdict.right))


def _figure(picture: Pixels, caption: str, classes: str) -> str:
    """A picture with its caption (HTML); the class colours its frame."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG", optimize=True)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return (
        f'<figure class="{classes}"><img alt="" src="data:image/png;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _class(right: bool) -> str:
    return "right" if right else "wrong"


def write_page(path: str | Path, page: str) -> None:
    """Write a page, whole or not at all; missing folders are made."""
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8")

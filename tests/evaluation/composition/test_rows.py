import numpy as np
import pytest

from lit_dalle.data.world import CountScene
from lit_dalle.evaluation.composition.measure import Measured, Plan, Reference
from lit_dalle.evaluation.composition.memorisation import TrainingTokens
from lit_dalle.evaluation.composition.pools import Pool
from lit_dalle.evaluation.composition.prompts import Prompt
from lit_dalle.evaluation.composition.rows import add_rows
from lit_dalle.evaluation.grading.verdict import Requirement, Verdict
from lit_dalle.evaluation.results import ResultFile

TRAINING = np.array([[0, 1, 2, 3], [4, 5, 6, 7]], np.int32)


def verdict(right):
    return Verdict((Requirement("colour", right, "red"),))


def pool(right, tokens=None):
    right = np.array(right, bool)
    tokens = np.full((len(right), 4), 9, np.int32) if tokens is None else tokens
    return Pool(tokens, np.arange(len(right))[::-1].astype(np.float32), right, {})


def measured(family, number, *pools, split="iid", reason="", truth=True):
    prompt = Prompt(
        f"{family} {number}",
        f"{family}-{split}-{number}",
        number,
        {"family": family, "split": split},
        CountScene(1, "red", "star"),
        reason,
    )
    return Measured(prompt, {"ground-truth": Reference(verdict(truth), None)}, TRAINING[:1], pools)


def rows(found, **plan):
    results = ResultFile("composition", {})
    settings = {"candidates": 4, "large_pool": 0} | plan
    add_rows(results, found, Plan(**settings), TrainingTokens(TRAINING))
    return results.rows


def value(found, metric="accuracy", **case):
    hits = [r["value"] for r in found if r["metric"] == metric and r["case"] == case]
    assert len(hits) == 1, (case, len(hits))
    return hits[0]


FOUND = [
    measured("count", 0, pool([1, 0, 0, 0]), truth=True),
    measured("count", 1, pool([0, 0, 0, 1]), truth=False),
    measured("stack", 0, pool([1, 1, 1, 1])),
]


def test_each_row_is_what_it_says():
    found = rows(FOUND)
    count = {"family": "count", "split": "iid"}
    assert value(found, **count, row="ground-truth") == 0.5
    assert value(found, **count, row="model", n=1) == 0.25
    assert value(found, **count, row="clip", n=4) == 0.5, "the first of each has the best score"
    assert value(found, **count, row="oracle", n=4) == 1
    assert value(found, "efficiency", **count, row="clip", n=4) == pytest.approx(
        (0.75 - 0.25) / 1.5
    )


def test_all_is_the_mean_of_the_families_however_many_prompts_they_have():
    found = rows(FOUND)
    every = {"family": "all", "split": "iid"}
    assert value(found, **every, row="model", n=1) == (0.25 + 1) / 2
    assert value(found, **every, row="clip", n=4) == (0.5 + 1) / 2
    assert value(found, "efficiency", **every, row="clip", n=4) == pytest.approx(1 / 3)


def test_every_value_lies_in_its_interval_and_cases_are_unique():
    found = rows(FOUND)
    assert all(row["low"] <= row["value"] <= row["high"] for row in found)
    cases = [(row["metric"], *sorted(map(str, row["case"].items()))) for row in found]
    assert len(set(cases)) == len(cases)


def test_seeds_are_merged_and_stand_alone_for_all():
    both = [
        measured("count", 0, pool([1, 1, 0, 0]), pool([0, 0, 0, 0])),
        measured("count", 1, pool([1, 1, 1, 1]), pool([1, 0, 0, 0])),
    ]
    found = rows(both, seeds=(5, 6))
    assert value(found, family="count", split="iid", row="model", n=1) == (0.5 + 0 + 1 + 0.25) / 4
    every = {"family": "all", "split": "iid", "row": "model", "n": 1}
    assert value(found, **every, seed=5) == 0.75
    assert value(found, **every, seed=6) == 0.125
    assert {row["case"]["family"] for row in found if "seed" in row["case"]} == {"all"}


def test_reasons_stand_beside_the_whole_family():
    found = rows(
        [
            measured("stack", 0, pool([1, 1, 1, 1]), split="held-out", reason="pair"),
            measured("stack", 1, pool([0, 0, 0, 0]), split="held-out", reason="height"),
        ]
    )
    case = {"family": "stack", "split": "held-out", "row": "model", "n": 1}
    assert value(found, **case) == 0.5
    assert value(found, **case, reason="pair") == 1
    assert value(found, **case, reason="height") == 0


def test_large_pools_count_in_rows_of_their_own():
    found = rows(
        [
            measured("count", 0, pool([0, 0, 0, 0, 1, 1, 1, 1])),
            measured("count", 1, pool([1, 1, 1, 1])),
        ],
        large_pool=8,
        large_prompts=1,
    )
    case = {"family": "count", "split": "iid", "row": "model", "n": 1}
    assert value(found, **case) == 0.5, "the first four samples of each"
    assert value(found, **case, pool=8) == 0.5, "all eight of the first prompt"
    assert value(found, family="count", split="iid", row="oracle", n=8, pool=8) == 1
    assert value(found, family="count", split="iid", row="clip", n=8, pool=8) == 0


def test_copies_are_counted_beside_those_of_fresh_renders():
    half = np.concatenate([TRAINING, TRAINING + 100])
    half[2, 0] = 0  # differs from the first training picture in three of four
    found = rows([measured("count", 0, pool([0] * 4, half))])
    case = {"family": "count", "split": "iid"}
    assert value(found, "memorised", **case, row="model") == 0.5
    assert value(found, "memorised", **case, row="ground-truth") == 1
    assert value(found, "nearest", **case, row="model") == (0 + 0 + 0.75 + 1) / 4
    assert value(found, "nearest", **case, row="ground-truth") == 0


def test_without_room_there_is_no_efficiency():
    found = rows([measured("count", 0, pool([1, 1, 1, 1])), measured("count", 1, pool([0] * 4))])
    assert not [row for row in found if row["metric"] == "efficiency"]

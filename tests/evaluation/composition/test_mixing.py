import numpy as np
import pytest

from lit_dalle.evaluation.composition.mixing import Judged, add_ranking, best_weight, halves
from lit_dalle.evaluation.results import ResultFile

WEIGHTS = (0.1, 1.0, 10.0)


def judged(clip, gain, right, family="count"):
    """Samples whose null likelihoods differ wildly, so that gain and caption rank apart."""
    gain = np.array(gain, float)
    null = np.linspace(-9, 9, len(gain))
    return Judged(family, np.array(right, bool), np.array(clip, float), gain + null, null)


HELPED = judged([0.3, 0.2, 0.0], [0.0, 0.3, 0.0], [0, 1, 0])  # right with 1 and 10
MISLED = judged([0.3, 0.2, 0.0], [0.0, 0.0, 0.2], [1, 0, 0])  # right with 0, 0.1 and 1
EASY = judged([0.3, 0.2, 0.0], [0.1, 0.0, 0.0], [1, 0, 0])  # right with all


def made_up(noise_of_gain, prompts=40, samples=16, families=("count", "stack")):
    """Right samples are a little higher in both signals, whose noise is independent."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(prompts):
        right = rng.random(samples) < 0.3
        clip = 0.02 * right + 0.02 * rng.normal(size=samples)
        gain = 0.05 * right + noise_of_gain * rng.normal(size=samples)
        found.append(judged(clip, gain, right, families[number % len(families)]))
    return found


def rows(found, weights=WEIGHTS):
    results = ResultFile("ranking", {})
    weight = add_ranking(results, found, weights)
    return weight, results.rows


def value(found, metric, **case):
    (row,) = [r for r in found if r["metric"] == metric and r["case"] == case]
    return row["value"]


def test_the_weight_that_is_right_most_often_wins():
    assert best_weight({"count": [HELPED, MISLED, EASY]}, WEIGHTS) == 1.0
    assert best_weight({"count": [HELPED]}, (10.0, 1.0)) == 1.0, "of equal weights the smaller"
    assert best_weight({"count": [MISLED, EASY]}, WEIGHTS) == 0, "of equal weights CLIP alone"
    assert best_weight({"count": [EASY]}, ()) == 0


def test_families_weigh_alike_when_the_weight_is_picked():
    many = {"count": [MISLED] * 9, "stack": [HELPED]}
    assert best_weight(many, (10.0,)) == 0, "9 of 10 prompts, but a tie of families"
    more = {"count": [MISLED] * 9, "stack": [HELPED], "light": [HELPED]}
    assert best_weight(more, (10.0,)) == 10.0


def test_halves_share_each_family_and_no_prompt():
    prompts = made_up(0.1, prompts=14)
    fitted, reported = halves(prompts)
    assert list(fitted) == list(reported) == ["count", "stack"]
    assert [len(part) for part in fitted.values()] == [4, 4]
    assert [len(part) for part in reported.values()] == [3, 3]
    taken = [id(one) for half in (fitted, reported) for part in half.values() for one in part]
    assert sorted(taken) == sorted(map(id, prompts))
    with pytest.raises(ValueError, match="light has 1"):
        halves([EASY, EASY, judged([0], [0], [1], "light")])


def test_the_picked_weight_comes_from_the_first_half_alone():
    picking, reporting = [HELPED] * 3, [MISLED] * 3
    mixed = [one for pair in zip(picking, reporting, strict=True) for one in pair]
    weight, found = rows(mixed, (10.0,))
    assert weight == 10.0
    chosen = {"half": "report", "family": "all", "row": "chosen", "weight": 10.0}
    assert value(found, "accuracy", **chosen) == 0
    assert value(found, "accuracy over clip", **chosen) == -1
    assert value(found, "efficiency", half="report", family="all", row="clip") == 1
    assert not [r for r in found if r["case"]["half"] == "fit" and r["case"]["row"] == "chosen"]


def test_rows_say_what_each_signal_does():
    _, found = rows([HELPED, EASY], (1.0,))
    helped = {"half": "fit", "family": "count"}
    accuracy = {
        row: value(found, "accuracy", **helped, row=row)
        for row in ("model", "oracle", "clip", "caption", "gain")
    }
    assert accuracy == {"model": pytest.approx(1 / 3), "oracle": 1, "clip": 0, "caption": 0} | {
        "gain": 1
    }
    assert value(found, "accuracy", **helped, row="mix", weight=1.0) == 1
    assert value(found, "efficiency", **helped, row="clip") == pytest.approx(-0.5)
    assert value(found, "spread", **helped, row="clip") == pytest.approx(np.std([0.3, 0.2, 0]))
    assert value(found, "spread", **helped, row="gain") == pytest.approx(np.std([0, 0.3, 0]))


def test_where_likelihood_helps_it_is_mixed_in_and_where_it_is_noise_it_hardly_counts():
    helpful, harmful = (rows(made_up(noise, 400)) for noise in (0.05, 5.0))
    assert 0.1 <= helpful[0] <= 1.0
    assert harmful[0] == 0
    chosen = {"half": "report", "family": "all", "row": "chosen", "weight": helpful[0]}
    (row,) = [r for r in helpful[1] if r["case"] == chosen and r["metric"] == "accuracy over clip"]
    assert row["low"] > 0, row


def test_pools_without_room_have_no_efficiency():
    _, found = rows([judged([1, 0], [0, 1], [1, 1])] * 2)
    assert "efficiency" not in {row["metric"] for row in found}
    assert value(found, "accuracy", half="report", family="all", row="oracle") == 1

"""Schedules against closed forms at the published counts."""

import math

import pytest

from lit_dalle.functional.schedules import Schedule


def test_cosine_runs_from_start_to_end_and_stays():
    tau = Schedule(start=1.0, end=1 / 16, over=150_000)
    assert tau.value(0, 3_000_000) == 1.0
    middle = 1 / 16 + (1 - 1 / 16) * (1 + math.cos(math.pi / 2)) / 2
    assert tau.value(75_000, 3_000_000) == pytest.approx(middle)
    assert tau.value(150_000, 3_000_000) == pytest.approx(1 / 16)
    assert tau.value(2_999_999, 3_000_000) == pytest.approx(1 / 16)


def test_a_share_of_the_run_equals_the_count_of_updates():
    share = Schedule(start=0.0, end=6.6, over=0.25, warmup=0.05)
    count = Schedule(start=0.0, end=6.6, over=500, warmup=100)
    assert [share.value(s, 2000) for s in range(0, 2000, 7)] == pytest.approx(
        [count.value(s, 2000) for s in range(0, 2000, 7)]
    )


def test_value_does_not_depend_on_earlier_calls():
    lr = Schedule(start=1e-3, end=1e-5, warmup=0.1)
    forwards = [lr.value(step, 50) for step in range(50)]
    assert [lr.value(step, 50) for step in reversed(range(50))] == forwards[::-1]


def test_warmup_rises_linearly_and_is_never_zero():
    lr = Schedule(start=4.5e-4, end=4.5e-4, shape="constant", warmup=5000)
    assert lr.value(0, 430_000) == pytest.approx(4.5e-4 / 5000)
    assert lr.value(2499, 430_000) == pytest.approx(4.5e-4 / 2)
    assert lr.value(5000, 430_000) == 4.5e-4


def test_linear_and_halvings():
    lr = Schedule(start=1.0, end=0.0, shape="linear", over=100)
    assert lr.value(25, 100) == pytest.approx(0.75)
    halved = Schedule(start=8.0, end=8.0, shape="constant", halvings=(0.5, 0.75))
    assert [halved.value(step, 100) for step in (49, 50, 75, 99)] == [8.0, 4.0, 2.0, 2.0]


def test_a_value_is_held_before_its_way():
    lr = Schedule(start=1.0, end=0.0, shape="linear", warmup=10, hold=0.6)
    values = [lr.value(step, 100) for step in (9, 10, 40, 69, 70, 85, 99)]
    assert values == pytest.approx([1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 1 / 30])


def test_a_longer_run_begins_as_a_shorter_one_while_the_value_is_held():
    short = Schedule(start=1.0, end=0.0, warmup=10, hold=60)
    long = Schedule(start=1.0, end=0.0, warmup=10, hold=400)
    assert [short.value(s, 100) for s in range(70)] == [long.value(s, 500) for s in range(70)]


def test_bad_lengths_are_refused():
    with pytest.raises(ValueError, match="over > 0"):
        Schedule(start=1.0, end=0.0, over=0)
    with pytest.raises(ValueError, match="hold >= 0"):
        Schedule(start=1.0, end=0.0, hold=-1)

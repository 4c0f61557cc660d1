"""Cases of repainting: what is hidden, what is asked for, and that nothing tells the answer."""

import numpy as np
import pytest

from lit_dalle.evaluation.editing.tasks import CHANGES, TASKS, cases
from lit_dalle.evaluation.grading import grade


@pytest.mark.parametrize("task", TASKS)
def test_cases_are_a_function_of_their_arguments(task):
    first, again, more = cases(task, 4), cases(task, 4), cases(task, 6)
    for one, same, longer in zip(first, again, more, strict=False):
        assert one.prompt == same.prompt == longer.prompt
        assert (one.picture == same.picture).all()
        assert (one.region == longer.region).all()
    assert len({one.kind for one in more}) == {"attribute": 4, "restoration": 4, "crossing": 2}.get(
        task, 1
    )
    other = cases(task, 4, seed=1)
    assert any(one.prompt != two.prompt for one, two in zip(first, other, strict=True))


@pytest.mark.parametrize("task", TASKS)
def test_the_answer_is_right_and_stands_in_the_region_alone(task):
    for case in cases(task, 8):
        assert grade(case.target, case.scene).right
        assert (case.picture == case.target)[~case.region].all()
        assert (case.picture != case.target)[case.region].any(), "what is there is something else"
        assert 0 < case.region.mean() < 0.8


def test_a_change_is_of_one_attribute_inside_the_picture():
    for case in cases("attribute", 8):
        assert not grade(case.picture, case.scene).right
        names = {one.name for one in grade(case.target, case.scene).requirements}
        assert case.around < names
        assert case.around == CHANGES[case.kind].around
        before = grade(case.picture, case.scene).requirements
        assert all(one.right for one in before if one.name in case.around)
        assert not case.region[-1, -1]


def test_what_crosses_the_border_goes_on_behind_it():
    for case in cases("crossing", 8):
        rows, columns = np.nonzero(case.region)
        if case.kind == "right":
            inner, outer = case.target[:, columns.max()], case.target[:, columns.max() + 1]
            across = case.region[:, columns.max()]
        else:
            inner, outer = case.target[rows.max()], case.target[rows.max() + 1]
            across = case.region[rows.max()]
        alike = np.abs(inner.astype(int) - outer).max(axis=1) < 30
        assert alike[across].any()


def test_no_such_task():
    with pytest.raises(ValueError, match="there is no task 'painting'; there are attribute,"):
        cases("painting", 1)

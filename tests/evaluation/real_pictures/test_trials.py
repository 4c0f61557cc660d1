import pytest
import torch

from lit_dalle.evaluation.real_pictures.subjects import Subject
from lit_dalle.evaluation.real_pictures.trials import candidate_labels, trials_of

POOL = [Subject(row, f"{label}, plain", label, label[-1], "") for row, label in enumerate("abcdef")]


def test_labels_are_the_own_one_and_others_of_other_groups():
    pool = [*POOL, Subject(6, "aa", "other a", "a", ""), Subject(7, "A", "A", "x", "")]
    for subject, labels in zip(pool, candidate_labels(pool, pool, 0), strict=True):
        assert labels[0] == subject.label
        assert len(labels) == len(set(labels))
        of_group = {one.label for one in pool if one.group == subject.group}
        assert not of_group & set(labels[1:])
        assert subject.label.casefold() not in {label.casefold() for label in labels[1:]}


def test_all_trials_are_as_long_as_the_shortest_and_no_longer_than_asked():
    assert {len(labels) for labels in candidate_labels(POOL, POOL, 0)} == {6}
    assert {len(labels) for labels in candidate_labels(POOL[:2], POOL, 0, count=4)} == {4}
    one_group_more = [*POOL, Subject(6, "z", "z", "a", "")]
    assert {len(labels) for labels in candidate_labels(one_group_more, one_group_more, 0)} == {6}


def test_the_draw_is_that_of_the_row_and_the_seed():
    def drawn(subjects, seed=0):
        return candidate_labels(subjects, POOL, seed, count=4)

    assert drawn(POOL)[2] == drawn(POOL[2:3])[0]
    assert drawn(POOL) != drawn(POOL, 1)


def test_one_label_is_no_choice():
    with pytest.raises(ValueError, match="two different labels, and there are 1"):
        candidate_labels(POOL[:1], POOL[:1], 0)


def test_a_perfect_judge_is_always_right_and_a_blind_one_never():
    labels = candidate_labels(POOL, POOL, 0, count=4)
    perfect = trials_of(labels, dict(zip("abcdef", torch.eye(6), strict=True)))
    assert perfect.labels.shape == (6, 4)
    assert perfect.right(torch.eye(6)).all()
    assert perfect.own(torch.eye(6)).tolist() == [1] * 6
    blind = trials_of(labels, dict.fromkeys("abcdef", torch.ones(6) / 6**0.5))
    assert not blind.right(torch.eye(6)).any()  # ties are not right


def test_a_wrong_picture_is_one_wrong_trial_and_trials_can_be_cut():
    labels = candidate_labels(POOL, POOL, 0)
    trials = trials_of(labels, dict(zip("abcdef", torch.eye(6), strict=True)))
    pictures = torch.eye(6)[[0, 1, 5, 3, 4, 5]]
    assert trials.right(pictures).tolist() == [True, True, False, True, True, True]
    assert trials.of([2, 4]).right(pictures[[2, 4]]).tolist() == [False, True]

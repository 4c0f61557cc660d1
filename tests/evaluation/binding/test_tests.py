from itertools import combinations

import pytest
import torch

from lit_dalle.data.world import FAMILIES, captions, compositions, is_held_out
from lit_dalle.evaluation.binding.tests import (
    ADDED,
    KINDS,
    REARRANGED,
    sugarcrepe_tests,
    winoground_tests,
)

CANONICAL = {
    captions(scene)[0]: scene
    for family in FAMILIES
    for split in ("test", "held_out")
    for scene in compositions(family, split)
}
"""First phrasing → scene."""


def made(form, split, tests, **settings):
    if form == "winoground":
        return list(winoground_tests(split, tests, **settings))
    return list(sugarcrepe_tests(form, split, tests, **settings))


@pytest.mark.parametrize("split", ["test", "held_out"])
@pytest.mark.parametrize("form", ["winoground", *KINDS])
def test_both_scenes_are_on_one_side_of_the_split(form, split):
    tests = made(form, split, 6)
    families = {"replace": FAMILIES, "add": ADDED}.get(form, REARRANGED)
    assert [test.family for test in tests] == [family for family in families for _ in range(6)]
    for test in tests:
        scenes = [CANONICAL[caption] for caption in test.captions]
        assert [is_held_out(scene) for scene in scenes] == [split == "held_out"] * 2
        assert test.images.dtype == torch.uint8
        assert test.images.shape == (2 if form == "winoground" else 1, 3, 64, 64)


def test_every_kind_of_change_occurs():
    changes = {test.change for test in winoground_tests("test", 30)}
    assert changes == {"colours", "shapes", "sides", "two blocks", "three blocks"}
    assert len({test.change for test in sugarcrepe_tests("replace", "test", 40)}) > 20
    changes = {test.change for test in sugarcrepe_tests("add", "test", 20)}
    assert changes == {"block", "colour", "support", "weather"}


def test_tests_are_a_function_of_the_seed():
    for form in ("winoground", "add"):
        one, same, other = (made(form, "test", 3, seed=seed) for seed in (1, 1, 2))
        assert [test.captions for test in one] == [test.captions for test in same]
        assert all(torch.equal(a.images, b.images) for a, b in zip(one, same, strict=True))
        assert [test.captions for test in one] != [test.captions for test in other]


def test_no_two_pictures_are_the_same():
    images = [image for test in winoground_tests("held_out", 8) for image in test.images]
    assert not any(torch.equal(one, other) for one, other in combinations(images, 2))


def test_what_cannot_be_made_is_refused():
    with pytest.raises(ValueError, match="count: Winoground-form tests are made of relation"):
        next(winoground_tests("test", 1, families=("count",)))
    with pytest.raises(ValueError, match="'swop'; choose one of replace, swap, add"):
        next(sugarcrepe_tests("swop", "test", 1))
    with pytest.raises(ValueError, match="no family: add tests"):
        next(sugarcrepe_tests("add", "test", 1, families=()))
    with pytest.raises(ValueError, match="split is 'tests'"):
        next(winoground_tests("tests", 1))

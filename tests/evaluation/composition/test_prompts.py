import pytest

from lit_dalle.data.world import FAMILIES, captions, held_out_reasons, is_held_out, scene_group
from lit_dalle.evaluation.composition.prompts import stable_seed, world_prompts


def test_each_split_asks_for_different_pictures_that_were_trained_or_not():
    prompts = world_prompts(FAMILIES, ("iid", "held-out"), 12)
    assert len(prompts) == 2 * 9 * 12
    assert len({prompt.key for prompt in prompts}) == len(prompts)
    assert len({scene_group(prompt.scene) for prompt in prompts}) == len(prompts)
    for prompt in prompts:
        assert is_held_out(prompt.scene) == (prompt.case["split"] == "held-out")
        assert prompt.text == captions(prompt.scene)[0]


def test_fewer_prompts_are_the_first_of_more():
    few, many = (world_prompts(["stack", "count"], ["held-out"], n) for n in (4, 40))
    assert few == [prompt for prompt in many if prompt.number < 4]


def test_skipped_prompts_leave_the_others_as_they_are():
    first, rest = (world_prompts(["stack", "count"], ["iid"], 6, skip=skip) for skip in (0, 4))
    kept = [prompt for prompt in first if prompt.number >= 4]
    assert [prompt for prompt in rest if prompt.number < 6] == kept
    assert {prompt.number for prompt in rest} == {4, 5, 6, 7, 8, 9}
    groups = [{scene_group(p.scene) for p in world_prompts(["stack"], ["iid"], 100)}]
    groups += [{scene_group(p.scene) for p in world_prompts(["stack"], ["iid"], 50, skip=100)}]
    assert not groups[0] & groups[1]


def test_held_out_reasons_take_turns():
    for family, reasons in {
        "stack": ("pair", "triple", "height"),
        "writing": ("word", "pair"),
    }.items():
        prompts = world_prompts([family], ["held-out"], 12)
        assert [prompt.reason for prompt in prompts] == list(reasons) * (12 // len(reasons))
        assert all(held_out_reasons(p.scene) == (p.reason,) for p in prompts)
    assert {prompt.reason for prompt in world_prompts(["stack"], ["iid"], 5)} == {""}


def test_a_family_gives_what_it_has_and_no_picture_twice():
    prompts = world_prompts(["relation"], ["iid"], 10_000)
    assert 2_000 < len(prompts) < 10_000
    assert len({scene_group(prompt.scene) for prompt in prompts}) == len(prompts)


def test_seeds_stay_as_they_are():
    assert stable_seed("samples", 0, "count-iid-0000") == 8872349682249272436
    assert 0 <= stable_seed("x") < 2**63


@pytest.mark.parametrize(
    ("families", "splits", "count", "words"),
    [
        (["cats"], ["iid"], 1, "cats"),
        (["count"], ["test"], 1, "splits are test; choose some of iid, held-out"),
        (["count"], ["iid"], 0, "needs prompts"),
        ([], ["iid"], 1, "families are none"),
        (["count"], [], 1, "splits are none"),
        (["count", "count"], ["iid"], 1, "each once"),
    ],
)
def test_wrong_requests_are_named(families, splits, count, words):
    with pytest.raises(ValueError, match=words):
        world_prompts(families, splits, count)

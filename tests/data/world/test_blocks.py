import math

import pytest

from lit_dalle.data.world import (
    FAMILIES,
    compositions,
    is_held_out,
    scene_group,
    world_scene,
)
from lit_dalle.data.world.blocks import MOST_FOILS, REARRANGED_SHARE, block_scene
from lit_dalle.data.world.foils import additions, rearrangements, replacements

REARRANGED = ("relation", "stack", "penguin")
KINDS = {"rearranged": rearrangements, "replaced": replacements, "added": additions}


def block(number, foils, **settings):
    """Base and foils of a block."""
    size = 1 + foils
    return [block_scene(number * size + place, foils, **settings) for place in range(size)]


def foils_of(scene, find):
    """The trained ones, of another picture."""
    found = [other for others in find(scene).values() for other in others]
    return [o for o in found if not is_held_out(o) and scene_group(o) != scene_group(scene)]


def kind_of(base, foil):
    return next(name for name, find in KINDS.items() if foil in foils_of(base, find))


@pytest.mark.parametrize("foils", [0, 1, MOST_FOILS])
def test_a_block_is_a_row_s_scene_and_foils_of_it_that_are_trained(foils):
    for number in range(20 * len(FAMILIES)):
        base, *others = block(number, foils, seed=2)
        assert base == world_scene("train", number, seed=2)
        assert len({scene_group(scene) for scene in (base, *others)}) == 1 + foils
        for other in others:
            assert not is_held_out(other)
            assert kind_of(base, other)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_trained_scene_has_as_many_foils_as_a_block_may_want(family):
    for scene in compositions(family, "train")[:300]:
        found = {scene_group(other) for find in KINDS.values() for other in foils_of(scene, find)}
        assert len(found) >= MOST_FOILS, f"{scene} has {len(found)}"


def test_all_kinds_occur_and_rearrangements_about_half_the_time_where_there_are_any():
    kinds = []
    for number in range(900):
        base, foil = block(number, 1, families=REARRANGED)
        if foils_of(base, rearrangements):
            kinds.append(kind_of(base, foil))
    assert set(kinds) == set(KINDS)
    share, spread = kinds.count("rearranged") / len(kinds), 0.5 / math.sqrt(len(kinds))
    z = abs(share - REARRANGED_SHARE) / spread
    assert z < 4.5, f"{z:.1f} standard errors off; over 4.5 by chance 7 in a million"
    added = [block(number, 1, families=("telephone", "light")) for number in range(60)]
    assert {kind_of(*pair) for pair in added} == {"replaced", "added"}


def test_a_row_depends_on_seed_and_index_alone():
    forwards = [block_scene(index, 3, seed=1) for index in range(72)]
    backwards = [block_scene(index, 3, seed=1) for index in reversed(range(72))]
    assert forwards == backwards[::-1]
    others = [block_scene(index, 3, seed=5) for index in range(72)]
    assert sum(a == b for a, b in zip(forwards, others, strict=True)) < 8

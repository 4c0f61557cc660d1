from dataclasses import asdict

import pytest

from lit_dalle.data.world import (
    FAMILIES,
    LEGAL,
    RelationScene,
    StackScene,
    WritingScene,
    compositions,
    neighbours,
    scene_group,
)


def differences(a, b):
    found = []
    for name, value in asdict(a).items():
        other = asdict(b)[name]
        if isinstance(value, tuple):
            assert len(value) == len(other)
            found += [i for i, (x, y) in enumerate(zip(value, other, strict=True)) if x != y]
        elif value != other:
            found.append(name)
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_neighbours_differ_in_one_attribute_and_in_their_picture(family):
    scenes = compositions(family, "train")[:30] + compositions(family, "held_out")[:30]
    for scene in scenes:
        found = neighbours(scene)
        assert len(set(found)) == len(found) >= 8
        assert all(len(differences(scene, other)) == 1 for other in found)
        assert all(scene_group(other) != scene_group(scene) for other in found)
        if family not in ("stack", "writing"):
            changed = {name for other in found for name in differences(scene, other)}
            assert changed == set(LEGAL[family])


def test_the_inverse_relation_is_a_neighbour_and_equal_colours_are_not():
    scene = RelationScene("blue", "circle", "left of", "orange", "pentagon")
    found = neighbours(scene)
    assert RelationScene("blue", "circle", "right of", "orange", "pentagon") in found
    assert all(other.first_colour != other.second_colour for other in found)


def test_every_block_and_the_word_have_neighbours():
    found = neighbours(StackScene(("red", "green", "red", "blue")))
    assert {tuple(differences(found[0], found[0]))} == {()}
    changed = {
        differences(StackScene(("red", "green", "red", "blue")), other)[0] for other in found
    }
    assert changed == {0, 1, 2, 3}
    words = {other.word for other in neighbours(WritingScene("cafe", "red"))}
    assert "cake" in words
    assert len(words) == 11
    assert all(len(word) == 4 for word in words)

import json

import pytest

from lit_dalle.data.world import (
    FAMILIES,
    LEGAL,
    SCENE_TYPES,
    CountScene,
    RelationScene,
    StackScene,
    WritingScene,
    canonical,
    compositions,
    scene_from_json,
    scene_group,
    scene_to_json,
)


@pytest.mark.parametrize("family", FAMILIES)
def test_json_gives_back_the_same_scene(family):
    for scene in compositions(family, "train")[:100] + compositions(family, "held_out")[:100]:
        text = scene_to_json(scene)
        assert scene_from_json(text) == scene
        assert "\n" not in text
        assert json.loads(text)["family"] == family


def test_every_family_has_a_type_and_a_vocabulary():
    assert len(FAMILIES) == 9
    assert set(SCENE_TYPES) == set(LEGAL) == set(FAMILIES)
    assert len(LEGAL["count"]["colour"]) >= 10
    assert len(LEGAL["count"]["shape"]) >= 8


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: CountScene(7, "red", "star"), "count is 7"),
        (lambda: CountScene(3, "mauve", "star"), "colour is 'mauve'"),
        (lambda: RelationScene("red", "star", "left of", "red", "moon"), "both objects are red"),
        (lambda: StackScene(("red", "red")), "red on red"),
        (lambda: StackScene(("red",)), "1 blocks"),
        (lambda: WritingScene("Cafe", "red"), "'Cafe'"),
        (lambda: WritingScene("at", "red"), "3 to 6 letters"),
        (lambda: scene_from_json('{"family":"dragon"}'), "'dragon'"),
        (lambda: scene_from_json('{"family":"count","count":3}'), "it needs count, colour, shape"),
        (lambda: scene_from_json("[1]"), "JSON object"),
    ],
)
def test_illegal_scenes_are_refused_in_one_line(make, said):
    with pytest.raises(ValueError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_relation_and_its_inverse_share_a_group_and_nothing_else_does():
    left = RelationScene("blue", "circle", "left of", "orange", "pentagon")
    right = RelationScene("orange", "pentagon", "right of", "blue", "circle")
    swapped = RelationScene("orange", "pentagon", "left of", "blue", "circle")
    assert left.inverse() == right
    assert scene_group(left) == scene_group(right) != scene_group(swapped)
    assert canonical(right) == left == canonical(left)
    scenes = [scene for family in FAMILIES for scene in compositions(family, "train")[:500]]
    assert len({scene_group(s) for s in scenes}) == len({canonical(s) for s in scenes})

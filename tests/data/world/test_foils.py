from dataclasses import fields

import pytest

from lit_dalle.data.world import (
    FAMILIES,
    LEGAL,
    LightScene,
    PenguinScene,
    RelationScene,
    StackScene,
    TelephoneScene,
    ThingScene,
    WritingScene,
    captions,
    scene_group,
    world_scene,
)
from lit_dalle.data.world.foils import SILENT, additions, rearrangements, replacements

SCENES = [
    world_scene(split, index, families=(family,))
    for family in FAMILIES
    for split in ("test", "held_out")
    for index in range(40)
]


def words(scene):
    """The caption's words in alphabetical order; "an" counts as "a"."""
    caption = captions(scene)[0].replace(",", "")
    return sorted("a" if word == "an" else word for word in caption.split())


def test_rearranged_captions_have_the_same_words_and_another_picture():
    found = [(s, o) for s in SCENES for others in rearrangements(s).values() for o in others]
    assert {scene.family for scene, _ in found} == {"relation", "stack", "penguin"}
    for scene, other in found:
        assert words(scene) == words(other)
        assert captions(scene)[0] != captions(other)[0]
        assert scene_group(scene) != scene_group(other)


def test_what_can_be_swapped_is_swapped():
    relation = rearrangements(RelationScene("red", "circle", "left of", "blue", "square"))
    assert relation == {
        "colours": (RelationScene("blue", "circle", "left of", "red", "square"),),
        "shapes": (RelationScene("red", "square", "left of", "blue", "circle"),),
        "sides": (RelationScene("blue", "square", "left of", "red", "circle"),),
    }
    assert set(rearrangements(RelationScene("red", "star", "above", "blue", "star"))) == {"sides"}
    stack = rearrangements(StackScene(("red", "blue", "pink")))
    assert len(stack["two blocks"]) == 3
    assert set(stack["three blocks"]) == {
        StackScene(("blue", "pink", "red")),
        StackScene(("pink", "red", "blue")),
    }
    assert rearrangements(PenguinScene("red", "red", "red", "red")) == {}
    assert len(rearrangements(PenguinScene("red", "blue", "pink", "cyan"))["colours"]) == 6


def test_replacements_change_one_named_value_of_every_attribute():
    seen = set()
    for scene in SCENES:
        for name, others in replacements(scene).items():
            seen.add((scene.family, name))
            for other in others:
                changed = [
                    field.name
                    for field in fields(scene)
                    if getattr(scene, field.name) != getattr(other, field.name)
                ]
                assert changed == [name]
                assert SILENT.get(name) not in (getattr(scene, name), getattr(other, name))
    named = {(family, name) for family in FAMILIES for name in LEGAL[family]}
    assert seen == named | {("writing", "word")}


@pytest.mark.parametrize(
    ("scene", "added"),
    [
        (TelephoneScene("1920s", "plain", "floor"), {"colour": 10, "support": 5}),
        (TelephoneScene("1920s", "red", "table"), {}),
        (ThingScene("clock", "star", "plain"), {"colour": 10}),
        (WritingScene("cafe", "plain"), {"colour": 10}),
        (LightScene("noon", "cartoon", "field", "clear"), {"weather": 3}),
        (StackScene(("red", "blue")), {"block": 18}),
        (StackScene(("red", "blue", "red", "blue")), {}),
        (PenguinScene("red", "blue", "pink", "cyan"), {}),
    ],
)
def test_additions_are_what_the_scene_is_silent_about(scene, added):
    found = additions(scene)
    assert {name: len(others) for name, others in found.items()} == added
    for others in found.values():
        for other in others:
            assert not set(words(scene)) - set(words(other))
            assert len(words(other)) > len(words(scene))
            assert scene_group(other) != scene_group(scene)

import re

import pytest

from lit_dalle.data.world import (
    FAMILIES,
    CountScene,
    LightScene,
    PenguinScene,
    RelationScene,
    StackScene,
    TelephoneScene,
    ThingScene,
    TogetherScene,
    WritingScene,
    captions,
    compositions,
    scene_group,
)

MOST_WORDS = 24


@pytest.mark.parametrize("family", FAMILIES)
def test_phrasings_are_several_short_and_say_one_picture_only(family):
    said = {}
    for split in ("train", "held_out"):
        for scene in compositions(family, split):
            phrases = captions(scene)
            assert len(set(phrases)) == len(phrases) >= 4
            for phrase in phrases:
                assert said.setdefault(phrase, scene_group(scene)) == scene_group(scene), phrase


@pytest.mark.parametrize("family", FAMILIES)
def test_phrasings_read_as_sentences(family):
    for split in ("train", "held_out"):
        for scene in compositions(family, split)[:1500]:
            for phrase in captions(scene):
                assert phrase == phrase.lower() == " ".join(phrase.split())
                assert len(phrase.split()) <= MOST_WORDS
                assert "plain" not in phrase
                assert "floor" not in phrase
                wrong = re.search(r"\ba [aeiou]|\ban [^aeiou]", phrase)
                assert wrong is None, phrase


@pytest.mark.parametrize(
    ("scene", "canonical"),
    [
        (CountScene(3, "red", "star"), "three red stars"),
        (CountScene(1, "orange", "cross"), "one orange cross"),
        (CountScene(2, "orange", "cross"), "two orange crosses"),
        (
            RelationScene("blue", "circle", "left of", "orange", "pentagon"),
            "a blue circle left of an orange pentagon",
        ),
        (StackScene(("green", "red")), "a green block on a red block"),
        (
            StackScene(("green", "red", "orange")),
            "a green block on a red block on an orange block",
        ),
        (
            PenguinScene("red", "yellow", "blue", "green"),
            "a penguin wearing a red hat, yellow gloves, a blue shirt and green pants",
        ),
        (TelephoneScene("1920s", "plain", "floor"), "a telephone from the 1920s"),
        (
            TelephoneScene("future", "orange", "table"),
            "an orange telephone of the future on a table",
        ),
        (
            LightScene("sunrise", "painting", "field", "clear"),
            "a capybara in a field at sunrise, as a painting",
        ),
        (ThingScene("clock", "pentagon", "plain"), "a pentagon clock"),
        (ThingScene("clock", "round", "red"), "a round red clock"),
        (ThingScene("armchair", "avocado", "plain"), "an armchair in the shape of an avocado"),
        (
            TogetherScene("cabbage", "tutu", "pink", "dog"),
            "a cabbage in a pink tutu walking a dog",
        ),
        (
            TogetherScene("aubergine", "boots", "orange", "elephant"),
            "an aubergine in orange boots walking an elephant",
        ),
        (WritingScene("cafe", "plain"), "a shop front with the word cafe on it"),
    ],
)
def test_canonical_phrasing(scene, canonical):
    assert captions(scene)[0] == canonical


def test_relations_are_told_from_both_sides():
    scene = RelationScene("blue", "circle", "left of", "orange", "pentagon")
    phrases = captions(scene)
    assert "an orange pentagon right of a blue circle" in phrases
    assert "a blue circle on the left and an orange pentagon on the right" in phrases
    assert set(phrases[:5]) == set(captions(scene.inverse())[:5])
    below = RelationScene("red", "star", "below", "pink", "moon")
    assert "a pink moon above a red star" in captions(below)
    assert "a pink moon at the top and a red star at the bottom" in captions(below)


def test_nouns_agree_with_their_number():
    for scene in compositions("count", "train"):
        for phrase in captions(scene):
            one = re.search(rf"\b{scene.shape}\b", phrase) is not None
            assert one == (scene.count == 1), phrase

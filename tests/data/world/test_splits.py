from collections import defaultdict
from itertools import pairwise

import pytest

from lit_dalle.data.world import (
    FAMILIES,
    SPLITS,
    StackScene,
    captions,
    compositions,
    held_out_pairs,
    held_out_reasons,
    held_out_words,
    is_held_out,
    pairs,
    scene_group,
)
from lit_dalle.data.world.splits import EXAMPLES, held_out_triple, pair_values, trained_words
from lit_dalle.data.world.words import WORDS


@pytest.mark.parametrize("family", FAMILIES)
def test_enough_scenes_and_held_out_scenes(family):
    trained = {scene_group(scene) for scene in compositions(family, "train")}
    held_out = {scene_group(scene) for scene in compositions(family, "held_out")}
    assert not trained & held_out
    assert len(trained) + len(held_out) >= 200
    assert len(trained) >= 150
    assert len(held_out) >= 50


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fifth_of_the_pairs_of_every_kind_is_held_out_and_all_others_are_trained(family):
    trained = {pair for scene in compositions(family, "train") for pair in pairs(scene)}
    held_out = held_out_pairs(family)
    assert not trained & held_out
    for kind, (rows, columns) in pair_values(family).items():
        possible = {(kind, a, b) for a in rows for b in columns}
        if family == "stack":
            possible = {(k, a, b) for k, a, b in possible if a != b}
        of_kind = {pair for pair in held_out if pair[0] == kind}
        assert of_kind <= possible
        assert 0.2 <= len(of_kind) / len(possible) <= 0.25
        assert {pair for pair in trained if pair[0] == kind} == possible - of_kind


@pytest.mark.parametrize("family", FAMILIES)
def test_each_value_is_trained_with_at_least_three_others_of_every_other_attribute(family):
    partners = defaultdict(set)
    for scene in compositions(family, "train"):
        for kind, a, b in pairs(scene):
            partners[kind, "first", a].add(b)
            partners[kind, "second", b].add(a)
    for kind, (rows, columns) in pair_values(family).items():
        assert all(len(partners[kind, "first", value]) >= 3 for value in rows)
        assert all(len(partners[kind, "second", value]) >= 3 for value in columns)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_held_out_scene_is_trained_in_any_phrasing(family):
    trained = {phrase for scene in compositions(family, "train") for phrase in captions(scene)}
    for scene in compositions(family, "held_out"):
        assert trained.isdisjoint(captions(scene))


def test_stacks_of_four_and_triples_whose_pairs_are_trained_are_held_out():
    trained = compositions("stack", "train")
    assert {len(scene.colours) for scene in trained} == {2, 3}
    trained_pairs = {pair for scene in trained for pair in pairs(scene)}
    reasons = defaultdict(list)
    for scene in compositions("stack", "held_out"):
        reasons[held_out_reasons(scene)].append(scene)
        if len(scene.colours) == 4:
            assert "height" in held_out_reasons(scene)
    triples = reasons["triple",]
    assert len(triples) >= 50
    for scene in triples:
        assert held_out_triple(*scene.colours)
        assert set(pairs(scene)) <= trained_pairs
    assert len(reasons["height",]) >= 50
    trained_triples = {scene.colours for scene in trained if len(scene.colours) == 3}
    for scene in reasons["height",]:
        assert {scene.colours[:3], scene.colours[1:]} <= trained_triples
    for scene in trained:
        assert all(upper != lower for upper, lower in pairwise(scene.colours))


def test_held_out_words():
    held_out = held_out_words()
    assert "openai" in held_out
    assert "cafe" not in held_out
    assert 0.15 <= len(held_out) / len(WORDS) <= 0.25
    assert len(WORDS) >= 500
    assert sorted(set(WORDS)) == list(WORDS)
    assert set(trained_words()) | held_out == set(WORDS)
    letters = {(place, letter) for word in trained_words() for place, letter in enumerate(word)}
    for word in held_out:
        assert set(enumerate(word)) <= letters, f"{word}: a letter is never trained at its place"


def test_every_letter_is_trained_in_ten_words():
    for letter in "abcdefghijklmnopqrstuvwxyz":
        assert sum(letter in word for word in trained_words()) >= 10


def test_what_people_try_first_is_trained():
    assert {scene.family for scene in EXAMPLES} == set(FAMILIES)
    assert [scene for scene in EXAMPLES if is_held_out(scene)] == []
    assert not is_held_out(StackScene(("red", "green", "blue")))


def test_the_trained_splits_share_their_compositions():
    for split in SPLITS[:3]:
        assert set(compositions("count", split)) == set(compositions("count", "train"))
    with pytest.raises(ValueError, match="split is 'dev'"):
        compositions("count", "dev")

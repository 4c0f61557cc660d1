"""Whether things are read as they were drawn, and nothing else passes for them."""

from dataclasses import replace

import numpy as np
import pytest

from lit_dalle.data.world import FAMILIES, LEGAL, ThingScene, render, world_scene
from lit_dalle.data.world.vocabulary import COLOUR_RGB, KINDS, THING_SHAPES
from lit_dalle.evaluation.grading import grade

SCENES = [
    world_scene(split, index, 3, ("thing",))
    for split in ("test", "held_out")
    for index in range(15)
]


def picture(scene, seed=11):
    """A render as an array."""
    return np.array(render(scene, seed))


def test_renders_are_right():
    reasons = [grade(picture(scene, seed), scene).reason for seed, scene in enumerate(SCENES)]
    assert reasons == ["right"] * len(SCENES)


@pytest.mark.parametrize("attribute", ["kind", "shape", "colour"])
def test_another_attribute_is_wrong_and_named(attribute):
    legal = LEGAL["thing"][attribute]
    for seed, scene in enumerate(SCENES):
        value = legal[(legal.index(getattr(scene, attribute)) + 1 + seed) % len(legal)]
        if value != getattr(scene, attribute):
            found = grade(picture(replace(scene, **{attribute: value}), seed), scene)
            wrong = [each.name for each in found.requirements if not each.right]
            assert wrong == [attribute], found.reason


@pytest.mark.parametrize("kind", KINDS)
def test_dark_and_beige_shapes_are_told_apart_on_grey_parts(kind):
    for seed, shape in enumerate(THING_SHAPES):
        for colour in ("black", "brown", "plain"):
            scene = ThingScene(kind, shape, colour)
            assert grade(picture(scene, seed), scene).reason == "right"


@pytest.mark.parametrize("colour", COLOUR_RGB)
@pytest.mark.parametrize("where", [(2, 2), (18, 28)], ids=["ground", "on it"])
def test_a_square_is_something_else(colour, where):
    scene = ThingScene("lamp", "round", "yellow" if colour != "yellow" else "blue")
    image = picture(scene)
    image[where[0] : where[0] + 9, where[1] : where[1] + 9] = COLOUR_RGB[colour]
    found = grade(image, scene)
    assert [each.name for each in found.requirements if not each.right] == ["nothing else"]


def test_a_missing_stand_and_a_dial_filled_in_are_wrong():
    lamp = ThingScene("lamp", "square", "cyan")
    image = picture(lamp)
    image[52:] = image[45, 2]
    assert "absent at the bottom" in grade(image, lamp).reason
    clock = ThingScene("clock", "square", "orange")
    image = picture(clock)
    inside = np.abs(image.astype(int) - COLOUR_RGB["orange"]).max(-1) < 30
    ys, xs = np.nonzero(inside)
    image[ys.min() + 3 : ys.max() - 2, xs.min() + 3 : xs.max() - 2] = COLOUR_RGB["orange"]
    assert not grade(image, clock).right


def test_a_second_thing_is_wrong():
    one = ThingScene("kite", "heart", "red")
    image = picture(one)
    small = np.array(render(one, 11).resize((20, 20)))
    image[42:62, 2:22] = small
    found = grade(image, one)
    assert "something red at the lower left that was not asked for" in found.reason


def test_other_pictures_are_wrong():
    rng = np.random.default_rng(0)
    others = [render(world_scene("test", 5, 0, (each,)), 5) for each in FAMILIES]
    others.pop(FAMILIES.index("thing"))
    noise = [rng.integers(0, 256, (64, 64, 3)).astype(np.uint8) for _ in range(2)]
    flat = [np.full((64, 64, 3), rgb, np.uint8) for rgb in (0, 245, *COLOUR_RGB.values())]
    for image in [*others, *noise, *flat]:
        assert not grade(image, SCENES[0]).right


def test_the_reason_says_what_was_seen():
    seen = grade(picture(ThingScene("lamp", "star", "blue")), ThingScene("kite", "star", "red"))
    assert seen.reason == "kind: lamp, not kite; colour: blue, not red"

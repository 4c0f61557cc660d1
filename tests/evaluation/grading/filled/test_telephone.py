"""Whether telephones are read as they were drawn, and nothing else passes for them."""

from dataclasses import replace

import numpy as np
import pytest

from lit_dalle.data.world import FAMILIES, LEGAL, TelephoneScene, render, world_scene
from lit_dalle.data.world.vocabulary import COLOUR_RGB
from lit_dalle.evaluation.grading import grade

SCENES = [
    world_scene(split, index, 3, ("telephone",))
    for split in ("test", "held_out")
    for index in range(15)
]


def picture(scene, seed=11):
    """A render as an array."""
    return np.array(render(scene, seed))


def test_renders_are_right():
    reasons = [grade(picture(scene, seed), scene).reason for seed, scene in enumerate(SCENES)]
    assert reasons == ["right"] * len(SCENES)


@pytest.mark.parametrize("attribute", ["era", "colour", "support"])
def test_another_attribute_is_wrong_and_named(attribute):
    legal = LEGAL["telephone"][attribute]
    for seed, scene in enumerate(SCENES):
        value = legal[(legal.index(getattr(scene, attribute)) + 1 + seed) % len(legal)]
        if value != getattr(scene, attribute):
            found = grade(picture(replace(scene, **{attribute: value}), seed), scene)
            wrong = [each.name for each in found.requirements if not each.right]
            assert wrong == [attribute], found.reason


@pytest.mark.parametrize("colour", COLOUR_RGB)
@pytest.mark.parametrize("where", [(2, 2), (30, 27), (50, 28)], ids=["ground", "on it", "support"])
def test_a_square_is_something_else(colour, where):
    scene = TelephoneScene("future", "green" if colour != "green" else "red", "crate")
    image = picture(scene)
    image[where[0] : where[0] + 9, where[1] : where[1] + 9] = COLOUR_RGB[colour]
    found = grade(image, scene)
    assert [each.name for each in found.requirements if not each.right] == ["nothing else"]


def test_a_missing_leg_and_a_dial_filled_in_are_wrong():
    table = TelephoneScene("1920s", "red", "table")
    image = picture(table)
    ground = image[40, 2]
    image[53:, :32] = ground
    assert "a part is absent at the lower left" in grade(image, table).reason
    for colour in ("yellow", "black"):
        rotary = TelephoneScene("1950s", colour, "floor")
        image = picture(rotary)
        y, x = (int(place.mean()) for place in np.nonzero(_coloured(image, colour)))
        image[y - 2 : y + 12, x - 7 : x + 8] = COLOUR_RGB[colour]
        assert "absent" in grade(image, rotary).reason


def _coloured(image, colour):
    """Pixels near a named colour."""
    return np.abs(image.astype(int) - COLOUR_RGB[colour]).max(-1) < 30


def test_a_speck_is_no_object():
    image = picture(SCENES[0])
    image[1:5, 1:5] = (216, 32, 38)
    assert grade(image, SCENES[0]).right


def test_other_pictures_are_wrong():
    rng = np.random.default_rng(0)
    others = [render(world_scene("test", 5, 0, (each,)), 5) for each in FAMILIES]
    others.pop(FAMILIES.index("telephone"))
    noise = [rng.integers(0, 256, (64, 64, 3)).astype(np.uint8) for _ in range(2)]
    flat = [np.full((64, 64, 3), rgb, np.uint8) for rgb in (0, 245, *COLOUR_RGB.values())]
    for image in [*others, *noise, *flat]:
        assert not grade(image, SCENES[0]).right


def test_the_reason_says_what_was_seen():
    asked = TelephoneScene("1950s", "red", "table")
    seen = grade(picture(TelephoneScene("1950s", "blue", "stool")), asked)
    assert seen.reason == "colour: blue, not red; support: stool, not table"
    assert "no telephone" in grade(np.full((64, 64, 3), 245, np.uint8), asked).reason

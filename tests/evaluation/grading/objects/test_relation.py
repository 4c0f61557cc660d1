from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lit_dalle.data.world import FAMILIES, RelationScene, neighbours, render, world_scene
from lit_dalle.data.world.vocabulary import COLOUR_RGB, SHAPES
from lit_dalle.evaluation.grading import grade

SCENES = [
    world_scene(split, i, 3, ("relation",)) for split, i in product(("test", "held_out"), range(15))
]
ASKED = RelationScene("red", "circle", "left of", "blue", "square")


def test_renders_are_right_told_from_either_side():
    for seed, scene in enumerate(SCENES):
        image = render(scene, seed)
        assert grade(image, scene).right, (scene, seed)
        assert grade(image, scene.inverse()).right, (scene, seed)


@pytest.mark.parametrize(
    "attribute", ["first_colour", "first_shape", "relation", "second_colour", "second_shape"]
)
def test_one_attribute_changed_is_wrong(attribute):
    for seed, scene in enumerate(SCENES):
        others = [
            one for one in neighbours(scene) if getattr(one, attribute) != getattr(scene, attribute)
        ]
        verdict = grade(render(others[seed % len(others)], seed), scene)
        assert not verdict.right, (scene, seed)


def test_swapped_colours_are_wrong():
    swapped = RelationScene("blue", "circle", "left of", "red", "square")
    assert not grade(render(swapped, 0), ASKED).right


def test_reason_in_words():
    drawn = RelationScene("red", "circle", "above", "blue", "star")
    reason = grade(render(drawn, 0), ASKED).reason
    assert reason == "relation: above, not left of; second shape: star, not square"


def test_an_extra_object_and_a_missing_one_are_wrong():
    image = render(ASKED, 2)
    ImageDraw.Draw(image).rectangle((2, 2, 10, 10), COLOUR_RGB["green"])
    assert "something green at the upper left" in grade(image, ASKED).reason
    ImageDraw.Draw(image).rectangle((0, 0, 31, 63), (244, 244, 244))
    assert "one object, not two objects" in grade(image, ASKED).reason


def test_other_pictures_are_wrong():
    rng = np.random.default_rng(1)
    pictures = [render(world_scene("test", 0, 5, (f,)), 5) for f in FAMILIES if f != "relation"]
    pictures += [Image.new("RGB", (64, 64), rgb) for rgb in ((246, 246, 246), (216, 32, 38))]
    pictures += [Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))]
    for picture, shape in product(pictures, SHAPES):
        assert not grade(picture, RelationScene("red", shape, "above", "black", shape)).right

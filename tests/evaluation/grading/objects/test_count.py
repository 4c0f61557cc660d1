from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lit_dalle.data.world import FAMILIES, CountScene, neighbours, render, world_scene
from lit_dalle.data.world.vocabulary import COLOUR_RGB, COUNTS, SHAPES
from lit_dalle.evaluation.grading import grade

SCENES = [
    world_scene(split, i, 3, ("count",)) for split, i in product(("test", "held_out"), range(15))
]


def test_renders_are_right():
    for seed, scene in enumerate(SCENES):
        assert grade(render(scene, seed), scene).right, (scene, seed)


@pytest.mark.parametrize("attribute", ["count", "colour", "shape"])
def test_one_attribute_changed_is_wrong_for_that_attribute(attribute):
    for seed, scene in enumerate(SCENES):
        others = [
            one for one in neighbours(scene) if getattr(one, attribute) != getattr(scene, attribute)
        ]
        verdict = grade(render(others[seed % len(others)], seed), scene)
        wrong = [one.name for one in verdict.requirements if not one.right]
        assert wrong == [attribute], (scene, seed, verdict.reason)


def test_an_extra_object_is_named_with_its_place():
    image = render(CountScene(1, "blue", "circle"), 4)
    free = np.asarray(image)[2:11, 2:11]
    assert free.min() > 180, "the corner is taken: choose another seed"
    ImageDraw.Draw(image).rectangle((2, 2, 10, 10), COLOUR_RGB["orange"])
    verdict = grade(image, CountScene(1, "blue", "circle"))
    assert verdict.reason == "something orange at the upper left that was not asked for"


def test_reason_in_words():
    verdict = grade(render(CountScene(3, "red", "star"), 0), CountScene(2, "blue", "star"))
    assert verdict.reason == "count: 3, not 2; colour: red, not blue"


def test_a_missing_part_is_wrong():
    scene = CountScene(1, "red", "circle")
    image = render(scene, 1)
    pixels = np.array(image)
    xs = np.nonzero(np.ptp(pixels.astype(int), axis=2) > 100)[1]
    middle = int(xs.mean())
    ImageDraw.Draw(image).rectangle((middle, 0, 63, 63), tuple(int(v) for v in pixels[0, 0]))
    assert not grade(image, scene).right


def test_other_pictures_are_wrong():
    rng = np.random.default_rng(1)
    pictures = [render(world_scene("test", 0, 5, (f,)), 5) for f in FAMILIES if f != "count"]
    pictures += [Image.new("RGB", (64, 64), rgb) for rgb in ((246, 246, 246), (216, 32, 38))]
    pictures += [Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))]
    for picture in pictures:
        for count, shape in product(COUNTS[:2], SHAPES):
            assert not grade(picture, CountScene(count, "red", shape)).right

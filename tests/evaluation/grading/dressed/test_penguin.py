"""Whether dressed penguins are read as they were drawn, and nothing else passes for them."""

from dataclasses import fields, replace

import numpy as np
import pytest
from PIL import Image

from lit_dalle.data.world import FAMILIES, neighbours, render, world_scene
from lit_dalle.data.world.scenes import PenguinScene
from lit_dalle.evaluation.grading import grade

ATTRIBUTES = [field.name for field in fields(PenguinScene)]
SCENE = PenguinScene(hat="red", gloves="yellow", shirt="blue", pants="green")
SCENES = [world_scene(("test", "held_out")[i % 2], i // 2, 5, ("penguin",)) for i in range(30)]
RED, YELLOW, BACKGROUND = (216, 32, 38), (250, 222, 42), (244, 244, 244)


def painted(box: tuple[int, int, int, int], rgb: tuple[int, int, int]) -> np.ndarray:
    """The scene with a box (left, top, right, bottom) painted over."""
    picture = np.array(render(SCENE, 3))
    left, top, right, bottom = box
    picture[top:bottom, left:right] = rgb
    return picture


def test_renders_are_right():
    for seed, scene in enumerate(SCENES):
        assert grade(render(scene, seed), scene).right, (seed, scene)


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_another_colour_is_wrong_and_nothing_else_is(attribute):
    for seed, scene in enumerate(SCENES):
        others = [
            o for o in neighbours(scene) if getattr(o, attribute) != getattr(scene, attribute)
        ]
        other = others[seed % len(others)]
        found = grade(render(other, seed), scene)
        wrong = {requirement.name for requirement in found.requirements if not requirement.right}
        assert wrong == {attribute}, (seed, scene, other, found.reason)


@pytest.mark.parametrize("colour", ["red", "brown", "black", "orange"])
def test_clothes_of_one_colour_merge_and_are_still_read(colour):
    scene = PenguinScene(colour, colour, colour, colour)
    assert grade(render(scene, 1), scene).right
    for attribute in ATTRIBUTES:
        assert not grade(render(scene, 1), replace(scene, **{attribute: "blue"})).right


def test_the_reason_says_what_was_seen():
    assert grade(render(SCENE, 3), SCENE).reason == "right"
    other = replace(SCENE, hat="blue")
    assert grade(render(SCENE, 3), other).reason == "hat: red, not blue"


def test_one_glove_of_another_colour_is_wrong():
    left = painted((0, 34, 17, 54), RED)
    assert "left glove: red, not yellow" in grade(left, SCENE).reason


@pytest.mark.parametrize(
    ("box", "part"),
    [
        ((12, 0, 52, 14), "hat"),
        ((0, 36, 17, 50), "left glove"),
        ((14, 28, 64, 34), "shirt"),
        ((14, 57, 50, 64), "foot"),
        ((26, 17, 38, 28), "beak"),
        ((0, 30, 18, 64), "arm"),
    ],
)
def test_a_missing_part_is_wrong(box, part):
    found = grade(painted(box, BACKGROUND), SCENE)
    assert not found.right, part


@pytest.mark.parametrize(
    "box", [(1, 1, 10, 10), (52, 4, 61, 13), (28, 30, 37, 39), (44, 52, 53, 61)]
)
def test_something_extra_is_wrong(box):
    found = grade(painted(box, RED), SCENE)
    assert "that was not asked for" in found.reason


def test_a_second_hat_is_wrong():
    picture = np.array(render(SCENE, 3))
    picture[2:14, 1:17] = RED
    assert grade(picture, SCENE).reason == "something at the upper left that was not asked for"


def test_a_slight_blur_is_right():
    for seed, scene in enumerate(SCENES):
        small = render(scene, seed).resize((40, 40), Image.Resampling.BILINEAR)
        assert grade(small.resize((64, 64), Image.Resampling.BICUBIC), scene).right, (seed, scene)


def test_anything_else_is_wrong():
    draw = np.random.default_rng(0)
    pictures = [draw.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(5)]
    pictures += [np.full((64, 64, 3), level, np.uint8) for level in (0, 104, 245, 255)]
    others = [family for family in FAMILIES if family != "penguin"]
    pictures += [
        np.array(render(world_scene("test", i, 0, (f,)), i)) for f in others for i in (0, 1)
    ]
    pictures.append(np.array(render(SCENE, 3))[::-1].copy())
    for number, picture in enumerate(pictures):
        assert not grade(picture, SCENE).right, number

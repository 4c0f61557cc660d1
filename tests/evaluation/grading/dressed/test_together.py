"""Whether vegetables that walk animals are read as they were drawn, and nothing else is."""

from dataclasses import fields, replace
from itertools import product

import numpy as np
import pytest
from PIL import Image

from lit_dalle.data.world import FAMILIES, neighbours, render, world_scene
from lit_dalle.data.world.scenes import TogetherScene
from lit_dalle.data.world.vocabulary import GARMENTS, VEGETABLES
from lit_dalle.evaluation.grading import grade

ATTRIBUTES = [field.name for field in fields(TogetherScene)]
SCENE = TogetherScene(vegetable="cabbage", garment="tutu", colour="pink", animal="dog")
SCENES = [world_scene(("test", "held_out")[i % 2], i // 2, 5, ("together",)) for i in range(30)]
OWN_COLOUR = {
    "cabbage": "green",
    "carrot": "orange",
    "aubergine": "purple",
    "corn": "yellow",
    "radish": "red",
    "mushroom": "brown",
}
RED, BACKGROUND = (216, 32, 38), (244, 244, 244)


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
def test_another_value_is_wrong_and_nothing_else_is(attribute):
    for seed, scene in enumerate(SCENES):
        others = [
            o for o in neighbours(scene) if getattr(o, attribute) != getattr(scene, attribute)
        ]
        other = others[seed % len(others)]
        found = grade(render(other, seed), scene)
        wrong = {requirement.name for requirement in found.requirements if not requirement.right}
        assert wrong == {attribute}, (seed, scene, other, found.reason)


@pytest.mark.parametrize(("vegetable", "garment"), [*product(VEGETABLES, GARMENTS)])
def test_a_garment_in_the_colour_of_its_wearer_is_read(vegetable, garment):
    for colour in (OWN_COLOUR[vegetable], "green"):
        scene = TogetherScene(vegetable, garment, colour, "cat")
        assert grade(render(scene, 7), scene).right
        assert not grade(render(scene, 7), replace(scene, colour="blue")).right


def test_the_reason_says_what_was_seen():
    asked = replace(SCENE, animal="cat", colour="blue")
    reason = grade(render(SCENE, 3), asked).reason
    assert reason == "colour of the tutu: pink, not blue; animal: dog, not cat"


@pytest.mark.parametrize(
    ("box", "part"),
    [
        ((36, 30, 64, 64), "animal"),
        ((0, 10, 36, 34), "vegetable"),
        ((0, 34, 36, 50), "garment"),
        ((10, 48, 30, 64), "leg"),
        ((32, 28, 38, 48), "lead"),
        ((50, 30, 64, 48), "head of the dog"),
    ],
)
def test_a_missing_part_is_wrong(box, part):
    assert not grade(painted(box, BACKGROUND), SCENE).right, part


def test_the_lead_is_missed():
    assert "missing: lead" in grade(painted((32, 28, 38, 48), BACKGROUND), SCENE).reason


@pytest.mark.parametrize(
    "box", [(1, 1, 10, 10), (45, 5, 54, 14), (15, 20, 24, 29), (43, 46, 52, 55)]
)
def test_something_extra_is_wrong(box):
    assert not grade(painted(box, RED), SCENE).right


def test_a_second_animal_is_wrong():
    picture = np.array(render(SCENE, 3))
    picture[5:31, 36:64] = picture[34:60, 36:64]
    assert "that was not asked for" in grade(picture, SCENE).reason


def test_the_other_order_is_wrong():
    for seed, scene in enumerate(SCENES):
        assert not grade(np.array(render(scene, seed))[:, ::-1].copy(), scene).right, scene


def test_a_slight_blur_is_right():
    for seed, scene in enumerate(SCENES):
        small = render(scene, seed).resize((40, 40), Image.Resampling.BILINEAR)
        found = grade(small.resize((64, 64), Image.Resampling.BICUBIC), scene)
        assert found.right, (seed, scene, found.reason)


def test_anything_else_is_wrong():
    draw = np.random.default_rng(0)
    pictures = [draw.integers(0, 256, (64, 64, 3), np.uint8) for _ in range(5)]
    pictures += [np.full((64, 64, 3), level, np.uint8) for level in (0, 104, 245, 255)]
    others = [family for family in FAMILIES if family != "together"]
    pictures += [
        np.array(render(world_scene("test", i, 0, (f,)), i)) for f in others for i in (0, 1)
    ]
    pictures.append(np.array(render(SCENE, 3))[::-1].copy())
    for number, picture in enumerate(pictures):
        assert not grade(picture, SCENE).right, number

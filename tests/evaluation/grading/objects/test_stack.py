from itertools import product

import numpy as np
from PIL import Image, ImageDraw

from lit_dalle.data.world import FAMILIES, StackScene, neighbours, render, world_scene
from lit_dalle.data.world.vocabulary import COLOUR_RGB
from lit_dalle.evaluation.grading import grade

SCENES = [
    world_scene(split, i, 3, ("stack",)) for split, i in product(("test", "held_out"), range(15))
]
ASKED = StackScene(("red", "black", "pink"))


def towering(*colours, side=14, left=24):
    """Blocks drawn from the bottom without the world's drawer; None leaves a gap."""
    image = Image.new("RGB", (64, 64), (240, 240, 238))
    for level, colour in enumerate(reversed(colours)):
        top = 60 - (level + 1) * side
        if colour is not None:
            box = (left, top, left + side - 1, top + side - 1)
            ImageDraw.Draw(image).rectangle(box, COLOUR_RGB[colour])
    return image


def test_renders_are_right():
    for seed, scene in enumerate(SCENES):
        assert grade(render(scene, seed), scene).right, (scene, seed)


def test_one_colour_changed_is_wrong():
    for seed, scene in enumerate(SCENES):
        others = neighbours(scene)
        verdict = grade(render(others[seed % len(others)], seed), scene)
        wrong = [one.name for one in verdict.requirements if not one.right]
        assert wrong == ["colours"], (scene, seed, verdict.reason)


def test_order_counts():
    assert not grade(render(StackScene(("pink", "black", "red")), 0), ASKED).right


def test_reason_in_words():
    reason = grade(render(StackScene(("red", "black", "blue")), 0), ASKED).reason
    assert reason == "colours: red on black on blue, not red on black on pink"


def test_doubles_gaps_and_missing_blocks_are_wrong():
    assert grade(towering("red", "black", "pink"), ASKED).right
    for colours in (
        ("red", "black", "black", "pink"),
        ("red", "black", None, "pink"),
        ("black", "pink"),
        ("red", "red", "black"),
    ):
        assert not grade(towering(*colours), ASKED).right, colours


def test_an_extra_object_is_wrong():
    image = towering("red", "black", "pink")
    ImageDraw.Draw(image).rectangle((2, 2, 10, 10), COLOUR_RGB["green"])
    reason = grade(image, ASKED).reason
    assert reason == "something green at the upper left that was not asked for"


def test_other_pictures_are_wrong():
    rng = np.random.default_rng(1)
    pictures = [render(world_scene("test", 0, 5, (f,)), 5) for f in FAMILIES if f != "stack"]
    pictures += [Image.new("RGB", (64, 64), rgb) for rgb in ((246, 246, 246), (216, 32, 38))]
    pictures += [Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))]
    for picture, scene in product(pictures, SCENES[:8]):
        assert not grade(picture, scene).right

"""Capybaras: renders are right, renders of a neighbour wrong, and so are other pictures."""

from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from lit_dalle.data.world import FAMILIES, neighbours, render, world_scene
from lit_dalle.data.world.scenes import LEGAL, LightScene
from lit_dalle.data.world.vocabulary import STYLES
from lit_dalle.evaluation.grading import grade

RENDERS = 30
ASKED = LightScene("sunset", "cartoon", "beach", "clear")


def scenes(count: int = RENDERS) -> list[LightScene]:
    """Trained and held-out scenes by turns."""
    splits = ("test", "held_out")
    found = [world_scene(splits[i % 2], i // 2, 3, ("light",)) for i in range(count)]
    return [scene for scene in found if isinstance(scene, LightScene)]


def drawn(scene: LightScene, seed: int) -> NDArray[np.uint8]:
    return np.array(render(scene, seed))


def wrong(picture: NDArray[np.uint8], scene: LightScene) -> set[str]:
    """Names of the requirements that do not hold."""
    return {one.name for one in grade(picture, scene).requirements if not one.right}


def test_renders_are_right() -> None:
    reasons = [grade(drawn(s, seed), s).reason for seed, s in enumerate(scenes())]
    assert reasons == ["right"] * RENDERS


@pytest.mark.parametrize("attribute", LEGAL["light"])
def test_another_value_is_wrong_and_named(attribute: str) -> None:
    for seed, scene in enumerate(scenes()):
        others = [
            other
            for other in neighbours(scene)
            if getattr(other, attribute) != getattr(scene, attribute)
        ]
        other = Random(seed).choice(others)
        assert isinstance(other, LightScene)
        assert attribute in wrong(drawn(other, seed), scene), (scene, other)


@pytest.mark.parametrize("style", STYLES)
def test_something_else_is_wrong(style: str) -> None:
    picture = drawn(LightScene("noon", style, "desert", "clear"), 0)
    picture[14:23, 6:15] = (216, 32, 38)
    verdict = grade(picture, LightScene("noon", style, "desert", "clear"))
    assert "something red at the upper left that was not asked for" in verdict.reason


def test_a_shadow_on_the_side_of_the_sun_is_wrong() -> None:
    picture = drawn(ASKED, 1)
    picture[53:62] = picture[53:62, ::-1]
    assert "shadow" in wrong(picture, ASKED)
    assert "shadow: long to the right, not long to the left" in grade(picture, ASKED).reason


def test_a_missing_shadow_is_wrong() -> None:
    picture = drawn(ASKED, 1)
    picture[53:62] = picture[50, 60]
    assert "shadow" in wrong(picture, ASKED)


def test_a_missing_sun_is_wrong() -> None:
    picture = drawn(ASKED, 1)
    picture[16:40, 42:] = picture[10, 32]
    assert not grade(picture, ASKED).right


def test_a_missing_capybara_is_wrong() -> None:
    picture = drawn(ASKED, 1)
    picture[32:62, 14:50] = picture[32:62, 60:61]
    assert "capybara" in wrong(picture, ASKED)


def test_a_bare_beach_is_wrong() -> None:
    picture = drawn(ASKED, 1)
    picture[22:36, :24] = picture[22:36, 30:31]
    picture[36:50, :15] = picture[36:50, 61:62]
    assert "place" in wrong(picture, ASKED)


def test_a_little_dirt_is_right() -> None:
    picture = drawn(ASKED, 1)
    picture[4:7, 30:33] = (216, 32, 38)
    assert grade(picture, ASKED).right


def test_a_slight_blur_is_right() -> None:
    for seed, scene in enumerate(scenes()):
        picture: NDArray[np.floating] = drawn(scene, seed).astype(np.float32)
        for axis in (0, 1):
            beside = np.roll(picture, 1, axis) + np.roll(picture, -1, axis)
            picture = picture / 2 + beside / 4
        assert grade(picture.astype(np.uint8), scene).right, scene


def test_reasons_in_words() -> None:
    verdict = grade(drawn(LightScene("sunset", "cartoon", "field", "clear"), 0), ASKED)
    assert verdict.reason == "place: field, not beach"


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "light"])
def test_other_families_are_wrong(family: str) -> None:
    for index, scene in enumerate(scenes(6)):
        other = world_scene("test", index, 0, (family,))
        assert not grade(render(other, index), scene).right


@pytest.mark.parametrize("level", [0, 128, 252, 255])
def test_plain_pictures_are_wrong(level: int) -> None:
    for scene in scenes(6):
        assert not grade(np.full((64, 64, 3), level, np.uint8), scene).right


def test_noise_is_wrong() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), np.uint8)
    for picture, scene in zip(noise, scenes(6), strict=True):
        assert not grade(picture, scene).right

"""Shop fronts: the word is read letter by letter, and nothing passes for what it is not."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from lit_dalle.data.world import FAMILIES, WritingScene, render, world_scene
from lit_dalle.data.world.drawing.glyphs import GLYPHS
from lit_dalle.data.world.vocabulary import COLOURS_OR_PLAIN
from lit_dalle.data.world.words import WORDS
from lit_dalle.evaluation.grading import Verdict, grade

Pixels = NDArray[np.uint8]
CAFE = WritingScene("cafe", "blue")


def drawn(scene: WritingScene, seed: int = 0) -> Pixels:
    return np.array(render(scene, seed))


def blurred(image: Pixels, sigma: float) -> Pixels:
    soft = ndimage.gaussian_filter(image.astype(np.float32), (sigma, sigma, 0))
    return soft.round().astype(np.uint8)


def wrong(verdict: Verdict) -> set[str]:
    return {requirement.name for requirement in verdict.requirements if not requirement.right}


def place_of(image: Pixels) -> tuple[int, int]:
    """Left column and top row of the first letter of a blue shop's cafe."""
    return next(
        (x, y)
        for y in range(10, 19)
        for x in range(5, 40)
        if (image[y, x + 2 : x + 6] < 60).all() and (image[y - 1, x : x + 30] > 200).all()
    )


@pytest.mark.parametrize("colour", COLOURS_OR_PLAIN)
def test_renders_are_right(colour: str) -> None:
    for seed in range(4):
        scene = WritingScene(Random(f"{colour} {seed}").choice(WORDS), colour)
        verdict = grade(render(scene, seed), scene)
        assert verdict.right, f"{scene}, seed {seed}: {verdict.reason}"


def test_every_letter_is_read_sharp_and_blurred() -> None:
    letters = "".join(GLYPHS)
    for start in range(0, 26, 5):
        word = (letters + letters)[start : start + 6]
        scene = WritingScene(word, "red")
        for sigma in (0.0, 1.0, 1.3):
            verdict = grade(blurred(drawn(scene), sigma), scene)
            assert verdict.right, f"blurred by {sigma}: {verdict.reason}"


@pytest.mark.parametrize("scale", [32, 44])
def test_small_pictures_enlarged_are_right(scale: int) -> None:
    for seed in range(8):
        small = render(CAFE, seed).resize((scale, scale), Image.Resampling.BOX)
        assert grade(small.resize((64, 64), Image.Resampling.BICUBIC), CAFE).right


def test_another_word_is_wrong() -> None:
    for seed, word in enumerate([*WORDS[:30], "cafes", "caf", "cape", "safe", "face", "cafeca"]):
        verdict = grade(render(replace(CAFE, word=word), seed), CAFE)
        assert wrong(verdict) == ({"word"} if word != "cafe" else set())
        assert f"word: {word}" in verdict.reason


def test_another_colour_is_wrong() -> None:
    for seed in range(30):
        other = COLOURS_OR_PLAIN[seed % len(COLOURS_OR_PLAIN)]
        verdict = grade(render(replace(CAFE, colour=other), seed), CAFE)
        assert wrong(verdict) == ({"colour"} if other != "blue" else set())


def test_reasons_are_in_words() -> None:
    verdict = grade(render(CAFE, 3), WritingScene("cape", "red"))
    assert verdict.reason == "word: cafe, not cape; colour: blue, not red"


def test_a_smudged_letter_is_a_question_mark() -> None:
    image = drawn(CAFE)
    x, y = place_of(image)
    letter = (slice(y, y + 9), slice(x + 18, x + 25))
    image[letter] = image[letter].mean((0, 1))
    verdict = grade(image, CAFE)
    assert wrong(verdict) == {"word"}
    assert verdict.reason == "word: ca?e, not cafe"


def test_a_smear_is_not_read() -> None:
    image = drawn(CAFE)
    image[8:28] = ndimage.gaussian_filter(image[8:28].astype(float), (1, 6, 0)).astype(np.uint8)
    verdict = grade(image, CAFE)
    assert "word" in wrong(verdict)
    assert not set(verdict.requirements[0].reason.split(",")[0].split()[1]) - set("?none")


@pytest.mark.parametrize(
    ("part", "rows", "columns"),
    [
        ("an awning", slice(29, 38), slice(3, 61)),
        ("a window", slice(40, 54), slice(6, 36)),
        ("a door", slice(40, 59), slice(43, 56)),
    ],
)
def test_missing_parts_are_wrong(part: str, rows: slice, columns: slice) -> None:
    for seed in range(6):
        image = drawn(CAFE, seed)
        dy = place_of(image)[1] - 14
        image[rows.start + dy : rows.stop + dy, columns] = (30, 88, 216)
        verdict = grade(image, CAFE)
        assert "shop" in wrong(verdict), f"seed {seed}: {verdict}"
        assert part in verdict.reason


def test_a_second_window_is_wrong() -> None:
    image = drawn(CAFE, 1)
    image[44:54, 36:42] = 250
    assert wrong(grade(image, CAFE)) == {"nothing else"}


def test_other_things_are_wrong_and_named() -> None:
    image = drawn(CAFE)
    image[48:57, 20:29] = (248, 134, 16)
    verdict = grade(image, CAFE)
    assert verdict.reason == "something orange at the bottom that was not asked for"
    for x, y in [(0, 0), (54, 10), (4, 26), (28, 30), (44, 44), (54, 54), (20, 14)]:
        image = drawn(CAFE)
        image[y : y + 9, x : x + 9] = (216, 32, 38)
        assert not grade(image, CAFE).right


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "writing"])
def test_other_families_are_wrong(family: str) -> None:
    for index in range(5):
        image = render(world_scene("test", index, 0, (family,)), index)
        assert not grade(image, CAFE).right


@pytest.mark.parametrize(
    "paint",
    [
        lambda noise: noise.integers(0, 256, (64, 64, 3)),
        lambda noise: noise.normal(128, 20, (64, 64, 3)).clip(0, 255),
        lambda noise: np.full((64, 64, 3), noise.integers(0, 256, 3)),
        lambda noise: np.zeros((64, 64, 3)),
        lambda noise: np.full((64, 64, 3), 255),
        lambda noise: np.full((64, 64, 3), (30, 88, 216)),
    ],
)
def test_pictures_of_nothing_are_wrong(paint: Callable[[np.random.Generator], Pixels]) -> None:
    noise = np.random.default_rng(0)
    for _ in range(5):
        verdict = grade(paint(noise).astype(np.uint8), CAFE)
        assert {"word", "shop"} <= wrong(verdict)

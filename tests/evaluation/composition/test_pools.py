import numpy as np
import pytest
from tiny_world import parity_of_all, tiny_world_pipeline

from lit_dalle.evaluation.composition.painter import Painter
from lit_dalle.evaluation.composition.pools import PoolMaker
from lit_dalle.evaluation.composition.prompts import world_prompts
from lit_dalle.generation.settings import DrawingSettings


@pytest.fixture(scope="module")
def painter():
    return Painter(tiny_world_pipeline(), DrawingSettings())


PROMPTS = world_prompts(["count"], ["iid"], 3)


def drawn(maker, prompt=PROMPTS[0], size=6, seed=0):
    (pool,) = maker.pools([prompt], size, seed, shown=[2], among=4)
    return pool


def drawn_together(maker, prompts=PROMPTS):
    shown = [2, 0, 1][: len(prompts)]
    return list(maker.pools(prompts, 6, seed=0, shown=shown, among=4))


def counting():
    """A grader, and the list of how many pictures it was shown each time."""
    asked = []

    def grade(pictures, scene):
        asked.append(len(pictures))
        return parity_of_all(pictures, scene)

    return grade, asked


def same(one, two):
    arrays = ("tokens", "scores", "right")
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in arrays)
    assert list(one.shown) == list(two.shown)
    for number in one.shown:
        np.testing.assert_array_equal(one.shown[number].picture, two.shown[number].picture)
        assert one.shown[number].verdict == two.shown[number].verdict


def test_a_pool_is_a_function_of_prompt_and_seed(painter):
    maker = PoolMaker(painter, parity_of_all, {})
    same(drawn(maker), drawn(maker))
    for other in ({"prompt": PROMPTS[1]}, {"seed": 1}):
        assert not np.array_equal(drawn(maker, **other).tokens, drawn(maker).tokens)


def test_samples_come_in_the_order_of_their_numbers_with_their_own_verdicts(painter):
    pool = drawn(PoolMaker(painter, parity_of_all, {}))
    pictures = painter.decode(pool.tokens)
    assert [verdict.right for verdict in parity_of_all(pictures, None)] == pool.right.tolist()
    assert sorted({0, 1, int(pool.scores[:4].argmax())}) == list(pool.shown)
    text, image = painter.text_features([PROMPTS[0].text]), painter.image_features(pictures)
    np.testing.assert_allclose(image @ text[0], pool.scores, atol=1e-5)


def test_a_kept_pool_is_read_and_one_of_other_facts_is_made_again(painter, tmp_path):
    grade, asked = counting()
    first = drawn(PoolMaker(painter, grade, {"grader": "1"}, tmp_path))
    same(first, drawn(PoolMaker(painter, grade, {"grader": "1"}, tmp_path)))
    assert asked == [6]
    same(first, drawn(PoolMaker(painter, grade, {"grader": "2"}, tmp_path)))
    drawn(PoolMaker(painter, grade, {"grader": "2"}, tmp_path), size=7)
    assert asked == [6, 6, 7]


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut off"])
def test_a_broken_file_is_made_again(painter, tmp_path, content):
    maker = PoolMaker(painter, parity_of_all, {}, tmp_path)
    first = drawn(maker)
    (path,) = tmp_path.glob("seed-0/*.npz")
    path.write_bytes(content)
    same(first, drawn(maker))
    path.write_bytes(path.read_bytes()[:-30])
    same(first, drawn(maker))
    assert [file.name for file in tmp_path.glob("seed-0/*")] == [path.name]


def test_pools_of_a_group_are_those_of_each_prompt(painter):
    maker = PoolMaker(painter, parity_of_all, {})
    pools = drawn_together(maker)
    assert [bool(pool.shown) for pool in pools] == [True, False, True]
    for prompt, pool in zip(PROMPTS, pools, strict=True):
        alone = drawn(maker, prompt)
        np.testing.assert_array_equal(pool.tokens, alone.tokens)
        np.testing.assert_array_equal(pool.right, alone.right)
        np.testing.assert_allclose(pool.scores, alone.scores, atol=1e-5)


def test_a_group_with_one_missing_is_drawn_whole_but_graded_in_part(painter, tmp_path):
    grade, asked = counting()
    maker = PoolMaker(painter, grade, {}, tmp_path)
    whole = drawn_together(maker)
    (tmp_path / "seed-0" / f"{PROMPTS[1].key}.npz").unlink()
    rows = []
    sample = painter.samples

    class Watched:
        settings = painter.settings

        def samples(self, prompts, candidates, seeds):
            rows.append(len(prompts))
            return sample(prompts, candidates, seeds)

    again = PoolMaker(Watched(), grade, {}, tmp_path)
    for _ in range(2):  # the second time all are kept
        for one, other in zip(whole, drawn_together(again), strict=True):
            same(one, other)
    assert rows == [3]
    assert asked == [6] * 4


def test_a_kept_pool_of_another_group_is_drawn_again(painter, tmp_path):
    grade, asked = counting()
    maker = PoolMaker(painter, grade, {}, tmp_path)
    drawn_together(maker, PROMPTS[:2])
    drawn_together(maker)
    assert asked == [6] * 5

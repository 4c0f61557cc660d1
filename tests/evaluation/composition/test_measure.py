import numpy as np
import pytest
from tiny_world import parity_of_all, tiny_world_pipeline

from lit_dalle.data.world import render, scene_group, world_row
from lit_dalle.evaluation.composition.measure import Plan, _other_scene, groups, measure
from lit_dalle.evaluation.composition.memorisation import TrainingTokens
from lit_dalle.evaluation.composition.painter import Painter
from lit_dalle.evaluation.composition.pools import PoolMaker
from lit_dalle.evaluation.composition.prompts import Prompt, stable_seed, world_prompts
from lit_dalle.evaluation.composition.retrieval import TrainingPictures, look_at_training
from lit_dalle.evaluation.composition.rows import add_rows
from lit_dalle.evaluation.results import ResultFile
from lit_dalle.generation.settings import DrawingSettings

PLAN = Plan(
    candidates=4, large_pool=8, large_prompts=1, seeds=(0, 1), shown_prompts=1, shown_samples=2
)
PROMPTS = world_prompts(["count", "stack"], ["iid", "held-out"], 3)


@pytest.fixture(scope="module")
def painter():
    return Painter(tiny_world_pipeline(), DrawingSettings())


@pytest.fixture(scope="module")
def training(painter):
    return look_at_training(painter, 20)


def measured(painter, training, grade=parity_of_all, work=None, plan=PLAN, prompts=PROMPTS):
    return measure(prompts, training, PoolMaker(painter, grade, {}, work), plan)


def rows_of(found, training, plan=PLAN):
    results = ResultFile("composition", {})
    add_rows(results, found, plan, training.copies)
    return results.rows


def test_two_runs_with_one_seed_give_identical_rows(painter, training):
    runs = [rows_of(measured(painter, training), training) for _ in range(2)]
    assert runs[0] == runs[1]


def test_an_interrupted_run_goes_on_to_the_same_rows(painter, training, tmp_path):
    graded = []

    def interrupted(pictures, asked):
        if len(graded) == 5:
            raise KeyboardInterrupt
        graded.append(len(pictures))
        return parity_of_all(pictures, asked)

    def counted(pictures, asked):
        graded.append(len(pictures))
        return parity_of_all(pictures, asked)

    with pytest.raises(KeyboardInterrupt):
        measured(painter, training, interrupted, tmp_path)
    resumed = measured(painter, training, counted, tmp_path)
    assert len(graded) == len(PROMPTS) * len(PLAN.seeds) + len(PROMPTS)  # pools and references
    whole = measured(painter, training)
    assert rows_of(resumed, training) == rows_of(whole, training)


def test_prompts_of_a_family_do_not_depend_on_the_others(painter, training):
    alone = measured(painter, training, prompts=world_prompts(["stack"], ["iid"], 2))
    among = [one for one in measured(painter, training) if one.prompt.key == "stack-iid-0001"]
    np.testing.assert_array_equal(alone[1].pools[0].tokens, among[0].pools[0].tokens)


def test_prompts_of_one_case_and_size_are_drawn_together(monkeypatch):
    monkeypatch.setattr("lit_dalle.evaluation.composition.measure.SAMPLES_TOGETHER", 9)
    mixed = [prompt for pair in zip(PROMPTS[:3], PROMPTS[3:6], strict=True) for prompt in pair]
    assert groups(mixed, PLAN) == [[0], [1], [2, 4], [3, 5]]  # the first have a large pool
    assert groups(mixed, Plan(candidates=3, large_pool=0)) == [[0, 2, 4], [1, 3, 5]]
    assert groups(mixed, Plan(candidates=10, large_pool=0)) == [[0], [2], [4], [1], [3], [5]]


def test_references_are_what_they_say(painter, training):
    seen = {}

    def keep(pictures, asked):
        seen.setdefault(str(asked), []).append(pictures)
        return parity_of_all(pictures, asked)

    one = measured(painter, training, keep, prompts=PROMPTS[:1])[0]
    scene = PROMPTS[0].scene
    truth = np.asarray(render(scene, stable_seed("truth", PROMPTS[0].key), 32))
    pictures = {row: reference.picture for row, reference in one.references.items()}
    assert list(pictures) == ["ground-truth", "tokenizer", "retrieval", "random"]
    np.testing.assert_array_equal(pictures["ground-truth"], truth)
    np.testing.assert_array_equal(one.truth_tokens, painter.encode(truth[None]))
    np.testing.assert_array_equal(pictures["tokenizer"], painter.decode(one.truth_tokens)[0])
    rows = np.stack([np.asarray(world_row("train", row, size=32)["image"]) for row in range(20)])
    cosines = painter.image_features(rows) @ painter.text_features([PROMPTS[0].text])[0]
    np.testing.assert_array_equal(pictures["retrieval"], rows[cosines.argmax()])
    assert len(seen[str(scene)][-1]) == 4
    for row, picture in pictures.items():
        (verdict,) = parity_of_all([picture], scene)
        assert one.references[row].verdict == verdict


def test_the_random_scene_has_another_picture():
    for prompt in world_prompts(["relation"], ["iid"], 200):
        other = _other_scene(prompt.scene, prompt.key)
        assert other.family == "relation"
        assert scene_group(other) != scene_group(prompt.scene)


def test_only_what_the_page_shows_is_kept_as_pictures(painter, training):
    for one in measured(painter, training):
        shown = one.prompt.number < PLAN.shown_prompts
        assert bool(one.pools[0].shown) == shown
        assert all((ref.picture is not None) == shown for ref in one.references.values())


def test_a_prompt_without_a_scene_has_retrieval_alone(painter, training):
    prompt = Prompt("a red star", "prompt-0", 0, {"tag": "colors"}, {"include": []})
    found = measured(painter, training, prompts=[prompt])
    assert list(found[0].references) == ["retrieval"]
    rows = rows_of(found, training)
    assert {row["case"]["tag"] for row in rows} == {"colors", "all"}
    assert {row["case"]["row"] for row in rows} == {"retrieval", "model", "clip", "oracle"}


def test_training_pictures_are_those_of_the_world(painter, training):
    pictures = np.stack([training.picture(row) for row in range(20)])
    np.testing.assert_array_equal(painter.encode(pictures), training.tokens)
    assert training.copies.holds(training.tokens).all()
    darker = (pictures[7] * 0.98).astype(np.uint8)
    assert training.nearest_by_look(darker) == 7
    with pytest.raises(ValueError, match="training pictures, got 0"):
        look_at_training(painter, 0)


def test_retrieval_takes_the_largest_cosine():
    features = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    looks = np.zeros((3, 192), np.float32)
    training = TrainingPictures(np.zeros((3, 4), np.int32), features, looks, 32)
    asked = np.array([[0.5, 0.6], [0.9, 0.1]], np.float32)
    assert training.nearest_by_clip(asked).tolist() == [2, 0]
    assert isinstance(training.copies, TrainingTokens)


def test_wrong_plans_are_named():
    with pytest.raises(ValueError, match="0 candidates"):
        Plan(candidates=0)
    with pytest.raises(ValueError, match="seeds 1, 1"):
        Plan(seeds=(1, 1))
    with pytest.raises(ValueError, match="seeds none"):
        Plan(seeds=())

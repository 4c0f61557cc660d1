from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_dalle.callbacks import composition
from lit_dalle.callbacks.composition import CompositionLogger, own_part, shares
from lit_dalle.data.world import is_held_out
from lit_dalle.evaluation.composition.prompts import world_prompts
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.training.dalle import LitDalle

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
    "ignore:You're using the WeightAveraging callback with a model that overrides",
)
TEXT_LEN = 64
FEW = {"families": ("count", "stack"), "prompts": 2, "samples": 3, "every_n_steps": 1}


class Watch(Callback):
    """Notes the composition scores that each validation leaves."""

    def __init__(self):
        self.scores = []

    def on_validation_end(self, trainer, pl_module):
        found = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.scores.append({n: value for n, value in found.items() if "composition" in n})


@pytest.fixture
def run(tiny_runs, tiny_nets):
    """A run of a prior with room for the world's captions."""
    run = tiny_runs["dalle"]
    settings = {"dvae": run.module.dvae_folder}
    config = replace(tiny_nets.prior.config, text_len=TEXT_LEN)
    run.module = LitDalle(config, run.module.optimizer_config, **settings)
    run.data.tokenizer = tiny_nets.prior_tokenizer.framed(TEXT_LEN, append_eos=False)
    batches = run.data.batches

    def longer():
        loader = batches()
        loader.dataset[0]["text_tokens"] = run.data.tokenizer.encode(["a red star"] * 4)
        return loader

    run.data.train_dataloader = run.data.val_dataloader = longer
    return run


@pytest.fixture
def graded(monkeypatch):
    """Each picture and scene that was graded; right are those named in ``graded.right``."""
    seen = SimpleNamespace(asked=[], right=lambda picture, scene: True)

    def grade(picture, scene):
        seen.asked.append((picture, scene))
        return SimpleNamespace(right=seen.right(picture, scene))

    monkeypatch.setattr(composition, "grade", grade)
    return seen


def fit(run, folder, *callbacks, **settings):
    return run.fit(folder, callbacks, enable_checkpointing=False, **settings)


def names(families):
    splits = ("val/composition", "val/composition_held_out")
    return {*splits, *(f"{split}/{family}" for split in splits for family in families)}


def test_a_perfect_and_a_worthless_grader(run, graded, tmp_path):
    watch = Watch()
    fit(run, tmp_path, CompositionLogger(**FEW), watch)
    assert watch.scores == [dict.fromkeys(names(FEW["families"]), 1.0)]
    assert len(graded.asked) == 2 * 2 * 2 * 3
    for picture, scene in graded.asked:
        assert picture.dtype == np.uint8
        assert picture.shape == (16, 16, 3)
        assert scene.family in FEW["families"]
    graded.right = lambda picture, scene: False
    fit(run, tmp_path, CompositionLogger(**FEW), watch)
    assert watch.scores[1] == dict.fromkeys(names(FEW["families"]), 0.0)


def test_shares_are_of_the_family_and_split_that_was_asked(run, graded, tmp_path):
    watch = Watch()
    graded.right = lambda picture, scene: scene.family == "count" and is_held_out(scene)
    fit(run, tmp_path, CompositionLogger(**FEW), watch)
    (scores,) = watch.scores
    assert scores.pop("val/composition_held_out") == 0.5
    assert scores.pop("val/composition_held_out/count") == 1
    assert set(scores.values()) == {0}


def test_samples_of_a_prompt_differ_and_are_the_same_twice(run, graded, tmp_path):
    drawn = []
    for _ in range(2):
        graded.asked.clear()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            run.module.configure_model()
        fit(run, tmp_path, CompositionLogger(**FEW))
        del run.module.net  # the next run starts anew
        drawn.append(list(graded.asked))
    first, second = drawn
    assert [scene for _, scene in first] == [scene for _, scene in second]
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(first, second, strict=True))
    assert len({picture.tobytes() for picture, _ in first[:3]}) > 1


def test_drawing_leaves_training_as_it_was(run, graded, tmp_path):
    logger = CompositionLogger(**FEW)
    before = torch.get_rng_state()

    class Look(Callback):
        def on_validation_batch_start(self, *_):
            nonlocal before
            before = torch.get_rng_state()

    class Again(Callback):
        def on_validation_batch_start(self, *_):
            assert torch.equal(torch.get_rng_state(), before)

    fit(run, tmp_path, Look(), logger, Again())
    assert graded.asked


def test_graded_at_the_first_validation_after_every_n_steps(run, graded, tmp_path):
    logger, watch = CompositionLogger(**(FEW | {"every_n_steps": 3})), Watch()
    fit(run, tmp_path, logger, watch, val_check_interval=1, num_sanity_val_steps=1)
    assert len(graded.asked) == 24  # of the validations at steps 1, 2, 3 and 4, that at 3
    assert logger.state_dict() == {"graded_at": 3}
    graded.asked.clear()
    resumed = CompositionLogger(**(FEW | {"every_n_steps": 3}))
    resumed.load_state_dict(logger.state_dict())
    fit(run, tmp_path, resumed, val_check_interval=2)
    assert not graded.asked  # steps 2 and 4 are before 6
    late = CompositionLogger(**(FEW | {"every_n_steps": 3}))
    fit(run, tmp_path, late, val_check_interval=2)
    assert late.state_dict() == {"graded_at": 4}  # step 3 has no validation


def test_averaged_weights_are_graded(run, graded, tmp_path, monkeypatch):
    pipelines = []
    right = CompositionLogger._right

    def recording(logger, pipeline, begin, end):
        pipelines.append(pipeline)
        return right(logger, pipeline, begin, end)

    monkeypatch.setattr(CompositionLogger, "_right", recording)
    fit(run, tmp_path, CompositionLogger(**FEW), EMAWeightAveraging(decay=0.9))
    (pipeline,) = pipelines  # drawn at the only validation, after which training ended
    averaged = run.module.net.state_dict()
    for name, weight in pipeline.prior.state_dict().items():
        assert torch.equal(weight, averaged[name].to(weight.dtype)), name


def test_scores_reach_tensorboard(run, graded, tmp_path):
    board = TensorBoardLogger(tmp_path, name="", version="")
    fit(run, tmp_path, CompositionLogger(**FEW), logger=board, val_check_interval=2)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    for name in names(FEW["families"]):
        assert [event.value for event in events.Scalars(name)] == [1.0, 1.0], name


@pytest.mark.parametrize("processes", [2, 3, 20])
def test_processes_share_the_prompts_and_find_what_one_finds(
    tiny_nets, graded, monkeypatch, processes
):
    pipeline = DallePipeline(tiny_nets.dvae, tiny_nets.prior, None, tiny_nets.prior_tokenizer)
    monkeypatch.setattr(composition, "trained_pipeline", lambda *_: pipeline)
    graded.right = lambda picture, scene: picture.sum() % 2 == 0
    logger = CompositionLogger(**FEW)
    logger._prompts = world_prompts(logger.families, ("iid", "held-out"), 2)
    module = SimpleNamespace(device=torch.device("cpu"))
    found = []

    def trainer(rank, world_size):
        strategy = SimpleNamespace(reduce=lambda right, reduce_op: found.append(right) or right)
        return SimpleNamespace(global_rank=rank, world_size=world_size, strategy=strategy)

    logger._scores(trainer(0, 1), module)
    alone, work = found.pop(), len(graded.asked)
    for rank in range(processes):
        logger._scores(trainer(rank, processes), module)
    assert len(graded.asked) == 2 * work
    assert 0 < alone.sum() < 24
    assert torch.equal(sum(found), alone)


def test_parts_cover_everything_once():
    for processes in (1, 3, 8, 20):
        parts = [range(*own_part(8, rank, processes)) for rank in range(processes)]
        assert [place for part in parts for place in part] == list(range(8))


def test_a_family_counts_as_one_however_many_prompts_it_has():
    prompts = [*world_prompts(("count",), ("iid", "held-out"), 3)]
    prompts += world_prompts(("stack",), ("iid", "held-out"), 1)
    found = shares(prompts, [1, 1, 1, 0, 0, 0, 0, 0])
    assert found["val/composition/count"] == 1
    assert found["val/composition"] == 0.5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prompts": 0}, "at least 1 .* got 400, 0, 2 and count"),
        ({"samples": 0}, "at least 1"),
        ({"every_n_steps": 0}, "at least 1"),
        ({"families": ()}, "no family"),
        ({"families": ("cats",)}, "families of count, .* and cats$"),
    ],
)
def test_bad_settings_are_refused_in_one_line(settings, message):
    with pytest.raises(ValueError, match=message) as refused:
        CompositionLogger(**settings)
    assert "\n" not in str(refused.value)


def test_a_prompt_too_long_is_cut_as_in_training(tiny_runs, graded, tmp_path):
    assert tiny_runs["dalle"].data.tokenizer.text_len < 13
    fit(tiny_runs["dalle"], tmp_path, CompositionLogger(**(FEW | {"families": ("penguin",)})))
    assert graded.asked


def test_without_a_dvae_training_does_not_start(tiny_runs, tmp_path):
    tiny_runs["dalle"].module.dvae_folder = None
    with pytest.raises(ValueError, match="needs the dVAE"):
        fit(tiny_runs["dalle"], tmp_path, CompositionLogger())

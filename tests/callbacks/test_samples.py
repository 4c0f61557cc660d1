import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_dalle.callbacks.drawing import prompts_at
from lit_dalle.callbacks.samples import SampleLogger
from lit_dalle.generation.export import save_model
from lit_dalle.generation.pipeline import DallePipeline

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
    "ignore:You're using the WeightAveraging callback with a model that overrides",
    "ignore:Checkpoint directory .* exists and is not empty",
)
FEW = {"candidates": 3, "keep": 2, "precision": "float32"}


@pytest.fixture
def drawn(monkeypatch):
    """The prior's weights at each drawing, and what was drawn."""
    seen = []
    generate = DallePipeline.generate

    def recording(pipeline, prompt, **settings):
        generation = generate(pipeline, prompt, **settings)
        weights = {name: value.clone() for name, value in pipeline.prior.state_dict().items()}
        seen.append((weights, generation))
        return generation

    monkeypatch.setattr(DallePipeline, "generate", recording)
    return seen


def board(folder):
    return TensorBoardLogger(folder, name="", version="")


@pytest.mark.parametrize("first", [True, False], ids=["samples-first", "average-first"])
def test_averaged_weights_draw_in_any_order_of_callbacks(tiny_runs, drawn, first, tmp_path):
    run = tiny_runs["dalle"]
    callbacks = [SampleLogger(["a red circle"], **FEW), EMAWeightAveraging(decay=0.9)]
    checkpoint = ModelCheckpoint(tmp_path, filename="last", save_on_train_epoch_end=False)
    run.fit(
        tmp_path,
        [*(callbacks if first else callbacks[::-1]), checkpoint],
        logger=board(tmp_path),
    )
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    ((weights, _),) = drawn
    for name, value in weights.items():
        assert torch.equal(value, state["state_dict"][f"net.{name}"]), name
    current = state["current_model_state"]
    assert any(not torch.equal(value, current[f"net.{name}"]) for name, value in weights.items())


def test_sheets_reach_tensorboard_at_every_nth_validation(tiny_runs, drawn, tmp_path):
    prompts = ["a red circle", "a blue square"]
    callback = SampleLogger(prompts, every_n_validations=2, **FEW)
    tiny_runs["dalle"].fit(
        tmp_path,
        [callback],
        logger=board(tmp_path),
        val_check_interval=1,
        num_sanity_val_steps=1,
        enable_checkpointing=False,
    )
    assert len(drawn) == 4  # two prompts at the first and third of four validations
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["images"] == [f"samples/{prompt}" for prompt in prompts]
    assert [image.step for image in events.Images("samples/a red circle")] == [1, 3]


def test_captions_of_the_validation_split_stand_for_prompts(tiny_runs, drawn, tmp_path):
    run = tiny_runs["dalle"]
    captions = next(iter(run.data.val_dataloader()))["captions"]
    run.fit(tmp_path, [SampleLogger(2, **FEW)], logger=board(tmp_path), enable_checkpointing=False)
    assert [generation.prompt for _, generation in drawn] == list(dict.fromkeys(captions))[:2]
    with pytest.raises(ValueError, match="no captions"):
        prompts_at(2, {"images": None})
    tokenizer = run.data.tokenizer
    words = ["words without an end " * 9, "a red circle"]
    assert prompts_at(2, {"captions": words}, tokenizer, None) == ("a red circle",)


def test_samples_are_what_generate_draws(tiny_runs, tiny_nets, drawn, tmp_path):
    save_model(tiny_nets.clip, tmp_path / "clip", tokenizer=tiny_nets.clip_tokenizer)
    callback = SampleLogger(["a red circle"], clip=str(tmp_path / "clip"), seed=4, **FEW)
    run = tiny_runs["dalle"]
    run.fit(tmp_path, [callback], logger=board(tmp_path), enable_checkpointing=False)
    ((weights, generation),) = drawn
    tiny_nets.prior.load_state_dict(weights)
    pipeline = tiny_nets.pipeline()
    again = pipeline.generate("a red circle", candidates=3, keep=2, seed=4)
    assert torch.equal(again.images, generation.images)
    assert again.scores == pytest.approx(generation.scores, abs=1e-6)


def test_training_goes_on_as_if_nothing_had_been_drawn(tiny_runs, tmp_path):
    run = tiny_runs["dalle"]
    run.module.configure_model()
    before = {name: value.clone() for name, value in run.module.net.state_dict().items()}
    after = []
    for callbacks in ([], [SampleLogger(["a red circle"], **FEW)]):
        run.module.net.load_state_dict(before)
        torch.manual_seed(0)
        run.fit(
            tmp_path,
            callbacks,
            logger=board(tmp_path),
            val_check_interval=2,
            enable_checkpointing=False,
        )
        after.append((run.module.net.state_dict(), torch.get_rng_state()))
        after[-1] = ({n: v.clone() for n, v in after[-1][0].items()}, after[-1][1])
    assert torch.equal(after[0][1], after[1][1])
    for name, value in after[0][0].items():
        assert torch.equal(value, after[1][0][name]), name


def test_what_is_missing_is_said_before_training(tiny_runs, tmp_path):
    run = tiny_runs["dalle"]
    too_long = SampleLogger(["words without an end " * 9], **FEW)
    with pytest.raises(ValueError, match="room for 11"):
        run.fit(tmp_path, [too_long])
    run.module.dvae_folder = None
    run.module._frozen.clear()
    with pytest.raises(ValueError, match=r"model\.dvae"):
        run.fit(tmp_path, [SampleLogger(["a red circle"], **FEW)])
    with pytest.raises(ValueError, match="at least 1 prompt"):
        SampleLogger([])
    with pytest.raises(ValueError, match="keep must be"):
        SampleLogger(["a"], candidates=2, keep=3)

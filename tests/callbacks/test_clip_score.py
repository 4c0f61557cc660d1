from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EMAWeightAveraging

from lit_dalle.callbacks.clip_score import ClipScoreLogger
from lit_dalle.generation.export import save_model
from lit_dalle.generation.pipeline import DallePipeline

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
    "ignore:You're using the WeightAveraging callback with a model that overrides",
)
PROMPTS = ("a red circle", "a blue square")


class Watch(Callback):
    """Notes the score that each validation leaves."""

    def __init__(self) -> None:
        self.scores: list[float] = []

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        self.scores.append(float(trainer.callback_metrics.get("val/clip_score", -1)))


@pytest.fixture
def clip_folder(tiny_nets: Any, tmp_path: Path) -> str:
    save_model(tiny_nets.clip, tmp_path / "clip", tokenizer=tiny_nets.clip_tokenizer)
    return str(tmp_path / "clip")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[DallePipeline, Any]]:
    """Each pipeline that drew, and what it drew."""
    seen = []
    generate = DallePipeline.generate

    def recording(pipeline: DallePipeline, prompt: str, **settings: Any) -> Any:
        seen.append((pipeline, generate(pipeline, prompt, **settings)))
        return seen[-1][1]

    monkeypatch.setattr(DallePipeline, "generate", recording)
    return seen


def fit(run: Any, folder: Path, *callbacks: Callback, **settings: Any) -> Any:
    return run.fit(folder, callbacks, enable_checkpointing=False, **settings)


def test_score_is_the_mean_cosine_of_what_the_pipeline_draws(
    tiny_runs: Any, tiny_nets: Any, drawn: Any, clip_folder: str, tmp_path: Path
) -> None:
    watch = Watch()
    fit(tiny_runs["dalle"], tmp_path, ClipScoreLogger(PROMPTS, clip_folder, candidates=3), watch)
    cosines = []
    for _, generation in drawn:
        assert generation.images.shape[0] == 3
        text = tiny_nets.clip.encode_text(tiny_nets.clip_tokenizer.encode([generation.prompt]))
        cosines.append(tiny_nets.clip.encode_image(generation.images / 255) @ text[0])
    expected = 100 * torch.cat(cosines).clamp(min=0).mean().item()
    assert [generation.prompt for _, generation in drawn] == list(PROMPTS)
    assert watch.scores == [pytest.approx(expected, abs=1e-3)]


def test_every_nth_validation_is_scored(
    tiny_runs: Any, drawn: Any, clip_folder: str, tmp_path: Path
) -> None:
    logger = ClipScoreLogger(PROMPTS[:1], clip_folder, every_n_validations=2, candidates=1)
    fit(tiny_runs["dalle"], tmp_path, logger, val_check_interval=1, num_sanity_val_steps=1)
    assert len(drawn) == 2  # the first and third of four validations


def test_averaged_weights_are_scored(
    tiny_runs: Any, drawn: Any, clip_folder: str, tmp_path: Path
) -> None:
    run = tiny_runs["dalle"]
    logger = ClipScoreLogger(PROMPTS[:1], clip_folder, candidates=1)
    fit(run, tmp_path, logger, EMAWeightAveraging(decay=0.9))
    ((pipeline, _),) = drawn  # drawn at the only validation, after which training ended
    averaged = run.module.net.state_dict()
    for name, weight in pipeline.prior.state_dict().items():
        assert torch.equal(weight, averaged[name].to(weight.dtype)), name


def test_bad_settings_stop_before_training(
    tiny_runs: Any, clip_folder: str, tmp_path: Path
) -> None:
    run = tiny_runs["dalle"]
    with pytest.raises(FileNotFoundError, match="no folder"):
        fit(run, tmp_path, ClipScoreLogger(PROMPTS, str(tmp_path / "none")))
    with pytest.raises(ValueError, match="room for"):
        fit(run, tmp_path, ClipScoreLogger(["a red circle " * 20], clip_folder))
    with pytest.raises(ValueError, match="at least 1 prompt, got 0"):
        ClipScoreLogger([], clip_folder)

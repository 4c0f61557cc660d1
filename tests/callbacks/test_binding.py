from dataclasses import replace

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EMAWeightAveraging

from lit_dalle.callbacks import binding
from lit_dalle.callbacks.binding import BindingLogger
from lit_dalle.evaluation.binding.scoring import score_binding
from lit_dalle.evaluation.binding.tests import sugarcrepe_tests, winoground_tests
from lit_dalle.models.clip import at_size
from lit_dalle.training.clip import LitClip

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
)
TEXT_LEN = 96
NAMES = {
    *(f"val/winoground/{name}" for name in ("text", "image", "group")),
    *(f"val/sugarcrepe/{name}" for name in ("replace", "swap", "add")),
}


class Watch(Callback):
    """Notes the binding scores that each validation leaves, and the weights they are of."""

    def __init__(self):
        self.scores = []

    def on_validation_end(self, trainer, pl_module):
        found = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.scores.append({name: found[name] for name in NAMES & set(found)})


@pytest.fixture
def run(tiny_runs, tiny_nets):
    """A run of a CLIP with room for the world's captions."""
    run = tiny_runs["clip"]
    config = replace(tiny_nets.clip.config, text_len=TEXT_LEN)
    run.module = LitClip(config, run.module.optimizer_config)
    run.data.tokenizer = tiny_nets.clip_tokenizer.framed(TEXT_LEN, append_eos=True)
    return run


@pytest.fixture
def scored(monkeypatch):
    """The first weights of the net at each scoring of a form."""
    seen = []

    def recording(tests, encode_image, encode_text):
        net = encode_text.__closure__[0].cell_contents
        seen.append(next(net.parameters()).detach().clone())
        return score_binding(tests, encode_image, encode_text)

    monkeypatch.setattr(binding, "score_binding", recording)
    return seen


def fit(run, folder, *callbacks, **settings):
    return run.fit(folder, callbacks, enable_checkpointing=False, **settings)


def test_what_is_logged_is_what_the_evaluation_finds(run, tmp_path):
    watch = Watch()
    fit(run, tmp_path, BindingLogger(tests=18, seed=3), watch)
    net, tokenizer = run.module.net.eval(), run.data.tokenizer

    def scores(tests):
        found = score_binding(
            list(tests),
            lambda images: net.encode_image(at_size(images, 16)),
            lambda captions: net.encode_text(tokenizer.encode(captions)),
        )
        return {score.metric: score.share for score in found if score.family == "all"}

    (logged,) = watch.scores
    assert set(logged) == NAMES
    for metric, share in scores(winoground_tests("validation", 6, seed=3)).items():
        assert logged[f"val/winoground/{metric.partition(' ')[0]}"] == pytest.approx(share)
    for kind, each in (("replace", 2), ("swap", 6), ("add", 4)):
        (share,) = scores(sugarcrepe_tests(kind, "validation", each, seed=3)).values()
        assert logged[f"val/sugarcrepe/{kind}"] == pytest.approx(share)


def test_scored_once_at_every_nth_validation_and_not_in_the_sanity_check(run, scored, tmp_path):
    logger, watch = BindingLogger(tests=3, every_n_validations=2), Watch()
    fit(run, tmp_path, logger, watch, val_check_interval=1, num_sanity_val_steps=1)
    assert len(scored) == 2 * 4  # the first and third of four validations, four forms each
    assert logger.state_dict() == {"validations": 4}
    again = BindingLogger(tests=3, every_n_validations=2)
    again.load_state_dict({"validations": 1})
    fit(run, tmp_path, again)
    assert len(scored) == 2 * 4  # the second validation is not due


def test_averaged_weights_are_scored(run, scored, tmp_path):
    fit(run, tmp_path, BindingLogger(tests=3), EMAWeightAveraging(decay=0.9))
    averaged = next(run.module.net.parameters())  # training ended after the only validation
    assert len(scored) == 4
    assert all(torch.equal(weight, averaged) for weight in scored)


def test_the_tests_are_the_same_every_time(run, tmp_path):
    loggers = [BindingLogger(tests=3, split="held_out") for _ in range(2)]
    for logger in loggers:
        fit(run, tmp_path, logger)
    one, other = (logger._made for logger in loggers)
    assert list(one) == list(other) == ["winoground", "replace", "swap", "add"]
    for form, tests in one.items():
        for test, same in zip(tests, other[form], strict=True):
            assert test.captions == same.captions
            assert torch.equal(test.images, same.images)


def test_captions_too_long_are_cut_as_in_training(tiny_runs, tmp_path):
    watch = Watch()
    fit(tiny_runs["clip"], tmp_path, BindingLogger(tests=3), watch)
    assert set(watch.scores[0]) == NAMES


@pytest.mark.parametrize(
    "settings", [{"tests": 0}, {"every_n_validations": 0}, {"split": "train"}], ids=str
)
def test_bad_settings_are_refused_in_one_line(settings):
    with pytest.raises(ValueError, match="at least 1 and the split") as refused:
        BindingLogger(**settings)
    assert "\n" not in str(refused.value)

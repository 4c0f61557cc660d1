from dataclasses import replace

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch.utils.data import DataLoader

from lit_dalle.functional.schedules import Schedule
from lit_dalle.generation.export import save_model, tokens_hash
from lit_dalle.models.dvae import DiscreteVAEConfig
from lit_dalle.training.dvae import LitDiscreteVAE
from lit_dalle.training.optimization import OptimizerConfig

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
)

TINY = DiscreteVAEConfig(
    image_size=16,
    codebook_size=16,
    codebook_dim=8,
    hidden=16,
    widths=(1, 2),
    patch=2,
    blocks_per_group=1,
    post_gain=1.0,
)
OPTIMIZER = OptimizerConfig(lr=Schedule(start=5e-3, end=1e-3, warmup=0.1))
COLOURS = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.2, 0.8], [0.95, 0.9, 0.9], [0.1, 0.6, 0.2]])
FAMILIES = ["plain", "plain", "split", "split"]


def batch():
    """Four pictures of four colours: two plain, two split in the middle."""
    images = COLOURS[:, :, None, None].repeat(1, 1, 16, 16)
    images[2:, :, :, 8:] = COLOURS[:2, :, None, None]
    return {"images": images, "index": torch.arange(4), "family": FAMILIES}


def loader(count):
    return DataLoader([batch()] * count, batch_size=None)


def trainer(steps, folder, **settings):
    quiet = {
        "accelerator": "cpu",
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
        "num_sanity_val_steps": 0,
    }
    return lightning.Trainer(max_steps=steps, default_root_dir=folder, **(quiet | settings))


def constant(value):
    return Schedule(start=value, end=value, shape="constant")


def module(config=TINY, **settings):
    lightning.seed_everything(0, verbose=False)
    defaults = {"tau": Schedule(start=1.0, end=0.1), "beta": constant(0.0)}
    return LitDiscreteVAE(config, OPTIMIZER, **(defaults | settings))


@pytest.mark.parametrize("quantizer", ["gumbel", "ibq", "vq", "fsq"])
def test_one_batch_overfits_with_hard_tokens(quantizer, tmp_path):
    softmax = quantizer in ("gumbel", "ibq")
    config = replace(TINY, quantizer=quantizer, levels=(4, 4))
    lit = module(config, code_sharpness=1.0 if softmax else None, min_log_scale=-3.0)
    steps = 400 if quantizer == "vq" else 150  # running means lag behind
    run = trainer(steps, tmp_path)
    run.fit(lit, loader(steps), loader(1))
    psnr = run.callback_metrics["val/psnr"].item()
    assert psnr > 26, f"{psnr:.1f} dB on the training batch after {steps} steps"


def test_logs_and_their_meaning(tmp_path):
    lit = module(beta=constant(6.6), usage_beta=constant(3.0))
    run = trainer(3, tmp_path)
    run.fit(lit, loader(3), loader(2))
    logged = {name: value.item() for name, value in run.callback_metrics.items()}
    assert {"train/loss", "train/recon", "train/kl", "train/tau", "train/beta"} <= set(logged)
    assert logged["train/beta"] == pytest.approx(6.6)
    assert logged["val/psnr"] == pytest.approx(
        (logged["val/psnr_plain"] + logged["val/psnr_split"]) / 2, rel=1e-5
    )
    assert 1 <= logged["val/codebook_perplexity"] <= 16 * logged["val/codebook_usage"]
    weight = 6.6 * 4**2 / (3 * 16**2)
    assert logged["val/loss"] > logged["val/recon"] + weight * logged["val/kl"] - 1e-6


def test_batches_without_families_log_no_family(tmp_path):
    rows = batch()
    del rows["family"]
    run = trainer(1, tmp_path)
    run.fit(module(), loader(1), DataLoader([rows], batch_size=None))
    assert not [name for name in run.callback_metrics if name.startswith("val/psnr_")]


def test_tau_is_a_function_of_the_step_and_does_not_compound(tmp_path):
    seen = []

    class Watch(lightning.Callback):
        def on_train_batch_end(self, trainer, *_):
            seen.append(trainer.callback_metrics["train/tau"].item())

    tau = Schedule(start=1.0, end=0.5, shape="linear")
    trainer(4, tmp_path, callbacks=[Watch()]).fit(module(tau=tau), loader(4))
    assert seen == pytest.approx([1.0, 0.875, 0.75, 0.625])


def test_a_step_does_not_depend_on_the_order_of_rows(tmp_path):
    losses = []
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        rows = batch()
        shuffled = {"images": rows["images"][order], "index": rows["index"][order]}
        run = trainer(1, tmp_path)
        run.fit(module(), DataLoader([shuffled], batch_size=None))
        losses.append(run.callback_metrics["train/loss"].item())
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_checkpoint_is_plain_and_loads(tmp_path):
    lit = module(TINY)
    run = trainer(1, tmp_path)
    run.fit(lit, loader(1))
    path = tmp_path / "dvae.ckpt"
    run.save_checkpoint(path)
    state = torch.load(path, weights_only=True)
    assert state["hyper_parameters"]["config"]["widths"] == [1, 2]
    loaded = LitDiscreteVAE.load_from_checkpoint(path, weights_only=True)
    assert loaded.config == TINY
    assert (loaded.tau, loaded.optimizer_config) == (lit.tau, OPTIMIZER)
    images = batch()["images"]
    assert torch.equal(loaded.net.eval().encode(images), lit.net.eval().encode(images))


def test_resuming_goes_on_with_the_same_losses(tmp_path):
    whole, parts = [], []

    class Watch(lightning.Callback):
        def __init__(self, losses):
            self.losses = losses

        def on_train_batch_end(self, trainer, *_):
            self.losses.append(trainer.callback_metrics["train/loss"].item())

    settings = {"beta": Schedule(start=0.0, end=6.6), "code_sharpness": 1.0}
    trainer(6, tmp_path, callbacks=[Watch(whole)]).fit(module(**settings), loader(6))
    stopped = trainer(6, tmp_path, callbacks=[Watch(parts), StopAt(3)])
    stopped.fit(module(**settings), loader(6))
    stopped.save_checkpoint(tmp_path / "half.ckpt")
    resumed = trainer(6, tmp_path, callbacks=[Watch(parts)])
    resumed.fit(module(**settings), loader(6), ckpt_path=tmp_path / "half.ckpt", weights_only=True)
    assert parts == whole


class StopAt(lightning.Callback):
    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, trainer, *_):
        trainer.should_stop = trainer.global_step >= self.step


@pytest.mark.parametrize("quantizer", ["gumbel", "vq", "fsq"])
def test_a_decoder_that_is_tuned_alone_leaves_the_tokens_as_they_are(quantizer, tmp_path):
    config = replace(TINY, quantizer=quantizer, levels=(4, 4), feature_norm=True)
    first = module(config)
    trainer(20, tmp_path).fit(first, loader(20))
    save_model(first.net, tmp_path / "first")
    tuned = module(config, start=str(tmp_path / "first"), decoder_only=True)
    run = trainer(20, tmp_path, val_check_interval=5)
    run.fit(tuned, loader(20), loader(1))
    save_model(tuned.net, tmp_path / "tuned")
    assert tokens_hash(tmp_path / "tuned") == tokens_hash(tmp_path / "first")
    images = batch()["images"]
    before, after = first.net.eval(), tuned.net.eval()
    image_tokens = before.encode(images)
    assert torch.equal(after.encode(images), image_tokens)
    errors = [(net.decode(image_tokens) - images).square().mean() for net in (before, after)]
    assert errors[1] < errors[0]


def test_a_decoder_is_tuned_of_an_exported_net_only_and_without_averages(tmp_path):
    with pytest.raises(ValueError, match="decoder_only trains the decoder of an exported dVAE"):
        module(decoder_only=True)
    save_model(module().net, tmp_path / "first")
    tuned = module(start=str(tmp_path / "first"), decoder_only=True)
    with pytest.raises(ValueError, match="decoder_only keeps the tokens to the last bit"):
        trainer(1, tmp_path, callbacks=[EMAWeightAveraging()]).fit(tuned, loader(1))


@pytest.mark.parametrize("term", ["beta", "usage_beta"])
def test_terms_of_a_softmax_are_refused_where_there_is_none(term):
    with pytest.raises(ValueError, match=rf"^{term} weigh.* quantizer vq"):
        module(replace(TINY, quantizer="vq"), **{term: constant(1.0)})


def test_unknown_setting_is_named():
    with pytest.raises(ValueError, match="DiscreteVAEConfig has no field hiden"):
        LitDiscreteVAE({"hiden": 8})


def test_revival_is_of_vq_alone():
    with pytest.raises(ValueError, match="code_revival is of the quantizer vq, this one is gumbel"):
        module(code_revival=0.1)
    assert module(replace(TINY, quantizer="vq"), code_revival=0.1).net.codes.revival == 0.1

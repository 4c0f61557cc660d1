import copy
import math
from dataclasses import replace
from typing import Any

import lightning
import pytest
import torch
from torch.utils.data import DataLoader

from lit_dalle.functional.schedules import Schedule
from lit_dalle.generation.export import folder_hash, save_model
from lit_dalle.models.dalle import DalleConfig
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig
from lit_dalle.training.dalle import LitDalle
from lit_dalle.training.optimization import OptimizerConfig, plain

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
)

TINY = DalleConfig(
    text_vocab_size=40,
    codebook_size=24,
    text_len=6,
    image_grid=4,
    dim=32,
    depth=4,
    heads=4,
    conv_kernel=3,
    qk_norm=True,
)
OPTIMIZER = OptimizerConfig(lr=Schedule(start=3e-3, end=3e-4, warmup=0.05))


def batch(size=8):
    generator = torch.Generator().manual_seed(0)
    text = torch.randint(2, 40, (size, 6), generator=generator)
    text[:, 0] = 1
    image = torch.randint(0, 24, (size, 16), generator=generator)
    return {"text_tokens": text, "image_tokens": image, "index": torch.arange(size)}


def trainer(steps, folder, **settings):
    quiet: dict[str, Any] = {
        "accelerator": "cpu",
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
    }
    return lightning.Trainer(max_steps=steps, default_root_dir=folder, **(quiet | settings))


def one_batch(count):
    rows = batch()
    return DataLoader([rows] * count, batch_size=None)


def dvae(seed=0):
    torch.manual_seed(seed)
    sizes = DiscreteVAEConfig(
        image_size=32, codebook_size=24, codebook_dim=8, hidden=8, blocks_per_group=1
    )
    return DiscreteVAE(sizes)


def test_one_batch_overfits_to_near_zero_image_loss(tmp_path):
    lightning.seed_everything(0, verbose=False)
    quick = OptimizerConfig(lr=Schedule(start=1e-2, end=1e-3, warmup=0.1))
    module = LitDalle(replace(TINY, depth=2), quick, caption_dropout=0.0)
    run = trainer(120, tmp_path)
    run.fit(module, one_batch(120))
    first = math.log(TINY.codebook_size)
    loss = run.callback_metrics["train/image_loss"].item()
    assert loss < 0.05, (
        f"image loss {loss:.3f} nats per token after 120 steps, {first:.1f} at first"
    )
    weighted = run.callback_metrics["train/text_loss"] / 8 + 7 * loss / 8
    torch.testing.assert_close(run.callback_metrics["train/loss"], weighted)


@pytest.mark.parametrize("as_dict", [False, True])
def test_checkpoints_load_with_weights_only(tmp_path, as_dict):
    config, optimizer = (plain(TINY), plain(OPTIMIZER)) if as_dict else (TINY, OPTIMIZER)
    module = LitDalle(config, optimizer, caption_dropout=0.25, seed=3)
    run = trainer(1, tmp_path)
    run.fit(module, one_batch(1))
    run.save_checkpoint(tmp_path / "a.ckpt")
    stored = torch.load(tmp_path / "a.ckpt", weights_only=True)
    assert stored["hyper_parameters"]["config"]["dim"] == 32
    loaded = LitDalle.load_from_checkpoint(tmp_path / "a.ckpt", weights_only=True)
    assert (loaded.config, loaded.optimizer_config) == (TINY, OPTIMIZER)
    assert (loaded.caption_dropout, loaded.seed) == (0.25, 3)
    for name, value in module.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_activation_checkpointing_reaches_the_net():
    for wanted in (False, True):
        module = LitDalle(TINY, OPTIMIZER, activation_checkpointing=wanted)
        module.configure_model()
        assert module.net.activation_checkpointing is wanted


def test_configure_model_keeps_the_net_it_made():
    module = LitDalle(TINY, OPTIMIZER)
    module.configure_model()
    net = module.net
    module.configure_model()
    assert module.net is net


def test_dropped_captions_are_a_function_of_seed_step_and_index():
    module = LitDalle(TINY, OPTIMIZER, caption_dropout=0.3, seed=1)
    text = torch.full((4000, 6), 9)
    text[:, 0] = 1
    dropped = module._drop_captions(text, {"index": torch.arange(4000)})
    null = (dropped[:, 1:] == 0).all(1)
    assert torch.equal(null, (dropped[:, 1:] == 0).any(1))
    assert (dropped[:, 0] == 1).all()
    z = abs(null.float().mean().item() - 0.3) / math.sqrt(0.3 * 0.7 / 4000)
    assert z < 4.5, f"{z:.1f} standard errors off; over 4.5 by chance 7 in a million"
    part = module._drop_captions(text[:100], {"index": torch.arange(700, 800)})
    assert torch.equal(part, dropped[700:800])
    assert (text[:, 1:] == 9).all()


def test_images_are_encoded_by_the_frozen_dvae_outside_the_module(tmp_path):
    net = dvae()
    save_model(net, tmp_path / "dvae")
    module = LitDalle(TINY, OPTIMIZER, dvae=str(tmp_path / "dvae"))
    module.configure_model()
    module.setup("fit")
    images = torch.rand(2, 3, 32, 32)
    wanted = net.eval().encode(images)
    module.train()
    assert torch.equal(module._image_tokens({"images": images}), wanted)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(module._image_tokens({"images": images}), wanted)
    assert not module.dvae.training
    assert not any(parameter.requires_grad for parameter in module.dvae.parameters())
    assert all(name.startswith("net.") for name in module.state_dict())
    assert module.hparams["dvae_hash"] == folder_hash(tmp_path / "dvae")


def test_another_dvae_than_the_one_trained_on_is_refused(tmp_path):
    save_model(dvae(0), tmp_path / "dvae")
    module = LitDalle(TINY, OPTIMIZER, dvae=str(tmp_path / "dvae"))
    run = trainer(1, tmp_path)
    run.fit(module, one_batch(1))
    run.save_checkpoint(tmp_path / "a.ckpt")
    trainer(2, tmp_path).fit(copy.deepcopy(module), one_batch(2), ckpt_path=tmp_path / "a.ckpt")
    save_model(dvae(1), tmp_path / "dvae")
    again = LitDalle(TINY, OPTIMIZER, dvae=str(tmp_path / "dvae"))
    with pytest.raises(ValueError, match="the image tokens are of the dVAE"):
        trainer(2, tmp_path).fit(again, one_batch(2), ckpt_path=tmp_path / "a.ckpt")
    loaded = LitDalle.load_from_checkpoint(tmp_path / "a.ckpt", weights_only=True)
    with pytest.raises(ValueError, match="the image tokens are of the dVAE"):
        loaded.setup("validate")


def test_a_batch_without_image_tokens_needs_a_dvae():
    module = LitDalle(TINY, OPTIMIZER)
    with pytest.raises(ValueError, match="encode the data set first"):
        module._image_tokens({"images": torch.rand(1, 3, 32, 32)})


def test_dropout_share_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"caption_dropout must be in \[0, 1\), got 1.5"):
        LitDalle(TINY, OPTIMIZER, caption_dropout=1.5)

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Trainer
from torch import Tensor
from torch.utils.data import DataLoader

from lit_dalle.functional.schedules import Schedule
from lit_dalle.functional.sigmoid_loss import INITIAL_BIAS, sigmoid_chance_level
from lit_dalle.generation.export import load_model, save_model
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig
from lit_dalle.training.clip import LitClip
from lit_dalle.training.optimization import OptimizerConfig

CONFIG = ClipConfig(
    image_size=16,
    patch_size=8,
    embed_dim=16,
    vision_dim=32,
    vision_depth=1,
    vision_heads=2,
    text_vocab_size=40,
    text_len=8,
    eos_id=2,
    text_dim=32,
    text_depth=1,
    text_heads=2,
)
ROWS = 16


def batch(groups: Tensor | None = None) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    text_tokens = torch.randint(3, 40, (ROWS, 8), generator=generator)
    text_tokens[:, 0], text_tokens[:, -1] = 1, 2
    found = {
        "images": torch.rand(ROWS, 3, 16, 16, generator=generator),
        "text_tokens": text_tokens,
        "index": torch.arange(ROWS),
    }
    return found if groups is None else found | {"group_ids": groups}


def fit(
    model: LitClip, steps: int, folder: Path, rows: dict[str, Any] | None = None, **changes: Any
) -> Trainer:
    trainer = Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **{"enable_checkpointing": False, "limit_val_batches": 0} | changes,
    )
    loader = DataLoader([rows or batch()] * 200, batch_size=None)
    trainer.fit(model, loader, loader)
    return trainer


def optimizer(lr: float) -> OptimizerConfig:
    return OptimizerConfig(lr=Schedule(lr, lr, shape="constant"), weight_decay=0.0)


def test_one_batch_overfits(tmp_path: Path) -> None:
    model = LitClip(CONFIG, optimizer(3e-3))
    trainer = fit(model, 80, tmp_path, limit_val_batches=1)
    assert trainer.callback_metrics["train/loss"] < 0.05 < math.log(ROWS)
    trainer.validate(model, DataLoader([batch()], batch_size=None), verbose=False)
    assert trainer.callback_metrics["val/chance"].item() == pytest.approx(math.log(ROWS))
    assert trainer.callback_metrics["val/top1"] == 1.0
    loaders = [DataLoader([batch()], batch_size=None)] * 2
    trainer.test(model, loaders, verbose=False)
    assert trainer.callback_metrics["test/top1/dataloader_idx_1"] == 1.0


@pytest.mark.parametrize("loss", ["infonce", "sigmoid"])
def test_a_row_that_comes_twice_is_no_negative_of_itself(tmp_path: Path, loss: Any) -> None:
    twice = torch.arange(ROWS) // 2
    losses = []
    for rows in (batch() | {"index": twice}, batch(twice), batch()):
        model = LitClip(CONFIG, optimizer(0.0), loss=loss)
        trainer = fit(model, 1, tmp_path, rows=rows)
        losses.append(trainer.callback_metrics["train/loss"].item())
    assert losses[0] == losses[1] != losses[2]


def test_one_batch_overfits_by_the_sigmoid_loss_and_the_bias_is_no_part_of_the_net(
    tmp_path: Path,
) -> None:
    model = LitClip(CONFIG, optimizer(1e-2), loss="sigmoid")
    assert model.net.logit_scale.item() == pytest.approx(math.log(10))
    trainer = fit(model, 120, tmp_path, limit_val_batches=1)
    chance = sigmoid_chance_level(ROWS)
    assert trainer.callback_metrics["train/loss"] < chance / 2
    trainer.validate(model, DataLoader([batch()], batch_size=None), verbose=False)
    assert trainer.callback_metrics["val/chance"].item() == pytest.approx(chance)
    assert model.logit_bias.item() != INITIAL_BIAS
    assert "logit_bias" not in model.net.state_dict()


def test_a_loss_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="loss must be infonce or sigmoid, got 'siglip'"):
        LitClip(CONFIG, loss="siglip")


def test_logit_scale_stays_below_one_hundred(tmp_path: Path) -> None:
    model = LitClip(CONFIG, optimizer(1e-3))
    with torch.no_grad():
        model.net.logit_scale.fill_(5.5)
    fit(model, 1, tmp_path)
    assert model.net.logit_scale.item() == pytest.approx(math.log(100))


def test_logit_scale_starts_where_it_is_told() -> None:
    assert LitClip(CONFIG).net.logit_scale.item() == pytest.approx(math.log(1 / 0.07))
    assert LitClip(CONFIG, initial_logit_scale=3.5).net.logit_scale.item() == pytest.approx(3.5)
    with pytest.raises(ValueError, match=r"initial_logit_scale is 5\.0, the bound is ln 100"):
        LitClip(CONFIG, initial_logit_scale=5.0)


def test_image_positions_start_as_large_as_asked():
    positions = LitClip(CONFIG, vision_position_std=0.5).net.vision.position_embedding
    assert positions.std().item() == pytest.approx(0.5, rel=0.2)
    with pytest.raises(ValueError, match="vision_position_std must be above 0, got 0"):
        LitClip(CONFIG, vision_position_std=0)


def test_rows_of_one_group_are_not_negatives_in_training() -> None:
    model = LitClip(CONFIG)
    model.log = lambda *args, **kwargs: None
    one_group = torch.zeros(ROWS, dtype=torch.int64)
    assert model.training_step(batch(one_group), 0).item() == pytest.approx(0.0, abs=1e-6)
    assert model.training_step(batch(), 0).item() > 1


def test_a_checkpoint_holds_its_config_as_plain_data(tmp_path: Path) -> None:
    model = LitClip(CONFIG, optimizer(1e-3))
    trainer = fit(model, 1, tmp_path, enable_checkpointing=True)
    path = tmp_path / "last.ckpt"
    trainer.save_checkpoint(path)
    torch.load(path, weights_only=True)
    again = LitClip.load_from_checkpoint(path, weights_only=True)
    assert again.config == CONFIG
    assert again.optimizer_config == model.optimizer_config
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], weight, rtol=0, atol=0)


def test_the_seed_alone_decides_the_initial_weights() -> None:
    def weights(seed: int) -> Tensor:
        torch.rand(3)
        return LitClip(CONFIG, seed=seed).net.text.token_embedding.weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_only_matrices_decay() -> None:
    model = LitClip(CONFIG)
    model._trainer = type("Stub", (), {"estimated_stepping_batches": 10})()
    decayed, kept = model.configure_optimizers()["optimizer"].param_groups
    names = {id(parameter): name for name, parameter in model.net.named_parameters()}
    assert kept["weight_decay"] == 0.0
    assert {"logit_scale", "vision.class_embedding", "text.position_embedding"} <= {
        names[id(parameter)] for parameter in kept["params"]
    }
    assert {"vision.patches.weight", "text.projection.weight"} <= {
        names[id(parameter)] for parameter in decayed["params"]
    }


def dvae_folder(folder: Path, image_size: int = 16) -> str:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes = {"codebook_size": 8, "codebook_dim": 8, "hidden": 4, "blocks_per_group": 1}
        save_model(DiscreteVAE(DiscreteVAEConfig(image_size, **sizes)), folder / "dvae")
    return str(folder / "dvae")


def test_pictures_stay_as_they_are_without_a_dvae() -> None:
    model = LitClip(CONFIG)
    model.setup("fit")
    rows = batch()
    assert model._as_decoded(rows) is rows["images"]


def test_a_share_of_the_pictures_passes_through_the_dvae(tmp_path: Path) -> None:
    folder = dvae_folder(tmp_path)
    model = LitClip(CONFIG, dvae=folder, dvae_share=0.4)
    model.setup("fit")
    model.train()
    net = load_model(folder, kind="dvae")
    rows = batch()
    kept = rows["images"].clone()
    wanted, seen = net.decode(net.encode(kept)), model._as_decoded(rows)
    decoded = (seen != kept).flatten(1).any(1)
    assert 1 <= decoded.sum() <= 12, "of 16 at 0.4; fails by chance 1 in 1,000 seeds"
    torch.testing.assert_close(seen[decoded], wanted[decoded])
    assert torch.equal(seen[~decoded], kept[~decoded])
    assert torch.equal(rows["images"], kept)
    assert not seen.requires_grad
    assert torch.equal(model._as_decoded(rows), seen)
    part = {"images": kept[5:9], "index": rows["index"][5:9]}
    torch.testing.assert_close(model._as_decoded(part), seen[5:9])
    other = LitClip(CONFIG, dvae=folder, dvae_share=0.4, seed=1)
    other.setup("fit")
    assert not torch.equal(other._as_decoded(rows), seen)


def test_the_dvae_stays_outside_the_module_and_is_needed_in_training_only(tmp_path: Path) -> None:
    model = LitClip(CONFIG, optimizer(1e-3), dvae=dvae_folder(tmp_path), dvae_share=1.0)
    trainer = fit(model, 2, tmp_path)
    assert all(name.startswith("net.") for name in model.state_dict())
    assert not model._frozen[0].training
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    (tmp_path / "dvae").rename(tmp_path / "moved")
    again = LitClip.load_from_checkpoint(tmp_path / "a.ckpt", weights_only=True)
    again.setup("validate")
    with pytest.raises(FileNotFoundError, match="no folder"):
        again.setup("fit")


def test_a_dvae_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    folder = dvae_folder(tmp_path, image_size=32)
    with pytest.raises(ValueError, match=r"CLIP reads pictures of 16×16, the dVAE at .* of 32×32"):
        LitClip(CONFIG, dvae=folder).setup("fit")
    with pytest.raises(ValueError, match=r"dvae_share must be in \(0, 1\], got 0"):
        LitClip(CONFIG, dvae=folder, dvae_share=0)

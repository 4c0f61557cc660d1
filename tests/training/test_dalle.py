import copy
import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import lightning
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from lit_dalle.functional.orders import (
    OrderMix,
    draw_orders,
    draw_rectangles,
    in_order,
    in_raster,
    masked_last,
    raster_order,
    rectangle_last,
    rectangle_mask,
)
from lit_dalle.functional.schedules import Schedule
from lit_dalle.generation.decode import UNKNOWN, generate_image_tokens
from lit_dalle.generation.export import save_model, tokens_hash
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig
from lit_dalle.training.dalle import VALIDATION_DRAW, LitDalle
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
ANY = replace(TINY, attention="causal", depth=2, order="any")
MIX = OrderMix(raster=1, rectangle_last=2, rectangle_first=1, random=1)
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
    anneal = Schedule(start=1.0, end=0.0, over=0.8, shape="linear")
    settings = (ANY, OPTIMIZER, MIX, anneal)
    config, optimizer, orders, share = map(plain, settings) if as_dict else settings
    module = LitDalle(
        config, optimizer, caption_dropout=0.25, orders=orders, order_share=share, seed=3
    )
    run = trainer(1, tmp_path)
    run.fit(module, one_batch(1))
    run.save_checkpoint(tmp_path / "a.ckpt")
    stored = torch.load(tmp_path / "a.ckpt", weights_only=True)
    assert stored["hyper_parameters"]["config"]["dim"] == 32
    loaded = LitDalle.load_from_checkpoint(tmp_path / "a.ckpt", weights_only=True)
    assert (loaded.config, loaded.optimizer_config) == (ANY, OPTIMIZER)
    assert (loaded.orders, loaded.order_share) == (MIX, anneal)
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


def test_noise_is_read_in_training_alone_and_never_predicted(tmp_path, heard):
    rows = batch()
    module = LitDalle(ANY, OPTIMIZER, image_noise=0.5, orders=MIX, seed=5)
    trainer(2, tmp_path).fit(module, one_batch(2), one_batch(1))
    reads = [read for *_, read in heard if read is not None]
    assert len(reads) == 2
    assert heard[-1][2] is None, "validation reads pictures as they are"
    assert not torch.equal(reads[0], reads[1])
    before = rows["image_tokens"].roll(1, dims=0)
    for read in reads:
        assert ((read == rows["image_tokens"]) | (read == before)).all()
    assert torch.equal(rows["image_tokens"], batch()["image_tokens"])


def test_noise_is_a_share_of_each_row_from_none_to_the_most():
    module = LitDalle(TINY, OPTIMIZER, image_noise=0.6, seed=1)
    tokens = torch.arange(2000)[:, None].expand(-1, 256)
    rows = {"image_tokens": tokens, "index": torch.arange(2000)}
    read = module._misread(rows)
    shares = (read != tokens).float().mean(dim=1)
    edges = torch.linspace(0, 0.6, 7)
    for low, high in pairwise(edges):
        share = ((shares >= low) & (shares < high)).float().mean().item()
        assert share == pytest.approx(1 / 6, abs=0.05), (low, high)
    assert shares.max() < 0.75
    part = {"image_tokens": tokens[700:800], "index": torch.arange(700, 800)}
    assert torch.equal(module._misread(part)[1:], read[701:800])
    assert LitDalle(TINY, OPTIMIZER)._misread(rows) is None


def test_noise_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"image_noise must be in \[0, 1\], got 1.5"):
        LitDalle(TINY, OPTIMIZER, image_noise=1.5)


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
    assert module.hparams["dvae_hash"] == tokens_hash(tmp_path / "dvae")


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


def test_related_codes_are_a_projection_of_what_the_dvae_reads():
    vectors = dvae().code_vectors().detach()
    net = Dalle(TINY)
    net.relate_codes(vectors, 1.0)
    related = (vectors - vectors.mean(0)) / vectors.std(0)
    for weight in (net.embedding.image.weight, net.image_head.weight):
        fit = torch.linalg.lstsq(related, weight.detach())
        torch.testing.assert_close(related @ fit.solution, weight.detach(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("share", "what"), [(1.5, "must be in"), (0.5, "give its folder as dvae")])
def test_similar_codes_need_a_share_and_a_dvae(share, what):
    with pytest.raises(ValueError, match=what):
        LitDalle(TINY, OPTIMIZER, code_similarity=share)


def test_a_batch_without_image_tokens_needs_a_dvae():
    module = LitDalle(TINY, OPTIMIZER)
    with pytest.raises(ValueError, match="encode the data set first"):
        module._image_tokens({"images": torch.rand(1, 3, 32, 32)})


def test_dropout_share_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"caption_dropout must be in \[0, 1\), got 1.5"):
        LitDalle(TINY, OPTIMIZER, caption_dropout=1.5)


@pytest.fixture
def heard(monkeypatch):
    """Orders, scored positions and what is read, as the net's losses are asked for them."""
    calls, losses = [], Dalle.losses

    def listen(net, text_tokens, image_tokens, order=None, scored=None, read=None):
        calls.append((order, scored, read))
        return losses(net, text_tokens, image_tokens, order, scored, read)

    monkeypatch.setattr(Dalle, "losses", listen)
    return calls


def test_one_batch_is_learned_in_any_order_and_rectangles_are_filled_in(tmp_path):
    lightning.seed_everything(0, verbose=False)
    quick = OptimizerConfig(lr=Schedule(start=1e-2, end=1e-3, warmup=0.1))
    module = LitDalle(ANY, quick, caption_dropout=0.0, orders=MIX)
    trainer(200, tmp_path).fit(module, one_batch(200))
    rows, net = batch(), module.net.eval()
    for place in ((1, 1, 2, 2), (0, 0, 2, 3), (0, 3, 4, 1), (0, 0, 4, 4)):
        known = rows["image_tokens"].masked_fill(rectangle_mask(4, *place), UNKNOWN)
        found = generate_image_tokens(
            net,
            rows["text_tokens"],
            1,
            top_k=1,
            order=rectangle_last(4, *place),
            known_image_tokens=known,
        )
        right = (found == rows["image_tokens"]).float().mean().item()
        assert right == 1, f"{right:.3f} of the tokens are right with {place} left out"


@pytest.mark.parametrize("share", [Schedule(1.0, 0.0, shape="linear"), Schedule(0.5, 0.5)])
def test_training_orders_are_those_of_seed_step_and_index(tmp_path, share, heard):
    module = LitDalle(ANY, OPTIMIZER, orders=MIX, order_share=share, seed=5)
    trainer(4, tmp_path).fit(module, one_batch(4))
    assert len(heard) == 4
    for step, (order, *_) in enumerate(heard):
        mix = MIX.annealed(share.value(step, 4))
        assert torch.equal(order, draw_orders(mix, 4, 5, step, torch.arange(8)))
    assert not torch.equal(heard[0][0], heard[1][0])


def test_a_net_of_raster_order_is_given_no_order(tmp_path, heard):
    run = trainer(2, tmp_path)
    run.fit(LitDalle(TINY, OPTIMIZER), one_batch(2), one_batch(1))
    assert set(heard) == {(None, None, None)}
    assert "val/rectangle_loss" not in run.callback_metrics


def test_validation_is_in_raster_order_and_scores_a_rectangle_of_each_row(tmp_path, heard):
    module = LitDalle(ANY, OPTIMIZER, orders=OrderMix(raster=0, random=1), seed=2)
    rows, parts = batch(8), (slice(0, 5), slice(5, 8))
    loader = DataLoader(
        [{name: value[part] for name, value in rows.items()} for part in parts], batch_size=None
    )
    run = trainer(1, tmp_path)
    found = [run.validate(module, loader, verbose=False)[0] for _ in range(2)]
    assert found[0] == found[1], "rectangles are the same in every validation"
    inside = torch.cat([scored for _, scored, _ in heard[:4] if scored is not None])
    assert torch.equal(inside, draw_rectangles(4, 2, VALIDATION_DRAW, rows["index"]))
    tokens = rows["text_tokens"], rows["image_tokens"]
    with torch.no_grad():
        losses = [
            nn.functional.cross_entropy(
                module.net(*tokens, order).image_logits.mT,
                in_order(tokens[1], order),
                reduction="none",
            )
            for order in (masked_last(inside), raster_order(4)[None])
        ]
    of_rectangle = in_raster(losses[0], masked_last(inside))[inside].mean().item()
    assert found[0]["val/rectangle_loss"] == pytest.approx(of_rectangle, rel=1e-5)
    assert found[0]["val/image_loss"] == pytest.approx(losses[1].mean().item(), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"config": TINY, "orders": MIX}, "for a net of any order, and config.order is raster"),
        ({"config": TINY, "order_share": Schedule(1.0, 0.0)}, "config.order is raster"),
        ({"config": ANY, "order_share": Schedule(1.5, 0.0)}, "from 0 to 1, got 1.5 to 0.0"),
        ({"config": ANY, "orders": {"diagonal": 1.0}}, "OrderMix has no field diagonal"),
    ],
)
def test_orders_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LitDalle(optimizer=OPTIMIZER, **settings)

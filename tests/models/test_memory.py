"""The estimate of kept activations is what autograd really keeps; caches are what is allocated."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from lit_dalle.functional.contrastive import contrastive_loss
from lit_dalle.functional.losses import kl_to_uniform, logit_laplace_nll, map_pixels
from lit_dalle.functional.quantize import gumbel_noise
from lit_dalle.models import memory
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig

PRIOR = DalleConfig(
    320, 96, text_len=16, image_grid=16, dim=64, depth=4, heads=4, head_dim=24, conv_kernel=3
)
CLIP = ClipConfig(
    image_size=32,
    patch_size=4,
    embed_dim=16,
    vision_dim=32,
    vision_depth=2,
    vision_heads=2,
    text_vocab_size=300,
    text_len=24,
    eos_id=2,
    text_dim=48,
    text_depth=2,
    text_heads=2,
)
DVAE = DiscreteVAEConfig(32, codebook_size=40, codebook_dim=8, hidden=16, widths=(1, 2, 2))


def kept_by_autograd(net: nn.Module, loss: Callable[[], Tensor], *, autocast: bool = True) -> int:
    """Bytes of all storages that a forward pass keeps, weights left out."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in net.parameters()}
    storages = {}

    def pack(kept: Tensor) -> Tensor:
        storage = kept.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage
        return kept

    with (
        saved_tensors_hooks(pack, lambda kept: kept),
        torch.autocast("cpu", torch.bfloat16, enabled=autocast),
    ):
        held = loss()
    assert held.requires_grad
    return sum(storage.nbytes() for storage in storages.values())


@pytest.fixture
def kept(monkeypatch):
    """Bytes that the last estimate says are kept."""
    seen = []
    estimate = memory._Step.estimate

    def spy(step, *arguments, **settings):
        seen.append(step.kept)
        return estimate(step, *arguments, **settings)

    monkeypatch.setattr(memory._Step, "estimate", spy)
    return lambda: seen[-1]


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("qk_norm", [False, True])
@pytest.mark.parametrize("attention", ["causal", "published"])
def test_prior_keeps_what_is_estimated(kept, attention, qk_norm, checkpointing, precision):
    config = replace(PRIOR, attention=attention, qk_norm=qk_norm)
    net = Dalle(config)
    net.activation_checkpointing = checkpointing
    text, image = torch.randint(2, 320, (2, 16)), torch.randint(0, 96, (2, 256))
    mixed = precision == "bf16-mixed"
    real = kept_by_autograd(net, lambda: sum(net.losses(text, image)), autocast=mixed)
    memory.estimate_dalle(config, 2, precision=precision, activation_checkpointing=checkpointing)
    assert kept() == pytest.approx(real, rel=0.1)


@pytest.mark.parametrize("activation", ["gelu", "quick_gelu"])
def test_clip_keeps_what_is_estimated(kept, activation):
    config = replace(CLIP, activation=activation)
    net, images = Clip(config), torch.rand(5, 3, 32, 32)
    text = torch.randint(3, 300, (5, 24))
    text[:, -1] = config.eos_id
    real = kept_by_autograd(net, lambda: contrastive_loss(*net(images, text)))
    memory.estimate_clip(config, 5)
    assert kept() == pytest.approx(real, rel=0.1)


def test_a_clip_with_a_resnet_keeps_what_is_estimated(kept):
    config = replace(CLIP, image_size=64, vision_dim=16, vision_heads=4, vision_stages=(2, 1, 2, 1))
    net, images = Clip(config), torch.rand(5, 3, 64, 64)
    text = torch.randint(3, 300, (5, 24))
    text[:, -1] = config.eos_id
    real = kept_by_autograd(net, lambda: contrastive_loss(*net(images, text)))
    memory.estimate_clip(config, 5)
    assert kept() == pytest.approx(real, rel=0.1)


@pytest.mark.parametrize("quantizer", ["gumbel", "ibq", "vq", "fsq"])
@pytest.mark.parametrize("feature_norm", [False, True])
def test_dvae_keeps_what_is_estimated(kept, quantizer, feature_norm):
    patch = 2 if feature_norm else 1
    config = replace(
        DVAE, quantizer=quantizer, levels=(8, 5), feature_norm=feature_norm, patch=patch
    )
    net, images = DiscreteVAE(config), torch.rand(3, 3, 32, 32)
    noise = gumbel_noise((40, config.image_grid, config.image_grid), 0, 0, torch.arange(3))

    def loss() -> Tensor:
        output = net(images, noise, 1.0)
        softmax = quantizer in ("gumbel", "ibq")
        other = kl_to_uniform(output.latents) if softmax else output.penalty
        return logit_laplace_nll(output.maps, map_pixels(images)) + other

    real = kept_by_autograd(net, loss)
    memory.estimate_dvae(config, 3)
    assert kept() == pytest.approx(real, rel=0.1)


def test_cache_is_what_decoding_allocates():
    net = Dalle(PRIOR).bfloat16().eval()
    with torch.inference_mode():
        prefill = net.prefill(torch.ones(1, 16, dtype=torch.int64), torch.empty(1, 0).long())
        caches = net.new_caches(prefill, 5)
    parts = [part for cache in caches for part in (*cache.own, *cache.shared)]
    real = {part.untyped_storage().data_ptr(): part.untyped_storage().nbytes() for part in parts}
    for layer in prefill.layers:
        real[layer.k.untyped_storage().data_ptr()] = layer.k.untyped_storage().nbytes()
    assert memory.estimate_sampling(PRIOR, 5).cache == pytest.approx(sum(real.values()), rel=0.02)


def test_weights_gradients_and_moments_are_those_of_the_format():
    weights = sum(parameter.numel() for parameter in Dalle(PRIOR).parameters())
    mixed, half = (
        memory.estimate_dalle(PRIOR, 2, precision=p) for p in ("bf16-mixed", "bf16-true")
    )
    assert (mixed.parameters, mixed.gradients, mixed.optimizer) == (
        4 * weights,
        4 * weights,
        8 * weights,
    )
    assert half.parameters == 2 * weights
    assert memory.estimate_dalle(PRIOR, 2, ema=True).total - mixed.total == 4 * weights


def test_shards_cut_the_weights_and_checkpointing_the_activations():
    whole = memory.estimate_dalle(PRIOR, 8, device="cuda")
    cut = memory.estimate_dalle(PRIOR, 8, device="cuda", shards=4)
    again = memory.estimate_dalle(PRIOR, 8, device="cuda", activation_checkpointing=True)
    assert cut.optimizer == whole.optimizer / 4
    assert again.activations < whole.activations / 2


def test_the_published_prior_is_estimated_without_memory():
    estimate = memory.estimate_dalle(
        DalleConfig(), 8, precision="bf16-true", device="cuda", shards=128
    )
    assert 24e9 < estimate.parameters * 128 < 25e9

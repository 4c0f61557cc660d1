import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lit_dalle.functional.losses import map_pixels
from lit_dalle.functional.quantize import gumbel_noise, one_hot_codes
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig, to_images

TOY = DiscreteVAEConfig(image_size=32, codebook_size=20, codebook_dim=6, hidden=8)


def net(config=TOY, seed=0):
    torch.manual_seed(seed)
    return DiscreteVAE(config)


def pictures(count=2, size=32):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


class Published:
    """The published net again, written out plainly: weights by name, one line a layer."""

    def __init__(self, weights: dict[str, Tensor], layers: int = 8) -> None:
        self.weights, self.gain = weights, 1 / layers**2

    def conv(self, name: str, x: Tensor) -> Tensor:
        weight = self.weights[f"{name}.weight"]
        return F.conv2d(x, weight, self.weights[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def block(self, name: str, x: Tensor) -> Tensor:
        path = x
        for number in (1, 2, 3, 4):
            path = self.conv(f"{name}.path.conv_{number}", F.relu(path))
        wider = f"{name}.identity.weight" in self.weights
        return (self.conv(f"{name}.identity", x) if wider else x) + self.gain * path

    def group(self, name: str, x: Tensor) -> Tensor:
        return self.block(f"{name}.block_2", self.block(f"{name}.block_1", x))

    def encode(self, images: Tensor) -> Tensor:
        x = self.conv("encoder.body.input", 0.8 * images + 0.1)
        for number in (1, 2, 3):
            x = F.max_pool2d(self.group(f"encoder.body.group_{number}", x), kernel_size=2)
        return self.conv("encoder.output", F.relu(self.group("encoder.body.group_4", x)))

    def decode(self, codes: Tensor) -> Tensor:
        x = self.conv("decoder.codebook", codes)
        for number in (1, 2, 3):
            x = F.interpolate(self.group(f"decoder.body.group_{number}", x), scale_factor=2)
        return self.conv("decoder.body.output", F.relu(self.group("decoder.body.group_4", x)))


@torch.no_grad()
def noisy(module):
    """Fresh weights, biases too, large enough that a wrong layer shows."""
    for parameter in module.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    return module


@torch.no_grad()
def test_parity_with_a_plain_restatement_of_the_published_net():
    ours = noisy(net())
    plain = Published(ours.state_dict())
    logits = ours.encode_latents(pictures())
    torch.testing.assert_close(logits, plain.encode(pictures()), rtol=1e-4, atol=1e-4)
    codes = logits.softmax(1)
    maps = ours.decode_codes(codes)
    torch.testing.assert_close(maps, plain.decode(codes), rtol=1e-4, atol=1e-4)


def test_published_sizes():
    with torch.device("meta"):
        published = DiscreteVAE(DiscreteVAEConfig())
    shapes = {name: tuple(weight.shape) for name, weight in published.state_dict().items()}
    assert shapes["encoder.body.input.weight"] == (256, 3, 7, 7)
    assert shapes["encoder.output.weight"] == (8192, 2048, 1, 1)
    assert shapes["decoder.codebook.weight"] == (128, 8192, 1, 1)
    assert shapes["decoder.body.output.weight"] == (6, 256, 1, 1)
    assert shapes["encoder.body.group_4.block_1.path.conv_1.weight"] == (512, 1024, 3, 3)
    assert shapes["encoder.body.group_4.block_1.path.conv_4.weight"] == (2048, 512, 1, 1)
    assert shapes["decoder.body.group_1.block_1.path.conv_1.weight"] == (512, 128, 1, 1)
    assert shapes["decoder.body.group_1.block_1.path.conv_4.weight"] == (2048, 512, 3, 3)
    assert published.config.image_grid == 32
    assert not [name for name in shapes if "norm" in name]


def test_initial_weights():
    weights = net(replace(TOY, hidden=64)).state_dict()
    for name, fan_in in (
        ("encoder.body.input", 3 * 49),
        ("encoder.body.group_3.block_1.path.conv_2", 64 * 9),
        ("decoder.codebook", 20),
    ):
        std = weights[f"{name}.weight"].std().item()
        assert std == pytest.approx(1 / math.sqrt(fan_in), rel=0.1), name
        assert not weights[f"{name}.bias"].any()


@pytest.mark.parametrize(
    ("widths", "patch", "grid"),
    [((1, 2), 1, 16), ((1, 2, 4), 1, 8), ((1, 1, 2), 2, 4), ((1, 1, 2, 2, 2), 1, 2)],
)
def test_shapes_at_every_downsampling(widths, patch, grid):
    module = net(replace(TOY, widths=widths, patch=patch, blocks_per_group=1))
    assert module.config.image_grid == grid
    image_tokens = module.encode(pictures())
    assert image_tokens.shape == (2, grid**2)
    assert image_tokens.dtype == torch.int64
    images = module.decode(image_tokens)
    assert images.shape == (2, 3, 32, 32)
    assert images.dtype == torch.float32
    assert 0 <= images.min() <= images.max() <= 1


@torch.no_grad()
def test_looking_codes_up_equals_decoding_one_hot_codes():
    module = noisy(net())
    image_tokens = module.encode(pictures())
    by_codes = to_images(module.decode_codes(one_hot_codes(image_tokens, 20)))
    torch.testing.assert_close(module.decode(image_tokens), by_codes)


@torch.no_grad()
def test_a_picture_has_the_same_tokens_in_any_batch():
    module = noisy(net())
    together = module.encode_latents(pictures(5))
    torch.testing.assert_close(module.encode_latents(pictures(5)[3:4]), together[3:4])


@pytest.mark.parametrize("quantizer", ["gumbel", "ibq", "vq", "fsq"])
def test_gradients_reach_every_weight(quantizer):
    module = net(replace(TOY, quantizer=quantizer, levels=(5, 4)))
    noise = gumbel_noise((20, 4, 4), 0, 0, torch.arange(2)) if quantizer == "gumbel" else None
    output = module(pictures(), noise, 1.0)
    output.maps.square().sum().backward()
    without = [n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert not without


def test_gumbel_without_noise_is_refused():
    with pytest.raises(ValueError, match="gumbel_noise"):
        net()(pictures(), None, 1.0)


def test_logits_and_maps_are_fp32_under_autocast():
    module = net()
    with torch.autocast("cpu", torch.bfloat16):
        output = module(pictures(), gumbel_noise((20, 4, 4), 0, 0, torch.arange(2)), 1.0)
    assert (output.latents.dtype, output.maps.dtype) == (torch.float32, torch.float32)
    with torch.no_grad():
        torch.testing.assert_close(
            output.latents, module.encode_latents(pictures()), rtol=0.1, atol=0.05
        )


def test_wrong_sizes_are_named():
    with pytest.raises(ValueError, match=r"image_size 36 .* 8"):
        replace(TOY, image_size=36)
    with pytest.raises(ValueError, match="divisible by 4"):
        replace(TOY, hidden=6)
    with pytest.raises(ValueError, match=r"3×32×32 expected, got \[3, 16, 16\]"):
        net().encode(pictures(size=16))
    with pytest.raises(ValueError, match=r"4×4 = 16 .* \[2, 15\]"):
        net().decode(torch.zeros(2, 15, dtype=torch.int64))


def test_feature_norm_takes_what_all_positions_share_out_of_the_features():
    module = net(replace(TOY, feature_norm=True))
    features = module.encoder.features(pictures(8))
    assert features.mean((0, 2, 3)).abs().max() < 1e-4
    assert torch.equal(map_pixels(pictures()), 0.8 * pictures() + 0.1)

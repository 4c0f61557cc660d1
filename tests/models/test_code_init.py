import pytest
import torch

from lit_dalle.models.code_init import spread_codes
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig

TOY = DiscreteVAEConfig(image_size=32, codebook_size=20, codebook_dim=6, hidden=8)


def net():
    torch.manual_seed(0)
    return DiscreteVAE(TOY)


def pictures(count):
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def test_spread_codes_use_most_of_the_codebook_where_fresh_ones_collapse():
    module, images = net(), pictures(8)
    fresh = module.encode(images).unique().numel()
    spread_codes(module, images, sharpness=1.0)
    spread = module.encode(images).unique().numel()
    assert spread >= 18, f"{spread} of 20 codes in use ({fresh} before)"


def test_spread_codes_need_as_many_positions_as_codes():
    with pytest.raises(ValueError, match="20 codes need as many positions, the batch has 16"):
        spread_codes(net(), pictures(1), sharpness=1.0)

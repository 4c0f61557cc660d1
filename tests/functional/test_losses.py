import math

import pytest
import torch
from torch.distributions import Laplace, Normal

from lit_dalle.functional.losses import (
    GAUSSIAN_SCALE,
    LAPLACE_SCALE,
    dvae_objective,
    gaussian_nll,
    kl_to_uniform,
    laplace_nll,
    logit_laplace_nll,
    map_pixels,
    marginal_kl_to_uniform,
    psnr,
    unmap_pixels,
)


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_pixel_map_and_its_inverse():
    images = torch.linspace(0, 1, 11)
    targets = map_pixels(images)
    assert (targets[0].item(), targets[-1].item()) == pytest.approx((0.1, 0.9))
    torch.testing.assert_close(unmap_pixels(targets), images)
    assert torch.equal(unmap_pixels(torch.tensor([0.0, 1.0])), torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize(("mean", "log_scale"), [(0.0, 0.0), (1.5, -1.0), (-2.0, 0.7)])
def test_density_integrates_to_one(mean, log_scale):
    edges = torch.sigmoid(torch.linspace(-40, 40, 80_001, dtype=torch.float64))
    x, widths = ((edges[1:] + edges[:-1]) / 2), edges.diff()
    inside = (x > 1e-6) & (x < 1 - 1e-6)
    nll = [pixel_nll(value, mean, log_scale) for value in x[inside][::20]]
    mass = (torch.exp(-torch.stack(nll)) * widths[inside][::20]).sum() * 20
    assert mass.item() == pytest.approx(1, abs=0.01)


def pixel_nll(target, mean, log_scale):
    """The loss of one pixel whose three colours are alike."""
    maps = torch.tensor([mean] * 3 + [log_scale] * 3)[None, :, None, None]
    return logit_laplace_nll(maps, target.float().expand(1, 3, 1, 1))


@pytest.mark.parametrize("floor", [None, 0.2])
def test_nll_matches_the_closed_form_in_float64(floor):
    maps, targets = random(2, 6, 4, 4), map_pixels(torch.rand(2, 3, 4, 4))
    mean, log_scale = maps.double().split(3, dim=1)
    scale = (log_scale if floor is None else log_scale.clamp(min=floor)).exp()
    x = targets.double()
    distance = (torch.log(x / (1 - x)) - mean).abs()
    density = torch.exp(-distance / scale) / (2 * scale * x * (1 - x))
    expected = -density.log().mean()
    found = logit_laplace_nll(maps, targets, floor)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(expected.item(), abs=1e-5)


def test_nll_is_fp32_for_bf16_maps():
    maps, targets = random(1, 6, 4, 4).bfloat16(), map_pixels(torch.rand(1, 3, 4, 4))
    assert torch.equal(logit_laplace_nll(maps, targets), logit_laplace_nll(maps.float(), targets))


@pytest.mark.parametrize("kl", [kl_to_uniform, marginal_kl_to_uniform])
def test_kl_has_the_bounds_and_does_not_change_when_the_batch_repeats(kl):
    logits = 2 * random(3, 7, 4, 4)
    assert 0 < kl(logits) < math.log(7)
    torch.testing.assert_close(kl(logits.repeat(5, 1, 1, 1)), kl(logits))
    assert kl(torch.zeros(2, 7, 4, 4)).item() == pytest.approx(0, abs=1e-6)
    one_code = torch.zeros(2, 7, 4, 4)
    one_code[:, 3] = 50
    assert kl(one_code).item() == pytest.approx(math.log(7), abs=1e-5)


def test_kl_is_a_mean_over_positions_in_nats():
    logits = 2 * random(2, 5, 3, 3)
    shares = logits.double().softmax(1)
    expected = (shares * (shares * 5).log()).sum(1).mean()
    assert kl_to_uniform(logits).item() == pytest.approx(expected.item(), abs=1e-6)


def test_certain_choices_that_use_all_codes_cost_nothing_in_usage():
    certain = 50 * torch.eye(4).reshape(1, 4, 2, 2)
    assert marginal_kl_to_uniform(certain).item() == pytest.approx(0, abs=1e-5)
    assert kl_to_uniform(certain).item() == pytest.approx(math.log(4), abs=1e-5)


def test_weight_of_the_kl_is_beta_over_192_at_eight_times_down():
    loss = dvae_objective(torch.tensor(1.0), torch.tensor(2.0), 6.6, image_size=256, image_grid=32)
    assert loss.item() == pytest.approx(1 + 6.6 / 192 * 2)


def test_objective_is_the_bound_of_the_whole_picture_per_subpixel():
    maps, targets = random(2, 6, 16, 16), map_pixels(torch.rand(2, 3, 16, 16))
    logits = random(2, 5, 4, 4)
    recon, kl = logit_laplace_nll(maps, targets), kl_to_uniform(logits)
    whole = recon * 16 * 16 * 3 + 6.6 * kl * 4 * 4
    found = dvae_objective(recon, kl, 6.6, image_size=16, image_grid=4)
    torch.testing.assert_close(found, whole / (16 * 16 * 3))


def test_psnr_of_each_picture():
    images = torch.zeros(3, 3, 4, 4)
    wrong = torch.stack([images[0], images[1] + 0.1, images[2] + 1])
    torch.testing.assert_close(psnr(wrong, images), torch.tensor([100.0, 20.0, 0.0]))


@pytest.mark.parametrize(
    ("nll", "density"),
    [
        (laplace_nll, lambda mean: Laplace(mean, LAPLACE_SCALE)),
        (gaussian_nll, lambda mean: Normal(mean, GAUSSIAN_SCALE)),
    ],
)
def test_densities_of_fixed_scale_against_those_of_torch(nll, density):
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 6, 4, 4, generator=generator)
    targets = map_pixels(torch.rand(2, 3, 4, 4, generator=generator))
    expected = -density(maps[:, :3].sigmoid()).log_prob(targets).mean()
    torch.testing.assert_close(nll(maps, targets), expected)
    wider = maps.clone()
    wider[:, 3:] += 1.0
    assert torch.equal(nll(wider, targets), nll(maps, targets))

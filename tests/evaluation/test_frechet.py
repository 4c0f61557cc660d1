import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import Tensor, nn

from lit_dalle.evaluation.frechet import ImageFeatures, frechet_distance
from lit_dalle.models.clip import at_size


class MeanColours(nn.Module):
    """Three features: the mean of each colour."""

    num_features = 3

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3))


def naive(first: np.ndarray, second: np.ndarray) -> float:
    """The formula, from all features at once."""
    gap = first.mean(0) - second.mean(0)
    one, other = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    return float(gap @ gap + np.trace(one + other - 2 * sqrtm(one @ other).real))


def pictures(seed: int, count: int, shift: float = 0.0) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    return shift + torch.rand(count, 3, 1, 1, generator=draws).expand(-1, 3, 16, 16) / 2


def test_it_is_that_of_the_formula_in_any_batches():
    real, drawn = pictures(0, 50), pictures(1, 40, shift=0.2)
    wanted = naive(*(MeanColours()(images).double().numpy() for images in (real, drawn)))
    assert wanted > 0.1
    for size in (7, 100):
        found = frechet_distance(MeanColours(), real.split(size), drawn.split(size))
        assert found == pytest.approx(wanted, rel=1e-4)


def test_a_set_is_at_no_distance_from_itself():
    real = pictures(0, 50)
    assert frechet_distance(MeanColours(), [real], [real.flip(0)]) == pytest.approx(0, abs=1e-5)


def test_the_tower_of_a_clip_gives_its_features(tiny_nets):
    tower = ImageFeatures(tiny_nets.clip)
    draws = torch.Generator().manual_seed(0)
    real, drawn = torch.rand(2, 40, 3, 24, 24, generator=draws)
    assert tower.num_features == tiny_nets.clip.config.embed_dim
    features = [tiny_nets.clip.encode_image(at_size(x, 16)) for x in (real, drawn)]
    wanted = naive(*(one.detach().double().numpy() for one in features))
    assert frechet_distance(tower, [real], [drawn]) == pytest.approx(wanted, abs=1e-5)
    assert all(weight.requires_grad for weight in tiny_nets.clip.parameters())


def test_one_picture_is_no_set():
    with pytest.raises(ValueError, match="two pictures of each set, got 5 and 1"):
        frechet_distance(MeanColours(), [pictures(0, 5)], [pictures(1, 1)])

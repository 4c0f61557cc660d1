"""Fréchet distance of two sets of pictures in the feature space of a tower of ours.

The distance of two normal distributions with the sets' means and covariances (Heusel et al. 2017),
by torchmetrics. From few pictures it is far too large, by an amount that depends on their number:
compare it only with distances of as many, such as that of two sets of real pictures.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from lit_dalle.models.clip import Clip, at_size


class ImageFeatures(nn.Module):
    """CLIP's way from pictures to features, in the form that torchmetrics takes for Inception's."""

    def __init__(self, clip: Clip) -> None:
        super().__init__()
        self.clip = clip
        self.num_features = clip.config.embed_dim
        """Where torchmetrics looks for the width, instead of trying a picture."""

    def forward(self, images: Tensor) -> Tensor:
        """Map ``b 3 h w`` in [0, 1], of any size, to unit-norm features ``b e``."""
        device = self.clip.logit_scale.device
        size = self.clip.config.image_size
        return self.clip.encode_image(at_size(images.to(device), size)).float()


def frechet_distance(features: nn.Module, real: Iterable[Tensor], drawn: Iterable[Tensor]) -> float:
    """Compare two sets of pictures.

    Args:
        features: Maps pictures ``b 3 h w`` to features ``b e``; has ``num_features``, which is e.
        real: Batches of one set, float32 in [0, 1].
        drawn: Batches of the other.

    Returns:
        The distance, in squared units of the features.

    Raises:
        ValueError: A set has fewer than two pictures.
    """
    metric = FrechetInceptionDistance(feature=features, normalize=True)
    metric.to(next((weight.device for weight in features.parameters()), torch.device("cpu")))
    with torch.inference_mode():
        for is_real, batches in ((True, real), (False, drawn)):
            for images in batches:
                metric.update(images, real=is_real)
        counts = (int(metric.real_features_num_samples), int(metric.fake_features_num_samples))
        if min(counts) < 2:
            raise ValueError(
                f"a Fréchet distance needs two pictures of each set, got {counts[0]} and "
                f"{counts[1]}"
            )
        return float(metric.compute())

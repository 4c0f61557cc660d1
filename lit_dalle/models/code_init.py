"""Start of the codes from the data: every code is the feature of some position (our choice).

A fresh encoder gives nearly the same logits everywhere, because all features share a large mean, so
a handful of codes wins every position and the others never learn. Here the codes begin as 512 (say)
distinct features of a first batch: each wins its own neighbourhood from the first step on.
"""

import torch
from torch import Tensor

from lit_dalle.models.dvae import DiscreteVAE

RIDGE = 0.1
"""Added to the standard deviations before whitening, as a share of the largest."""


@torch.no_grad()
def spread_codes(net: DiscreteVAE, images: Tensor, sharpness: float, seed: int = 0) -> None:
    """Set the logits' weights and the codebook so that the codes are spread over the features.

    With whitened features z and the chosen ones c_k, the logits become
    ``sharpness · (z·c_k − |c_k|²/2)``, i.e. minus half the squared distance up to a constant, and
    the code vectors begin with the coordinates of c_k.

    Args:
        net: The dVAE to set up; its encoder's norm takes its statistics from these pictures.
        images: ``b 3 H W`` in [0, 1], a batch with at least as many positions as there are codes.
        sharpness: Factor on the logits; around 1 the best code has a third of the mass.
        seed: Seed of the choice.

    Raises:
        ValueError: The batch has fewer positions than the codebook has codes.
    """
    features = net.encoder.features(images).permute(0, 2, 3, 1).flatten(0, 2).float()
    codes = net.config.codebook_size
    if len(features) < codes:
        raise ValueError(f"{codes} codes need as many positions, the batch has {len(features)}")
    mean = features.mean(0)
    _, scales, axes = torch.linalg.svd(features - mean, full_matrices=False)
    kept = min(net.config.codebook_dim, features.shape[1], 32)
    deviations = scales[:kept] / len(features) ** 0.5
    whiten = axes[:kept] / (deviations + RIDGE * scales[0] / len(features) ** 0.5)[:, None]
    centres = _distinct((features - mean) @ whiten.T, codes, seed)
    output, codebook = net.encoder.output, net.decoder.codebook
    output.weight.copy_((sharpness * centres @ whiten)[:, :, None, None])
    output.bias.copy_(-sharpness * (centres @ (whiten @ mean) + centres.square().sum(1) / 2))
    codebook.weight.zero_()
    codebook.weight[:kept] = centres.T[:, :, None, None]


def _distinct(points: Tensor, count: int, seed: int) -> Tensor:
    """Choose points far from each other: each with a chance as its squared distance to the rest."""
    generator = torch.Generator(points.device).manual_seed(seed)
    chosen = [int(torch.randint(len(points), (1,), generator=generator, device=points.device))]
    distance = (points - points[chosen[0]]).square().sum(1)
    for _ in range(count - 1):
        chosen.append(int(torch.multinomial(distance, 1, generator=generator)))
        distance = torch.minimum(distance, (points - points[chosen[-1]]).square().sum(1))
    return points[chosen]

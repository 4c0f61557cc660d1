"""Losses of the discrete VAE and of the prior, with their units."""

import math

import torch
from torch import Tensor

from lit_dalle.functional.processes import gather_rows
from lit_dalle.functional.quantize import codes_last

PIXEL_EPSILON = 0.1
"""Margin of the pixel map ([P] A.3)."""
LAPLACE_SCALE = 0.1
"""Scale of the Laplace density, in units of the targets (our choice)."""
GAUSSIAN_SCALE = 0.07
"""Standard deviation of the normal density, in units of the targets (our choice)."""


def map_pixels(images: Tensor) -> Tensor:
    """Map images in [0, 1] to targets in [0.1, 0.9]: φ(x) = (1 − 2ε)x + ε ([P] A.3)."""
    return (1 - 2 * PIXEL_EPSILON) * images + PIXEL_EPSILON


def unmap_pixels(targets: Tensor) -> Tensor:
    """Map targets back to images, clamped to [0, 1] ([P] A.3)."""
    return ((targets - PIXEL_EPSILON) / (1 - 2 * PIXEL_EPSILON)).clamp(0, 1)


def logit_laplace_nll(maps: Tensor, targets: Tensor, min_log_scale: float | None = None) -> Tensor:
    """Negative log-likelihood of pixels under the logit-Laplace density ([P] A.3).

    The density on (0, 1) is 1 / (2b·x(1−x)) · exp(−|logit x − μ| / b).

    Args:
        maps: ``b 6 h w``: μ of the three colours, then ln b of the three.
        targets: Pixels after ``map_pixels``, ``b 3 h w``.
        min_log_scale: Lower bound on ln b, None for none as published (our choice; a flat drawn
            background lets b, and with it the gradient's size, run away).

    Returns:
        Scalar fp32: nats per subpixel, mean over subpixels and batch.
    """
    mean, log_scale = maps.float().chunk(2, dim=1)
    if min_log_scale is not None:
        log_scale = log_scale.clamp(min=min_log_scale)
    targets = targets.float()
    distance = (torch.logit(targets) - mean).abs() * torch.exp(-log_scale)
    jacobian = torch.log(targets * (1 - targets))
    return (distance + log_scale + jacobian).mean() + math.log(2)


def laplace_nll(maps: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood of pixels under a Laplace density of scale ``LAPLACE_SCALE``.

    An absolute error in the pixels' own space: a flat drawn background cannot let the scale run
    away, and near black and white an error counts as much as elsewhere (our choice).

    Args:
        maps: ``b 6 h w``, of which only μ, the first three, is read.
        targets: Pixels after ``map_pixels``, ``b 3 h w``.

    Returns:
        Scalar fp32: nats per subpixel, mean over subpixels and batch.
    """
    distance = _pixel_errors(maps, targets).abs().mean()
    return distance / LAPLACE_SCALE + math.log(2 * LAPLACE_SCALE)


def gaussian_nll(maps: Tensor, targets: Tensor) -> Tensor:
    """Negative log-likelihood of pixels under a normal density of deviation ``GAUSSIAN_SCALE``.

    A squared error in the pixels' own space: what is small but stands out, a snowflake or a letter,
    counts far more than the shade of a background (our choice).

    Args:
        maps: ``b 6 h w``, of which only μ, the first three, is read.
        targets: Pixels after ``map_pixels``, ``b 3 h w``.

    Returns:
        Scalar fp32: nats per subpixel, mean over subpixels and batch.
    """
    squares = _pixel_errors(maps, targets).square().mean()
    return squares / (2 * GAUSSIAN_SCALE**2) + math.log(GAUSSIAN_SCALE * math.sqrt(2 * math.pi))


def kl_to_uniform(logits: Tensor) -> Tensor:
    """KL divergence of every position's code distribution to the uniform one.

    Args:
        logits: ``b k h w``, without noise and without temperature ([P] A.2).

    Returns:
        Scalar fp32 in [0, ln k]: nats per position, mean over positions and batch. It does not
        change when the batch is repeated.
    """
    log_shares = codes_last(logits).log_softmax(dim=-1)
    negative_entropy = (log_shares.exp() * log_shares).sum(dim=-1)
    return negative_entropy.mean() + math.log(logits.shape[1])


def marginal_kl_to_uniform(logits: Tensor) -> Tensor:
    """KL divergence of the batch's mean code distribution to the uniform one (our choice).

    The batch is that of all processes together. The divergence is 0 when the codes are used equally
    often over the batch, however certain each choice is, so it wins codebook usage without making
    the single choices vague.

    Args:
        logits: ``b k h w``.

    Returns:
        Scalar fp32 in [0, ln k], nats. It does not change when the batch is repeated.
    """
    own = codes_last(logits).softmax(dim=-1).mean(dim=(0, 1, 2))
    mean = gather_rows(own[None]).mean(dim=0)
    tiny = torch.finfo(mean.dtype).tiny  # a dead code's gradient stays finite
    return math.log(logits.shape[1]) + (mean * mean.clamp_min(tiny).log()).sum()


def dvae_objective(
    recon: Tensor, kl: Tensor, beta: float, image_size: int, image_grid: int
) -> Tensor:
    """Negative evidence bound per subpixel: (NLL + β·KL of the whole picture) / (H·W·3) ([P] A.2).

    Args:
        recon: Nats per subpixel.
        kl: Nats per position.
        beta: Weight of the KL term in the paper's units, 6.6 in the end.
        image_size: Pixels a side.
        image_grid: Positions a side.

    Returns:
        Scalar: nats per subpixel. The weight on ``kl`` is β / (3·f²), f = image_size / image_grid.
    """
    return recon + beta * image_grid**2 / (3 * image_size**2) * kl


def psnr(reconstructions: Tensor, images: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each picture over RGB in [0, 1].

    Args:
        reconstructions: ``b 3 h w`` in [0, 1].
        images: ``b 3 h w`` in [0, 1].

    Returns:
        fp32 ``b``, dB; at most 100 (a perfect copy).
    """
    error = (reconstructions.float() - images.float()).square().mean(dim=(1, 2, 3))
    return -10 * torch.log10(error.clamp(min=1e-10))


def _pixel_errors(maps: Tensor, targets: Tensor) -> Tensor:
    """Sigmoid μ − target of every subpixel, fp32 ``b 3 h w``."""
    return maps[:, :3].float().sigmoid() - targets.float()

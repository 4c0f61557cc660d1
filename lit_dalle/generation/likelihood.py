"""How likely the prior finds pictures under a caption: a second opinion beside CLIP's.

The prior read the whole caption when it drew, and its likelihood says how well a picture's tokens
follow from it. By itself it prefers what is likely under any caption, such as plain grounds; less
the likelihood under the null caption it is the pointwise mutual information of caption and picture.
"""

import torch
from torch import Tensor

from lit_dalle.generation.decode import null_text_tokens
from lit_dalle.models.dalle import Dalle

LIKELIHOOD_TILE = 64
"""Pictures read together when nothing else is said: as many as are decoded together at most."""


def log_likelihoods(
    prior: Dalle, text_tokens: Tensor, image_tokens: Tensor, tile: int = LIKELIHOOD_TILE
) -> Tensor:
    """Log-likelihood of each picture under one caption, teacher-forced in raster order.

    It is that of the prior itself, at temperature 1 and without guidance, however the pictures
    were drawn. The prior reads in its own precision; its logits are fp32.

    Args:
        prior: The trained net.
        text_tokens: int64, ``1 t``: the caption in the prior's tokens.
        image_tokens: int64, ``b i`` in raster order.
        tile: Pictures read together.

    Returns:
        fp32 ``b`` on the prior's device: nats per image token, mean over the picture; at most 0.

    Raises:
        ValueError: There is not one caption, or a length does not fit the prior.
    """
    if len(text_tokens) != 1:
        raise ValueError(f"likelihoods are those under one caption, got {len(text_tokens)}")
    device = prior.image_head.weight.device
    text, tokens = text_tokens.to(device), image_tokens.to(device)
    with torch.inference_mode():
        found = [
            -prior.image_losses(text.expand(len(part), -1), part).mean(dim=1)
            for part in torch.split(tokens, tile)
        ]
    return torch.cat(found).clone()


def likelihood_gain(
    prior: Dalle, text_tokens: Tensor, image_tokens: Tensor, tile: int = LIKELIHOOD_TILE
) -> Tensor:
    """Log-likelihood of each picture under its caption less that under the null caption.

    Pointwise mutual information of caption and picture by image token. It means something for a
    prior that was trained with captions dropped.

    Args:
        prior: The trained net.
        text_tokens: int64, ``1 t``: the caption in the prior's tokens.
        image_tokens: int64, ``b i`` in raster order.
        tile: Pictures read together.

    Returns:
        fp32 ``b`` on the prior's device: nats per image token, mean over the picture; above 0
        where the caption makes the picture likelier.

    Raises:
        ValueError: There is not one caption, or a length does not fit the prior.
    """
    under_caption = log_likelihoods(prior, text_tokens, image_tokens, tile)
    return under_caption - log_likelihoods(prior, null_text_tokens(text_tokens), image_tokens, tile)


def surroundings_likelihood(
    prior: Dalle,
    text_tokens: Tensor,
    image_tokens: Tensor,
    drawn: Tensor,
    known: Tensor,
    tile: int = LIKELIHOOD_TILE,
) -> Tensor:
    """Log-likelihood of what stands around a region, given the caption and what the region shows.

    The net reads the region first and is then asked for what is known: its likelihood depends on
    the region, which it does not where the region is drawn last. Of several fillings of one region
    the one that explains its surroundings best fits them best.

    Args:
        prior: A net of order ``any``.
        text_tokens: int64, ``1 t``: the caption in the prior's tokens.
        image_tokens: int64, ``b i`` in raster order.
        drawn: bool, ``i``: the region, by raster positions.
        known: bool, ``i``: the tokens that are scored, none of the region's. The others are unread.
        tile: Pictures read together.

    Returns:
        fp32 ``b`` on the prior's device: nats per known token, mean over them; at most 0.

    Raises:
        ValueError: There is not one caption, no token is known, or the net reads raster order.
    """
    if len(text_tokens) != 1 or not known.any():
        raise ValueError(
            f"a fit is that of known tokens under one caption, got {int(known.sum())} tokens under "
            f"{len(text_tokens)} captions"
        )
    device = prior.image_head.weight.device
    text, tokens, known = text_tokens.to(device), image_tokens.to(device), known.to(device)
    order = (2 - 2 * drawn.to(device).byte() - known.byte()).argsort(stable=True)
    with torch.inference_mode():
        found = [
            -prior.image_losses(text.expand(len(part), -1), part, order)[:, known].mean(dim=1)
            for part in torch.split(tokens, tile)
        ]
    return torch.cat(found).clone()

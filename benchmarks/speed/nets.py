"""Priors and tokens to measure with: random, for a speed depends on sizes alone."""

import torch
from torch import Tensor

from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig
from speed.bench import Plan


def random_tokens(config: DalleConfig, rows: int, plan: Plan) -> tuple[Tensor, Tensor]:
    """Text tokens ``rows text_len``, the first [BOS] and none padding, and image tokens."""
    generator = torch.Generator().manual_seed(plan.seed)
    shape = (rows, config.text_len)
    text = torch.randint(2, config.text_vocab_size, shape, generator=generator)
    text[:, 0] = 1
    shape = (rows, config.image_len)
    image = torch.randint(config.codebook_size, shape, generator=generator)
    return text.to(plan.device), image.to(plan.device)


def sampling_prior(config: DalleConfig, plan: Plan) -> Dalle:
    """Return a prior with random weights as it samples: bf16."""
    torch.manual_seed(plan.seed)
    return Dalle(config).to(plan.device, torch.bfloat16).eval()

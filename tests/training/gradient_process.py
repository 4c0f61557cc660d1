"""One of several processes that compute gradients together; see test_processes.py.

Started as ``python gradient_process.py RANK PROCESSES FOLDER``; writes FOLDER/RANK.pt.
"""

import sys
from datetime import timedelta
from pathlib import Path

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from lit_dalle.functional import contrastive
from lit_dalle.functional import sigmoid_loss as sigmoid
from lit_dalle.functional.contrastive import contrastive_loss
from lit_dalle.functional.losses import (
    kl_to_uniform,
    logit_laplace_nll,
    map_pixels,
    marginal_kl_to_uniform,
)
from lit_dalle.functional.quantize import gumbel_noise
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dalle import Dalle, DalleLosses
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig

ROWS = 6
GROUPS = torch.tensor([0, 1, 2, 1, 0, 3])  # groups 0 and 1 have a row in each of two processes
CONFIG = ClipConfig(
    image_size=8,
    patch_size=4,
    embed_dim=6,
    vision_dim=8,
    vision_depth=1,
    vision_heads=2,
    text_vocab_size=10,
    text_len=4,
    eos_id=2,
    text_dim=8,
    text_depth=1,
    text_heads=2,
)


def main(rank: int, processes: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder / 'meeting'}",
        rank=rank,
        world_size=processes,
        timeout=timedelta(seconds=60),
    )
    contrastive.CHUNK_LOGITS = sigmoid.CHUNK_LOGITS = 2 * ROWS  # two rows at a time
    own = slice(rank * ROWS // processes, (rank + 1) * ROWS // processes)
    found = bare_gradients(own) | sigmoid_gradients(own) | net_gradients(own)
    found |= prior_gradients(own) | dvae_gradients(own)
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


def bare_gradients(own: slice) -> dict[str, Tensor]:
    """Gradients of the bare loss; each process holds its own rows as leaves."""
    torch.manual_seed(0)
    images, texts = F.normalize(torch.randn(2, ROWS, 5), dim=-1)
    leaves = [images[own].requires_grad_(), texts[own].requires_grad_(), torch.tensor(2.0)]
    leaves[2].requires_grad_()
    loss = contrastive_loss(*leaves, GROUPS[own])
    loss.backward()
    return {
        "loss": loss.detach(),
        "images": leaves[0].grad,
        "texts": leaves[1].grad,
        "scale": leaves[2].grad,
    }


def sigmoid_gradients(own: slice) -> dict[str, Tensor]:
    """The same of the sigmoid loss, under names of its own."""
    torch.manual_seed(0)
    images, texts = F.normalize(torch.randn(2, ROWS, 5), dim=-1)
    leaves = [images[own], texts[own], torch.tensor(2.0), torch.tensor(-1.0)]
    for leaf in leaves:
        leaf.requires_grad_()
    loss = sigmoid.sigmoid_loss(*leaves, GROUPS[own])
    loss.backward()
    names = ("images", "texts", "scale", "bias")
    found = {f"sigmoid {name}": leaf.grad for name, leaf in zip(names, leaves, strict=True)}
    return found | {"sigmoid loss": loss.detach()}


def net_gradients(own: slice) -> dict[str, Tensor]:
    """Gradients of a net in DDP, logit_scale included."""
    torch.manual_seed(0)
    net = DistributedDataParallel(Clip(CONFIG))
    images = torch.rand(ROWS, 3, 8, 8)
    text_tokens = torch.randint(3, 10, (ROWS, 4))
    text_tokens[:, 0], text_tokens[:, 3] = 1, 2
    text_tokens[0, 1] = 2  # captions of different lengths in the two processes
    contrastive_loss(*net(images[own], text_tokens[own]), group_ids=GROUPS[own]).backward()
    return gradients("clip", net)


class PriorLosses(nn.Module):
    """The losses of a prior as a forward pass, which is what DDP watches."""

    def __init__(self, prior: Dalle) -> None:
        super().__init__()
        self.prior = prior

    def forward(self, text_tokens: Tensor, image_tokens: Tensor) -> DalleLosses:
        """Return the losses."""
        return self.prior.losses(text_tokens, image_tokens)


def prior_gradients(own: slice) -> dict[str, Tensor]:
    """Gradients of a prior in DDP, text and image loss weighted as published."""
    torch.manual_seed(0)
    config = DalleConfig(10, 7, text_len=4, image_grid=2, dim=8, depth=2, heads=2)
    net = DistributedDataParallel(PriorLosses(Dalle(config)))
    text_tokens, image_tokens = torch.randint(0, 10, (ROWS, 4)), torch.randint(0, 7, (ROWS, 4))
    text_loss, image_loss = net(text_tokens[own], image_tokens[own])
    (text_loss / 8 + 7 * image_loss / 8).backward()
    return gradients("prior", net)


def dvae_gradients(own: slice) -> dict[str, Tensor]:
    """Gradients of a dVAE in DDP, the usage of codes over the whole batch included."""
    torch.manual_seed(0)
    config = DiscreteVAEConfig(8, 6, codebook_dim=4, hidden=4, widths=(1, 2))
    net = DistributedDataParallel(DiscreteVAE(config))
    images = torch.rand(ROWS, 3, 8, 8)
    noise = gumbel_noise((6, 4, 4), 0, 0, torch.arange(ROWS)[own])
    output = net(images[own], noise, 1.0)
    recon = logit_laplace_nll(output.maps, map_pixels(images[own]))
    (recon + kl_to_uniform(output.latents) + marginal_kl_to_uniform(output.latents)).backward()
    return gradients("dvae", net)


def gradients(name: str, net: DistributedDataParallel) -> dict[str, Tensor]:
    parameters = net.module.named_parameters()
    return {f"{name}.{key}": value.grad for key, value in parameters if value.grad is not None}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))

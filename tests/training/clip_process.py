"""One of several processes that compute CLIP's gradients together; see test_clip_processes.py.

Started as ``python clip_process.py RANK PROCESSES FOLDER``; writes FOLDER/RANK.pt.
"""

import sys
from datetime import timedelta
from pathlib import Path

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from lit_dalle.functional.contrastive import contrastive_loss
from lit_dalle.models.clip import Clip, ClipConfig

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
    own = slice(rank * ROWS // processes, (rank + 1) * ROWS // processes)
    found = bare_gradients(own) | net_gradients(own)
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


def net_gradients(own: slice) -> dict[str, Tensor]:
    """Gradients of a net in DDP, logit_scale included."""
    torch.manual_seed(0)
    net = DistributedDataParallel(Clip(CONFIG))
    images = torch.rand(ROWS, 3, 8, 8)
    text_tokens = torch.randint(3, 10, (ROWS, 4))
    text_tokens[:, 0], text_tokens[:, 3] = 1, 2
    text_tokens[0, 1] = 2  # captions of different lengths in the two processes
    contrastive_loss(*net(images[own], text_tokens[own]), group_ids=GROUPS[own]).backward()
    return {name: parameter.grad for name, parameter in net.module.named_parameters()}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))

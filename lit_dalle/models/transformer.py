"""A tower's transformer: its blocks, of which the last is read at one position, and its ends."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lit_dalle.functional.precision import working_dtype
from lit_dalle.models.layers import Attention, Block, Mix


def transform(
    x: Tensor, blocks: nn.ModuleList, mix: Mix, read: Tensor, seen: Tensor | None = None
) -> Tensor:
    """Run the blocks on ``b n dim``; of the last one only the positions ``read`` are wanted.

    The residual stream has the dtype of the products, bf16 under autocast: half the traffic.

    Args:
        x: ``b n dim``.
        blocks: The tower's.
        mix: Which positions see each other.
        read: int64, ``b``: where the feature stands.
        seen: Which positions see it by ``mix``, bool ``b n``; without it all.

    Returns:
        ``b dim``.
    """
    x = x.to(working_dtype(x))
    *others, last = blocks
    for block in others:
        x = block(x, mix)
    assert isinstance(last, Block)
    return last.read(x, read, seen)


def project(x: Tensor, projection: nn.Linear) -> Tensor:
    """Project in fp32, whatever the precision around."""
    with torch.autocast(x.device.type, enabled=False):
        return F.linear(x.float(), projection.weight.float())


def init_transformer(blocks: nn.ModuleList, projection: nn.Linear) -> None:
    """Initialise as the released code does for its text tower [Q]; biases 0 is our choice."""
    dim = projection.in_features
    into_stream = (2 * dim * len(blocks)) ** -0.5
    for block in blocks:
        assert isinstance(block, Block)
        attention: Attention = block.attn
        layers_and_stds = (
            (attention.qkv, dim**-0.5),
            (attention.out, into_stream),
            (block.mlp.up, (2 * dim) ** -0.5),
            (block.mlp.down, into_stream),
        )
        for layer, std in layers_and_stds:
            nn.init.normal_(layer.weight, std=std)
            nn.init.zeros_(layer.bias)
    nn.init.normal_(projection.weight, std=dim**-0.5)

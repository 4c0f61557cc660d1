"""Work of dVAE and CLIP, counted from their configs: convolutions, linear layers, attention."""

from typing import NamedTuple

from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dvae import DiscreteVAEConfig
from speed.work import TRAINING_PASSES, Product


class Convolution(NamedTuple):
    """``count`` size-keeping convolutions of one picture."""

    dim_in: int
    dim_out: int
    kernel: int
    side: int
    count: int = 1

    @property
    def flops(self) -> float:
        """FLOPs of all of them for one picture."""
        weights = self.dim_in * self.dim_out * self.kernel**2
        return 2.0 * weights * self.side**2 * self.count


def encoder_convolutions(config: DiscreteVAEConfig) -> list[Convolution]:
    """Convolutions that turn one picture into logits."""
    side = config.image_size // config.patch
    dims = [width * config.hidden for width in config.widths]
    found = [Convolution(3 * config.patch**2, dims[0], 7, side)]
    before = dims[0]
    for dim in dims:
        found += _group(before, dim, (3, 3, 3, 1), side, config.blocks_per_group)
        before, side = dim, side // 2
    return [*found, Convolution(dims[-1], config.codebook_size, 1, config.image_grid)]


def decoder_convolutions(config: DiscreteVAEConfig) -> list[Convolution]:
    """Convolutions that turn one picture's code vectors into maps; looking codes up is no work."""
    side, before = config.image_grid, config.codebook_dim
    found: list[Convolution] = []
    for width in reversed(config.widths):
        dim = width * config.hidden
        found += _group(before, dim, (1, 3, 3, 3), side, config.blocks_per_group)
        before, side = dim, side * 2
    return [*found, Convolution(before, 6 * config.patch**2, 1, side // 2)]


def clip_products(config: ClipConfig, batch: int) -> list[Product]:
    """Forward products of a training step of CLIP's linear layers, captions of full length."""
    patches = (config.image_size // config.patch_size) ** 2
    vision, text = config.vision_dim, config.text_dim
    return [
        Product(batch * patches, 3 * config.patch_size**2, vision),
        *_tower(batch * (patches + 1), vision, config.vision_depth),
        *_tower(batch * config.text_len, text, config.text_depth),
        Product(batch, vision, config.embed_dim),
        Product(batch, text, config.embed_dim),
        Product(batch, config.embed_dim, batch),
    ]


def clip_training_flops(config: ClipConfig, batch: int) -> float:
    """FLOPs of a training step, forward and backward; text attention is causal."""
    linear = sum(product.flops for product in clip_products(config, batch))
    seen = 1 + (config.image_size // config.patch_size) ** 2
    text_pairs = config.text_len * (config.text_len + 1) / 2
    attention = 4.0 * (
        config.vision_depth * config.vision_dim * seen**2
        + config.text_depth * config.text_dim * text_pairs
    )
    return TRAINING_PASSES * (linear + batch * attention)


def _tower(tokens: int, dim: int, depth: int) -> list[Product]:
    shapes = ((dim, 3 * dim), (dim, dim), (dim, 4 * dim), (4 * dim, dim))
    return [Product(tokens, *shape, count=depth) for shape in shapes]


def _group(
    dim_in: int, dim_out: int, kernels: tuple[int, ...], side: int, blocks: int
) -> list[Convolution]:
    """Residual blocks of one resolution: four layers at a quarter of the width, and a skip."""
    found: list[Convolution] = []
    for block in range(blocks):
        first = dim_in if block == 0 else dim_out
        dims = (first, *[dim_out // 4] * 3, dim_out)
        found += [
            Convolution(dims[layer], dims[layer + 1], kernel, side)
            for layer, kernel in enumerate(kernels)
        ]
        if first != dim_out:
            found.append(Convolution(first, dim_out, 1, side))
    return found

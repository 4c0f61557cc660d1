"""Work of the prior, counted from its config and the masks' geometry, never from its code.

A FLOP is a multiplication or an addition. Counted are the matrix products: the blocks' four linear
layers, attention over the pairs that a mask shows (scores and mix: 4·head_dim a head and pair), and
the logits. Norms, activations, softmax and embeddings are not work.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lit_dalle.functional.masks import AttentionKind, AttentionPattern
from lit_dalle.models.dalle_config import DalleConfig

BF16 = 2
"""Bytes of a number."""
TRAINING_PASSES = 3
"""Products of a training step per product forward: itself, gradient of input and of weight."""


class Product(NamedTuple):
    """``count`` products of ``rows × inner`` with ``inner × columns``."""

    rows: int
    inner: int
    columns: int
    count: int = 1

    @property
    def flops(self) -> float:
        """FLOPs of all of them."""
        return 2.0 * self.rows * self.inner * self.columns * self.count


@dataclass(frozen=True)
class Decoding:
    """Work of each position of a picture, fp64 ``image_len``; the first holds the prefill."""

    flops: Tensor
    """FLOPs for all candidates."""
    bytes: Tensor
    """Bytes that have to be read: bf16 weights once, and the visible keys and values."""

    def seconds(self, matrix_rate: float, bandwidth: float, prefill_rate: float = 0.0) -> Tensor:
        """Least time of each position: the slower of computing and reading.

        Args:
            matrix_rate: FLOP/s.
            bandwidth: Bytes/s.
            prefill_rate: FLOP/s of the first position's products, where they are faster.
        """
        computing = self.flops / matrix_rate
        computing[0] = self.flops[0] / max(matrix_rate, prefill_rate)
        return torch.maximum(computing, self.bytes / bandwidth)


def linear_products(config: DalleConfig, tokens: int) -> list[Product]:
    """Products of all blocks' linear layers for so many tokens."""
    dim, inner = config.dim, head_width(config)
    shapes = ((dim, 3 * inner), (inner, dim), (dim, 4 * dim), (4 * dim, dim))
    return [Product(tokens, *shape, count=config.depth) for shape in shapes]


def head_width(config: DalleConfig) -> int:
    """Width of all heads together."""
    return config.heads * config.head_width


def visible_keys(config: DalleConfig, kind: AttentionKind) -> Tensor:
    """Keys that each position of the stream sees, itself included: int64, ``n``."""
    pattern = AttentionPattern(kind, config.text_len, config.image_grid, config.conv_kernel)
    return pattern.mask(config.text_len + config.image_len).sum(dim=1)


def training_products(config: DalleConfig, batch: int) -> list[Product]:
    """Forward products of a training step: the blocks' linear layers and both heads."""
    inputs = batch * (config.text_len + config.image_len - 1)
    texts, images = batch * (config.text_len - 1), batch * config.image_len
    return [
        *linear_products(config, inputs),
        Product(texts, config.dim, config.text_vocab_size),
        Product(images, config.dim, config.codebook_size),
    ]


def training_flops(config: DalleConfig, batch: int) -> float:
    """FLOPs of a training step, forward and backward, without recomputation."""
    linear = sum(product.flops for product in training_products(config, batch))
    return TRAINING_PASSES * (linear + batch * _attention_flops(config))


def training_tokens(config: DalleConfig, batch: int) -> int:
    """Text and image tokens of a batch: what tokens/s counts."""
    return batch * (config.text_len + config.image_len)


def decoding_products(config: DalleConfig, candidates: int) -> list[Product]:
    """Products of one decoding step: the blocks' linear layers and the image head."""
    return [
        *linear_products(config, candidates),
        Product(candidates, config.dim, config.codebook_size),
    ]


def decoding_work(config: DalleConfig, candidates: int) -> Decoding:
    """Work of sampling ``candidates`` pictures of one prompt, all of them at once.

    Text keys and values are read once for the prompt, image keys and values once a candidate. The
    token of position 0 comes out of the prefill, that of position p > 0 out of the step that reads
    token p − 1.
    """
    weights = sum(p.inner * p.columns * p.count for p in decoding_products(config, 1))
    key_value = 2 * head_width(config) * BF16
    pairs = torch.zeros(config.image_len, dtype=torch.float64)
    cached = torch.zeros(config.image_len, dtype=torch.float64)
    for kind in config.kinds:
        seen = visible_keys(config, kind)[config.text_len : -1].double()
        pairs[1:] += candidates * seen
        cached[1:] += config.text_len + candidates * (seen - config.text_len)
    flops = pairs * 4 * head_width(config)
    flops[1:] += sum(product.flops for product in decoding_products(config, candidates))
    flops[0] = _prefill_flops(config)
    return Decoding(flops, cached * key_value + weights * BF16)


def _prefill_flops(config: DalleConfig) -> float:
    text = config.text_len
    linear = sum(product.flops for product in linear_products(config, text))
    pairs = config.depth * text * (text + 1) / 2
    head = Product(1, config.dim, config.codebook_size).flops
    return linear + pairs * 4 * head_width(config) + head


def _attention_flops(config: DalleConfig) -> float:
    """FLOPs of one sequence's attention forward; the last image token is not read."""
    pairs = sum(int(visible_keys(config, kind)[:-1].sum()) for kind in config.kinds)
    return 4.0 * head_width(config) * pairs

"""What layers keep for their backward pass, in bytes, and the number formats they keep it in."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from lit_dalle.functional.chunks import CHUNK_LOGITS
from lit_dalle.functional.masks import AttentionPattern
from lit_dalle.functional.products import Blocks, Part, plan
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.dvae import Conv, Conv32, DiscreteVAEConfig

Precision = Literal["bf16-mixed", "bf16-true", "32-true"]
"""Lightning's names: bf16 products of fp32 weights, all bf16, all fp32."""
Device = Literal["cpu", "cuda"]
FP32, INT64 = 4, 8
"""Bytes of a number."""


@dataclass(frozen=True)
class Format:
    """Bytes of a weight and of an activation, and where the net runs."""

    weight: int
    work: int
    device: Device

    @classmethod
    def of(cls, precision: Precision, device: Device) -> "Format":
        """Return the format of Lightning's name."""
        return cls(2 if precision == "bf16-true" else 4, 4 if precision == "32-true" else 2, device)

    @property
    def autocast(self) -> bool:
        """Whether products read copies of the weights."""
        return self.weight != self.work

    @property
    def stream(self) -> int:
        """Bytes of a number of the residual stream that a norm keeps: CUDA's norm converts it."""
        return self.weight if self.device == "cuda" else self.work

    def copies(self, net: nn.Module) -> int:
        """Bytes of the copies that autocast makes of the weights and biases of all products."""
        if not self.autocast:
            return 0
        layers = (x for x in net.modules() if isinstance(x, nn.Linear | nn.Conv2d | Conv))
        return self.work * sum(count(layer) for layer in layers if not isinstance(layer, Conv32))


def block_bytes(rows: int, dim: int, inner: int, form: Format) -> int:
    """Bytes that a block keeps without its attention: inputs of norms, products, activation.

    Args:
        rows: Positions of all sequences.
        dim: Width of the residual stream.
        inner: Width of all heads.
        form: Number format.
    """
    norms = 2 * (form.stream * dim + 2 * FP32)
    return rows * (norms + form.work * (2 * dim + inner + 2 * 4 * dim))


def last_block_bytes(rows: int, read: int, dim: int, form: Format) -> int:
    """Bytes that a block keeps of which ``read`` positions are wanted: its keys, and theirs."""
    keys = rows * (form.stream * dim + 2 * FP32 + form.work * 3 * dim)
    return keys + read * dim * (form.stream + form.work * 14)


def attention_bytes(
    pattern: AttentionPattern, length: int, groups: int, head_dim: int, form: Format
) -> int:
    """Bytes that attention keeps: on CUDA q, k, v and the log-sum-exps, else those of its parts."""
    if form.device == "cuda":
        return groups * length * (3 * head_dim * form.work + FP32)
    parts = plan(pattern, length, length)
    return form.work * groups * sum(_part(part, head_dim) for part in parts)


def _part(part: Part, head_dim: int) -> int:
    """Numbers that a part of attention keeps for one head: its copies and the shares."""
    if not isinstance(part, Blocks):
        return head_dim * (part.end - part.first + 2 * part.keys) + part.pairs
    grid, text = part.pattern.grid, part.pattern.text_len
    windows = part.lines // part.rows * (part.halo + part.rows) * grid
    keys = part.lines * grid if part.pattern.kind == "column" else windows
    return head_dim * (part.lines * grid + 2 * keys + 2 * text) + part.pairs


def vocabulary_bytes(config: DalleConfig, batch_size: int, form: Format) -> tuple[int, int]:
    """Bytes of the losses' gradients, computed with them, and of their room to work in."""
    sizes = (
        (batch_size * (config.text_len - 1), config.text_vocab_size),
        (batch_size * config.image_len, config.codebook_size),
    )
    gradients, scratch = 0, 0
    for rows, words in sizes:
        gradients += config.dim * (rows * form.work + words * form.weight) + INT64 * rows
        chunk = min(rows, max(1, CHUNK_LOGITS // words)) * words * (form.work + FP32)
        head = words * config.dim * form.work * (2 if form.autocast else 1)
        scratch = max(scratch, chunk + head + rows * config.dim * form.work)
    return gradients, scratch


def encoder_bytes(config: DiscreteVAEConfig, form: Format) -> int:
    """Bytes that the encoder keeps of one picture."""
    side = config.image_size // config.patch
    dims = [width * config.hidden for width in config.widths]
    kept, before = form.work * 3 * config.patch**2 * side**2, dims[0]
    for number, dim in enumerate(dims, start=1):
        kept += _group(before, dim, side, config.blocks_per_group, form)
        if number < len(dims):
            kept += dim * (form.work * side**2 + INT64 * (side // 2) ** 2)  # of the pooling
            before, side = dim, side // 2
    of_logits = FP32 if form.autocast or config.feature_norm else 0
    return kept + (form.work + of_logits) * dims[-1] * side**2


def decoder_bytes(config: DiscreteVAEConfig, form: Format) -> int:
    """Bytes that the decoder keeps of one picture."""
    side, before = config.image_grid, config.codebook_dim
    kept = FP32 * before * side**2 if form.autocast else 0
    for number, width in enumerate(reversed(config.widths)):
        side *= 2 if number else 1
        kept += _group(before, width * config.hidden, side, config.blocks_per_group, form)
        before = width * config.hidden
    return kept + form.work * before * side**2


def _group(dim_in: int, dim_out: int, side: int, blocks: int, form: Format) -> int:
    """Bytes that residual blocks of one resolution keep: the inputs of all convolutions."""
    first = dim_in + (dim_in if dim_in != dim_out else 0)
    numbers = first + (blocks - 1) * dim_out + blocks * 3 * (dim_out // 4)
    return form.work * numbers * side**2


def head_width(config: DalleConfig) -> int:
    """Width of all heads together."""
    return config.heads * config.head_width


def count(module: nn.Module) -> int:
    """Weights of a net."""
    return sum(parameter.numel() for parameter in module.parameters())

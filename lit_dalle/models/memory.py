"""Memory of training and sampling, counted from a config: nothing of that size is allocated.

Weights are counted on the meta device, kept activations from what each layer leaves for its
backward pass (``tests/models/test_memory.py`` holds them against what autograd really keeps). In
Lightning the gradients of an update live until the next forward pass is through, so parameters,
gradients, optimiser state and activations stand side by side at its end: the peak is their sum.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from lit_dalle.functional.masks import CAUSAL, FULL, AttentionPattern
from lit_dalle.functional.products import plan
from lit_dalle.models.cache import KVCache, PrefixCache
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig
from lit_dalle.models.kept import (
    FP32,
    INT64,
    Device,
    Format,
    Precision,
    attention_bytes,
    block_bytes,
    count,
    decoder_bytes,
    encoder_bytes,
    head_width,
    last_block_bytes,
    vocabulary_bytes,
)
from lit_dalle.models.kept_resnet import resnet_bytes

MOMENTS = 2
"""AdamW keeps two numbers of a weight's format for it."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of each part at the peak; their sum is what the peak grows to."""

    parameters: int
    """The net's weights."""
    gradients: int = 0
    """Gradients of the weights."""
    optimizer: int = 0
    """AdamW's moments."""
    average: int = 0
    """Averaged weights (EMA)."""
    activations: int = 0
    """In training what the backward pass reads, with the weights' bf16 copies, and the largest
    buffers that stand beside it; in sampling the buffers of one step."""
    cache: int = 0
    """Keys and values of the prefix and of the candidates; in sampling."""

    @property
    def total(self) -> int:
        """All parts together."""
        parts = (self.parameters, self.gradients, self.optimizer, self.average)
        return sum(parts) + self.activations + self.cache


@dataclass(frozen=True)
class _Step:
    """Activations of a training step, in bytes."""

    kept: int
    """From the forward pass to the backward pass."""
    beside_forward: int
    """The most that stands beside what is kept at the end of the forward pass."""
    beside_backward: int
    """The same in the backward pass, where the last update's gradients are gone."""

    def estimate(self, net: nn.Module, form: Format, *, ema: bool, shards: int) -> MemoryEstimate:
        """Put the parts together; the fused AdamW needs no room of its own."""
        weights = form.weight * count(net)
        share = -(-weights // shards)
        beside = max(self.beside_forward, self.beside_backward - share)
        return MemoryEstimate(
            parameters=share,
            gradients=share,
            optimizer=MOMENTS * share,
            average=share if ema else 0,
            activations=self.kept + beside,
        )


def estimate_dalle(
    config: DalleConfig,
    batch_size: int,
    *,
    precision: Precision = "bf16-mixed",
    activation_checkpointing: bool = False,
    ema: bool = False,
    device: Device = "cpu",
    shards: int = 1,
) -> MemoryEstimate:
    """Estimate the peak of training the prior.

    Args:
        config: The prior.
        batch_size: Rows of a step, of one process.
        precision: Number format, in Lightning's words.
        activation_checkpointing: Whether blocks are computed again in the backward pass.
        ema: Whether averaged weights are kept.
        device: Where it is trained; attention keeps other things on each.
        shards: Devices that FSDP cuts weights, gradients and moments into (FULL_SHARD); each then
            holds whole the embeddings, the heads, and the weights of two blocks at a time.
    """
    net, form = _prior(config), Format.of(precision, device)
    rows = batch_size * (config.text_len + config.image_len)
    blocks = [_dalle_block(config, kind, batch_size, form) for kind in config.patterns]
    stream = rows * config.dim * form.work
    gradients, scratch = vocabulary_bytes(config, batch_size, form)
    copies = form.copies(net.blocks)
    tokens = 2 * INT64 * rows
    last = stream + 2 * FP32 * rows
    kept = last + gradients + tokens
    working = max(_working(config, batch_size, form))
    if activation_checkpointing:
        kept += config.depth * stream
        scratch += copies
        working += max(blocks) + copies // config.depth
    else:
        kept += sum(blocks) + copies
    if shards > 1:
        kept += form.weight * _gathered(net)
    return _Step(kept, scratch, working).estimate(net, form, ema=ema, shards=shards)


def estimate_sampling(
    config: DalleConfig, together: int, *, guided: bool = False, precision: Precision = "bf16-true"
) -> MemoryEstimate:
    """Estimate the peak of sampling candidates of one prompt.

    Args:
        config: The prior.
        together: Candidates that are decoded at once, a tile.
        guided: Whether a null caption is decoded with each (classifier-free guidance).
        precision: ``bf16-true`` where the weights are bf16, as the pipeline has them.
    """
    form = Format.of(precision, "cpu")
    net, prompts = _prior(config), 2 if guided else 1
    rows = prompts * together
    inner, logits = head_width(config), FP32 * rows * config.codebook_size
    # The prefill's keys and values are views of its packed projections, which stay whole.
    packed = 3 * prompts * config.text_len * inner * form.work
    caches = (_cache(config, pattern, prompts, rows, form) for pattern in config.patterns)
    # Logits, filtered logits, shares and their cumulative sum; noise is a few int64 of its shape.
    return MemoryEstimate(
        parameters=form.weight * count(net),
        activations=4 * logits + 3 * INT64 * together * config.image_len,
        cache=config.depth * packed + sum(caches),
    )


def estimate_dvae(
    config: DiscreteVAEConfig,
    batch_size: int,
    *,
    precision: Precision = "bf16-mixed",
    usage_term: bool = False,
    ema: bool = False,
    device: Device = "cpu",
) -> MemoryEstimate:
    """Estimate the peak of training the dVAE.

    Args:
        config: The dVAE.
        batch_size: Pictures of a step, of one process.
        precision: Number format, in Lightning's words.
        usage_term: Whether the loss has the term that evens out codebook usage.
        ema: Whether averaged weights are kept.
        device: Where it is trained.
    """
    with torch.device("meta"):
        net = DiscreteVAE(config)
    form = Format.of(precision, device)
    codes = FP32 * config.latent_dim * config.image_grid**2
    pixels = FP32 * config.image_size**2
    between = {"gumbel": 3, "ibq": 4, "vq": 3, "fsq": 3}[config.quantizer]  # and the loss's terms
    loss = codes * (between + usage_term) + 9 * pixels
    maps = encoder_bytes(config, form) + decoder_bytes(config, form)
    beside = codes + (6 + 3) * pixels  # logits, maps and pictures, held by the step
    side, dim = config.image_size // config.patch, config.widths[0] * config.hidden
    working = 3 * form.work * dim * side**2
    kept = batch_size * (maps + loss) + form.copies(net)
    step = _Step(kept, batch_size * beside, batch_size * (beside + working))
    return step.estimate(net, form, ema=ema, shards=1)


def estimate_clip(
    config: ClipConfig,
    batch_size: int,
    *,
    precision: Precision = "bf16-mixed",
    ema: bool = False,
    device: Device = "cpu",
) -> MemoryEstimate:
    """Estimate the peak of training CLIP, captions of full length.

    Args:
        config: CLIP.
        batch_size: Pairs of a step, of one process.
        precision: Number format, in Lightning's words.
        ema: Whether averaged weights are kept.
        device: Where it is trained.
    """
    with torch.device("meta"):
        net = Clip(config)
    form = Format.of(precision, device)
    pictures = batch_size * 3 * config.image_size**2
    kept, working = pictures * form.work + form.copies(net), 0
    towers = [(config.text_len, config.text_dim, config.text_depth, config.text_heads, CAUSAL)]
    if config.vision_stages:
        kept += batch_size * resnet_bytes(config, form)
        working = 4 * form.work * batch_size * config.vision_dim * (config.image_size // 2) ** 2
    else:
        patches = 1 + (config.image_size // config.patch_size) ** 2
        sizes = (config.vision_dim, config.vision_depth, config.vision_heads)
        towers.append((patches, *sizes, FULL))
        kept += batch_size * patches * config.vision_dim * FP32  # the norm before the blocks
    for length, dim, depth, heads, pattern in towers:
        rows = batch_size * length
        mixed = attention_bytes(pattern, length, batch_size * heads, dim // heads, form)
        kept += (depth - 1) * (block_bytes(rows, dim, dim, form) + mixed)
        kept += last_block_bytes(rows, batch_size, dim, form)
        working = max(working, 9 * rows * dim * form.work, 2 * mixed)
    features = 8 * batch_size * (config.embed_dim + config.vision_dim + config.text_dim)
    kept += FP32 * (4 * batch_size**2 + features)
    held = FP32 * pictures
    return _Step(kept, held, held + working).estimate(net, form, ema=ema, shards=1)


def _dalle_block(
    config: DalleConfig, pattern: AttentionPattern, batch_size: int, form: Format
) -> int:
    """Bytes that a block of the prior keeps for its backward pass."""
    length, inner = config.text_len + config.image_len, head_width(config)
    rows, head_dim = batch_size * length, inner // config.heads
    mixed = attention_bytes(pattern, length, batch_size * config.heads, head_dim, form)
    if config.qk_norm:
        mixed += 2 * rows * (form.work * inner + 2 * FP32 * config.heads)
    return block_bytes(rows, config.dim, inner, form) + mixed


def _working(config: DalleConfig, batch_size: int, form: Format) -> Iterable[int]:
    """Bytes at hand in the backward pass of a block: of its MLP, or of its attention."""
    length = config.text_len + config.image_len
    yield 9 * batch_size * length * config.dim * form.work
    if form.device == "cpu":
        for pattern in set(config.patterns):
            pairs = sum(part.pairs for part in plan(pattern, length, length))
            yield 2 * batch_size * config.heads * pairs * form.work


def _cache(
    config: DalleConfig, pattern: AttentionPattern, prompts: int, rows: int, form: Format
) -> int:
    """Bytes of a layer's cache for ``rows`` candidates: what the cache itself would allocate."""
    prefix = PrefixCache(pattern)
    shape = (prompts, config.heads, config.text_len, head_width(config) // config.heads)
    prefix.k = prefix.v = torch.empty(shape, device="meta")
    cache = KVCache(prefix, config.text_len, config.image_len, rows // prompts)
    return form.work * sum(x.numel() for x in (*cache.shared, cache.own))


def _prior(config: DalleConfig) -> Dalle:
    with torch.device("meta"):
        return Dalle(config)


def _gathered(net: Dalle) -> int:
    """Weights that a device holds whole under FSDP."""
    in_blocks = count(net.blocks)
    return count(net) - in_blocks + 2 * in_blocks // len(net.blocks)

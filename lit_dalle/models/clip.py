"""CLIP: a vision transformer and a causal text transformer that share one feature space."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from lit_dalle.functional.attention import attend, attend_causal
from lit_dalle.functional.precision import working_dtype
from lit_dalle.functional.similarity import normalise
from lit_dalle.models.layers import Activation, Attention, Block, LayerNorm32, Mix

INITIAL_LOGIT_SCALE = 2.6592600
"""ln(1/0.07), where training starts ([C] 2.4)."""


@dataclass(frozen=True)
class ClipConfig:
    """Sizes of both towers; the defaults are ViT-B/32 ([C] table 20, [Q])."""

    image_size: int = 224
    """Side of the square pictures, in pixels."""
    patch_size: int = 32
    """Side of a patch, in pixels; divides ``image_size``."""
    embed_dim: int = 512
    """Width of the shared feature space."""
    vision_dim: int = 768
    """Width of the image tower."""
    vision_depth: int = 12
    """Blocks of the image tower."""
    vision_heads: int = 12
    """Attention heads of the image tower; divide ``vision_dim``."""
    text_vocab_size: int = 49408
    """Bound of the token ids, special ones included; small vocabularies fill it partly."""
    text_len: int = 77
    """Most tokens of a caption, [BOS] and [EOS] included."""
    eos_id: int = 49407
    """Id of [EOS], at whose first position the caption's feature is read."""
    text_dim: int = 512
    """Width of the text tower."""
    text_depth: int = 12
    """Blocks of the text tower."""
    text_heads: int = 8
    """Attention heads of the text tower; divide ``text_dim``."""
    activation: Activation = "quick_gelu"
    """Activation of the MLPs: ``quick_gelu`` in the released weights."""
    image_mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    """Mean of red, green and blue, taken off inside the net (pictures come in [0, 1])."""
    image_std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)
    """Standard deviation of red, green and blue, divided out inside the net."""

    def __post_init__(self) -> None:
        for whole, part in (
            ("image_size", "patch_size"),
            ("vision_dim", "vision_heads"),
            ("text_dim", "text_heads"),
        ):
            size, divisor = getattr(self, whole), getattr(self, part)
            if divisor < 1 or size % divisor:
                raise ValueError(f"{whole} {size} must be a multiple of {part} {divisor}")
        if not 0 <= self.eos_id < self.text_vocab_size:
            raise ValueError(
                f"eos_id {self.eos_id} must lie below text_vocab_size {self.text_vocab_size}"
            )


class ClipOutput(NamedTuple):
    """What a training step needs of a batch of pairs."""

    image_features: Tensor
    """``b e``, fp32, unit norm."""
    text_features: Tensor
    """``b e``, fp32, unit norm."""
    logit_scale: Tensor
    """Scalar in log space; cosines are multiplied by its exponential."""


class Clip(nn.Module):
    """Contrastive image-text model ([C] 2.4): both towers end in unit-norm fp32 features."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.config = config
        self.vision = VisionTower(config)
        self.text = TextTower(config)
        self.logit_scale = nn.Parameter(torch.tensor(INITIAL_LOGIT_SCALE))

    def forward(self, images: Tensor, text_tokens: Tensor) -> ClipOutput:
        """Encode pairs; see :meth:`encode_image` and :meth:`encode_text`."""
        return ClipOutput(
            self.encode_image(images), self.encode_text(text_tokens), self.logit_scale
        )

    def encode_image(self, images: Tensor) -> Tensor:
        """Map pictures to features.

        Args:
            images: ``b 3 h w`` in [0, 1]; normalised inside.

        Returns:
            ``b e``, fp32, unit norm.

        Raises:
            ValueError: Height or width is not ``image_size``.
        """
        return normalise(self.vision(images))

    def encode_text(self, text_tokens: Tensor) -> Tensor:
        """Map captions to features.

        Args:
            text_tokens: int64, ``b t`` with t up to ``text_len``; each row holds [EOS]. What stands
                behind the first [EOS] does not matter.

        Returns:
            ``b e``, fp32, unit norm.

        Raises:
            ValueError: A row without [EOS], or t above ``text_len``.
        """
        return normalise(self.text(text_tokens))


class VisionTower(nn.Module):
    """Vision transformer with a class token and LayerNorms before and after the blocks [Q]."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        dim, patch = config.vision_dim, config.patch_size
        self.image_size = config.image_size
        self.register_buffer("mean", torch.tensor(config.image_mean)[:, None, None], False)
        self.register_buffer("std", torch.tensor(config.image_std)[:, None, None], False)
        self.patches = nn.Conv2d(3, dim, patch, stride=patch, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(dim))
        self.position_embedding = nn.Parameter(
            torch.empty(1 + (config.image_size // patch) ** 2, dim)
        )
        self.norm_before = LayerNorm32(dim)
        self.blocks = nn.ModuleList(
            Block(dim, config.vision_heads, activation=config.activation)
            for _ in range(config.vision_depth)
        )
        self.norm_after = LayerNorm32(dim)
        self.projection = nn.Linear(dim, config.embed_dim, bias=False)
        nn.init.normal_(self.class_embedding, std=dim**-0.5)
        nn.init.normal_(self.position_embedding, std=dim**-0.5)
        _init_transformer(self.blocks, self.projection)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``b 3 h w`` in [0, 1] to ``b e`` in fp32, not yet of unit norm."""
        size = tuple(images.shape[1:])
        if size != (3, self.image_size, self.image_size):
            raise ValueError(
                f"this CLIP takes pictures of 3 x {self.image_size} x {self.image_size}, "
                f"got {' x '.join(map(str, size))}; resize them first"
            )
        patches = self._embed((images.float() - self.mean) / self.std)
        first = self.class_embedding.to(patches.dtype).expand(len(patches), 1, -1)
        x = self.norm_before(torch.cat([first, patches], dim=1) + self.position_embedding)
        of_class = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        x = _transform(x, self.blocks, attend, of_class)
        return _project(self.norm_after(x), self.projection)

    def _embed(self, targets: Tensor) -> Tensor:
        """Patches of ``b 3 h w`` through the convolution, as one product: ``b patches dim``."""
        weight = self.patches.weight
        cut = "b c (h p) (w q) -> b (h w) (c p q)"
        patches = rearrange(
            targets.to(working_dtype(weight)), cut, p=weight.shape[2], q=weight.shape[3]
        )
        return F.linear(patches, weight.flatten(1))


class TextTower(nn.Module):
    """Causal transformer; the feature stands at the first [EOS], after a LayerNorm [Q]."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        dim = config.text_dim
        self.eos_id, self.text_len = config.eos_id, config.text_len
        self.token_embedding = nn.Embedding(config.text_vocab_size, dim)
        self.position_embedding = nn.Parameter(torch.empty(config.text_len, dim))
        self.blocks = nn.ModuleList(
            Block(dim, config.text_heads, activation=config.activation)
            for _ in range(config.text_depth)
        )
        self.norm_after = LayerNorm32(dim)
        self.projection = nn.Linear(dim, config.embed_dim, bias=False)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.position_embedding, std=0.01)
        _init_transformer(self.blocks, self.projection)

    def forward(self, text_tokens: Tensor) -> Tensor:
        """Map int64 ``b t`` to ``b e`` in fp32, not yet of unit norm.

        Attention is causal, so what follows the batch's last [EOS] is cut off unread.
        """
        ends = self._ends(text_tokens)
        length = int(ends.max()) + 1
        x = self.token_embedding(text_tokens[:, :length]) + self.position_embedding[:length]
        seen = torch.arange(length, device=x.device) <= ends[:, None]
        x = _transform(x, self.blocks, attend_causal, ends, seen)
        return _project(self.norm_after(x), self.projection)

    def _ends(self, text_tokens: Tensor) -> Tensor:
        """Position of the first [EOS] of each row: int64, ``b``."""
        if text_tokens.shape[1] > self.text_len:
            raise ValueError(
                f"captions of {text_tokens.shape[1]} tokens, but this CLIP takes {self.text_len}"
            )
        is_end = text_tokens == self.eos_id
        lacking = int((~is_end.any(dim=1)).sum())
        if lacking:
            raise ValueError(
                f"{lacking} of {len(text_tokens)} captions lack [EOS] (id {self.eos_id}), where "
                "CLIP reads the feature; encode them with a tokenizer that appends it"
            )
        return is_end.int().argmax(dim=1)


def at_size(images: Tensor, size: int) -> Tensor:
    """Resize pictures ``b 3 h w`` to ``size × size`` (bilinear, antialiased) where needed."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


def _transform(
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


def _project(x: Tensor, projection: nn.Linear) -> Tensor:
    """Project in fp32, whatever the precision around."""
    with torch.autocast(x.device.type, enabled=False):
        return F.linear(x.float(), projection.weight.float())


def _init_transformer(blocks: nn.ModuleList, projection: nn.Linear) -> None:
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

"""CLIP: an image tower and a causal text transformer that share one feature space."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lit_dalle.functional.attention import attend_causal
from lit_dalle.functional.similarity import normalise
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.layers import Block, LayerNorm32
from lit_dalle.models.resnet import ModifiedResNet
from lit_dalle.models.transformer import init_transformer, project, transform
from lit_dalle.models.vision import ImageTower, VisionTransformer

INITIAL_LOGIT_SCALE = 2.6592600
"""ln(1/0.07), where training starts ([C] 2.4)."""


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
        self.vision = image_tower(config)
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


def image_tower(config: ClipConfig) -> ImageTower:
    """Build the image tower: a modified ResNet where the config has stages, else a transformer."""
    return ModifiedResNet(config) if config.vision_stages else VisionTransformer(config)


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
        init_transformer(self.blocks, self.projection)

    def forward(self, text_tokens: Tensor) -> Tensor:
        """Map int64 ``b t`` to ``b e`` in fp32, not yet of unit norm.

        Attention is causal, so what follows the batch's last [EOS] is cut off unread.
        """
        ends = self._ends(text_tokens)
        length = int(ends.max()) + 1
        x = self.token_embedding(text_tokens[:, :length]) + self.position_embedding[:length]
        seen = torch.arange(length, device=x.device) <= ends[:, None]
        x = transform(x, self.blocks, attend_causal, ends, seen)
        return project(self.norm_after(x), self.projection)

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

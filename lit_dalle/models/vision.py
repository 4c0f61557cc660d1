"""Image towers of CLIP: what they share, and the vision transformer."""

from abc import ABC, abstractmethod

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from lit_dalle.functional.attention import attend
from lit_dalle.functional.precision import working_dtype
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.layers import Block, LayerNorm32
from lit_dalle.models.transformer import init_transformer, project, transform


class ImageTower(nn.Module, ABC):
    """Maps pictures to features; the mean and deviation of pixels are taken off inside."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.image_size = config.image_size
        self.register_buffer("mean", torch.tensor(config.image_mean)[:, None, None], False)
        self.register_buffer("std", torch.tensor(config.image_std)[:, None, None], False)

    def forward(self, images: Tensor) -> Tensor:
        """Map ``b 3 h w`` in [0, 1] to ``b e`` in fp32, not yet of unit norm."""
        size = tuple(images.shape[1:])
        if size != (3, self.image_size, self.image_size):
            raise ValueError(
                f"this CLIP takes pictures of 3 x {self.image_size} x {self.image_size}, "
                f"got {' x '.join(map(str, size))}; resize them first"
            )
        return self.features((images.float() - self.mean) / self.std)

    @abstractmethod
    def features(self, targets: Tensor) -> Tensor:
        """Map normalised pictures ``b 3 h w`` to ``b e`` in fp32."""


class VisionTransformer(ImageTower):
    """Vision transformer with a class token and LayerNorms before and after the blocks [Q]."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__(config)
        dim, patch = config.vision_dim, config.patch_size
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
        init_transformer(self.blocks, self.projection)

    def features(self, targets: Tensor) -> Tensor:
        """Map normalised pictures ``b 3 h w`` to ``b e`` in fp32."""
        patches = self._embed(targets)
        first = self.class_embedding.to(patches.dtype).expand(len(patches), 1, -1)
        x = self.norm_before(torch.cat([first, patches], dim=1) + self.position_embedding)
        of_class = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        x = transform(x, self.blocks, attend, of_class)
        return project(self.norm_after(x), self.projection)

    def _embed(self, targets: Tensor) -> Tensor:
        """Patches of ``b 3 h w`` through the convolution, as one product: ``b patches dim``."""
        weight = self.patches.weight
        cut = "b c (h p) (w q) -> b (h w) (c p q)"
        patches = rearrange(
            targets.to(working_dtype(weight)), cut, p=weight.shape[2], q=weight.shape[3]
        )
        return F.linear(patches, weight.flatten(1))

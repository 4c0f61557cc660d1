"""Residual networks of bottlenecks: CLIP's modified one and the supervised one beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from lit_dalle.functional.attention import attend
from lit_dalle.functional.precision import working_dtype
from lit_dalle.models.clip_config import RESNET_STRIDE, ClipConfig
from lit_dalle.models.convolution import Convolution
from lit_dalle.models.vision import ImageTower

EXPANSION = 4
"""A bottleneck's output is so many times as wide as its 3×3 convolution."""


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions beside an identity (He et al. 2015).

    Args:
        channels: Of the input.
        width: Of the 3×3 convolution; the output has ``EXPANSION`` times as many channels.
        stride: Factor by which the side shrinks.
        pooled: Shrink by mean pooling, behind the 3×3 convolution and before the 1×1 of the
            shortcut, as CLIP's does ([C] 2.4); else those convolutions have the stride.
    """

    def __init__(self, channels: int, width: int, stride: int, *, pooled: bool) -> None:
        super().__init__()
        out, step = EXPANSION * width, 1 if pooled else stride
        self.reduce = Convolution(channels, width, 1)
        self.reduce_norm = nn.BatchNorm2d(width)
        self.mix = Convolution(width, width, 3, step)
        self.mix_norm = nn.BatchNorm2d(width)
        self.pool = nn.AvgPool2d(stride) if pooled and stride > 1 else nn.Identity()
        self.expand = Convolution(width, out, 1)
        self.expand_norm = nn.BatchNorm2d(out)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels != out:
            parts = (self.pool, Convolution(channels, out, 1, step), nn.BatchNorm2d(out))
            self.shortcut = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``b c h w`` to ``b 4·width h/stride w/stride``."""
        y = F.relu(self.reduce_norm(self.reduce(x)))
        y = F.relu(self.mix_norm(self.mix(y)))
        y = self.expand_norm(self.expand(self.pool(y)))
        return F.relu(y + self.shortcut(x))


class AttentionPool(nn.Module):
    """Pools a map by attention whose one query is the map's mean ([C] 2.4, [Q]).

    Args:
        side: States along one side of the map.
        dim: Channels of the map.
        heads: Attention heads; divide ``dim``.
        embed_dim: Width of the feature.
    """

    def __init__(self, side: int, dim: int, heads: int, embed_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.position_embedding = nn.Parameter(torch.empty(1 + side**2, dim))
        self.query, self.key, self.value = (nn.Linear(dim, dim) for _ in range(3))
        self.projection = nn.Linear(dim, embed_dim)
        nn.init.normal_(self.position_embedding, std=dim**-0.5)
        for layer in (self.query, self.key, self.value, self.projection):
            nn.init.normal_(layer.weight, std=dim**-0.5)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``b dim h w`` to ``b embed_dim``."""
        states = rearrange(x, "b c h w -> b (h w) c")
        states = torch.cat([states.mean(dim=1, keepdim=True), states], dim=1)
        states = states + self.position_embedding.to(states.dtype)
        by_head = "b n (heads d) -> b heads n d"
        q, k, v = (
            rearrange(layer(part), by_head, heads=self.heads)
            for layer, part in (
                (self.query, states[:, :1]),
                (self.key, states),
                (self.value, states),
            )
        )
        return self.projection(rearrange(attend(q, k, v), "b heads 1 d -> b (heads d)"))


class ModifiedResNet(ImageTower):
    """CLIP's ResNet: a stem of three convolutions, pooled strides and attention pooling [Q].

    Initial weights are the released code's: torch's default for convolutions, N(0, 1/√dim) in the
    pool, and a gain of 0 at the end of every bottleneck.
    """

    def __init__(self, config: ClipConfig) -> None:
        super().__init__(config)
        width, half = config.vision_dim, config.vision_dim // 2
        self.stem = nn.Sequential(
            *(Convolution(3, half, 3, 2), nn.BatchNorm2d(half), nn.ReLU()),
            *(Convolution(half, half, 3), nn.BatchNorm2d(half), nn.ReLU()),
            *(Convolution(half, width, 3), nn.BatchNorm2d(width), nn.ReLU()),
            nn.AvgPool2d(2),
        )
        self.stages = _stages(width, width, config.vision_stages, pooled=True)
        side, dim = config.image_size // RESNET_STRIDE, 32 * width
        self.pool = AttentionPool(side, dim, config.vision_heads, config.embed_dim)
        _zero_last_gains(self)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def features(self, targets: Tensor) -> Tensor:
        """Map normalised pictures ``b 3 h w`` to ``b e`` in fp32."""
        targets = targets.to(
            working_dtype(next(self.stem.parameters())), memory_format=torch.channels_last
        )
        return self.pool(self.stages(self.stem(targets))).float()


@dataclass(frozen=True)
class ResNetConfig:
    """A supervised residual network; the defaults are ResNet-101 (He et al. 2015, table 1)."""

    classes: int = 1000
    """Classes to tell apart."""
    image_size: int = 224
    """Side of the square pictures, in pixels."""
    width: int = 64
    """Channels of the first stage's 3×3 convolutions; each stage doubles them."""
    stages: tuple[int, ...] = (3, 4, 23, 3)
    """Bottlenecks of each stage."""
    small_stem: bool = False
    """A 3×3 convolution at full resolution as stem instead of 7×7 with stride 2 and a max-pool, for
    pictures of 32 to 64 pixels (our choice there, as usual for CIFAR)."""
    image_mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Mean of red, green and blue, taken off inside the net (pictures come in [0, 1])."""
    image_std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    """Standard deviation of red, green and blue, divided out inside the net."""

    def __post_init__(self) -> None:
        if self.classes < 1 or self.width < 1 or not self.stages or min(self.stages) < 1:
            raise ValueError(
                "classes, width and the numbers of stages must be at least 1, got "
                f"{self.classes}, {self.width} and {list(self.stages)}"
            )


class ResNet(nn.Module):
    """Residual network with a linear classifier (He et al. 2015; stride in the 3×3 convolution).

    Attributes:
        config: Its sizes.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.tensor(config.image_mean)[:, None, None], False)
        self.register_buffer("std", torch.tensor(config.image_std)[:, None, None], False)
        small, width = config.small_stem, config.width
        self.stem = nn.Sequential(
            Convolution(3, width, 3 if small else 7, 1 if small else 2),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.stages = _stages(width, width, config.stages, pooled=False)
        channels = EXPANSION * width * 2 ** (len(config.stages) - 1)
        self.head = nn.Linear(channels, config.classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        _zero_last_gains(self)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Map pictures ``b 3 h w`` in [0, 1] to logits of the classes, fp32 ``b classes``."""
        dtype = working_dtype(next(self.stem.parameters()))
        targets = (images.float() - self.mean) / self.std
        targets = targets.to(dtype, memory_format=torch.channels_last)
        pooled = self.stages(self.stem(targets)).mean(dim=(2, 3))
        return self.head(pooled).float()


def _stages(channels: int, width: int, blocks: Sequence[int], *, pooled: bool) -> nn.Sequential:
    """Stages of bottlenecks; each but the first halves the side and doubles the width."""
    stages = []
    for stage, count in enumerate(blocks):
        parts = []
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            parts.append(Bottleneck(channels, width, stride, pooled=pooled))
            channels = EXPANSION * width
        stages.append(nn.Sequential(*parts))
        width *= 2
    return nn.Sequential(*stages)


def _zero_last_gains(net: nn.Module) -> None:
    """Let every bottleneck begin as its shortcut."""
    for module in net.modules():
        if isinstance(module, Bottleneck):
            nn.init.zeros_(module.expand_norm.weight)

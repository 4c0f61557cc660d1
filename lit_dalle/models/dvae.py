"""The discrete VAE: pictures to tokens on a grid and back (METHOD of [P] 2.1, structure of [D])."""

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from lit_dalle.functional.losses import map_pixels, unmap_pixels
from lit_dalle.models.codes import Codes, NearestCodes, ScalarCodes, SoftmaxCodes

Quantizer = Literal["gumbel", "ibq", "vq", "fsq"]
SOFTMAX: tuple[Quantizer, ...] = ("gumbel", "ibq")
"""Quantizers whose latents are the logits of all codes."""


@dataclass(frozen=True)
class DiscreteVAEConfig:
    """Shape of the discrete VAE; the defaults are the published net ([D])."""

    image_size: int = 256
    """Pixels a side; a multiple of the downsampling."""
    codebook_size: int = 8192
    """Number of codes, i.e. of different image tokens."""
    codebook_dim: int = 128
    """Width of a code's vector, the decoder's input."""
    hidden: int = 256
    """Width that ``widths`` multiplies; a multiple of 4."""
    widths: tuple[int, ...] = (1, 2, 4, 8)
    """Width of each group in units of ``hidden``, from fine to coarse; each but the first halves
    the side, so four groups give a grid 8 times smaller (with ``patch`` 1)."""
    blocks_per_group: int = 2
    """Residual blocks in each group."""
    patch: int = 1
    """Pixels a side merged into channels before the first layer and split after the last (our
    choice where not 1): a patch of 2 leaves out the finest, most costly resolution."""
    input_kernel: int = 7
    """Side of the first convolution ([D]: 7); odd. With a larger ``patch`` less does."""
    quantizer: Quantizer = "gumbel"
    """How codes are chosen: ``gumbel`` softmax ([P]), or of our choice ``ibq``, one-hot with the
    gradient of the softmax over all codes; ``vq``, the nearest of a codebook of running means;
    ``fsq``, every latent channel rounded to a few levels."""
    code_dim: int = 8
    """Latent channels of ``vq``, in which the nearest code is looked for (our choice)."""
    levels: tuple[int, ...] = ()
    """Levels of each latent channel of ``fsq``; their product is the codebook's size."""
    post_gain: float | None = None
    """Factor on every residual path; None for the published 1 / (number of blocks)²."""
    logits_gain: float = 1.0
    """Factor on the initial weights of the logits (our choice where not 1): the codes differ from
    the start, so the noise does not drown them."""
    codebook_gain: float = 1.0
    """Factor on the initial weights of the codebook (our choice where not 1)."""
    feature_norm: bool = False
    """Standardise the features before the logits by running statistics (our choice; False as
    published): what all positions have in common cannot decide for a code."""

    def __post_init__(self) -> None:
        if not self.widths or self.hidden % 4 or min(self.blocks_per_group, self.patch) < 1:
            raise ValueError(
                "the dVAE needs widths, hidden divisible by 4, blocks_per_group and patch of at "
                f"least 1, got {list(self.widths)}, {self.hidden}, {self.blocks_per_group}, "
                f"{self.patch}"
            )
        if self.input_kernel < 1 or self.input_kernel % 2 == 0:
            raise ValueError(f"input_kernel must be odd and positive, got {self.input_kernel}")
        if self.quantizer == "fsq" and math.prod(self.levels) != self.codebook_size:
            raise ValueError(
                f"fsq levels {list(self.levels)} make {math.prod(self.levels)} codes, "
                f"codebook_size is {self.codebook_size}: make them agree"
            )
        if self.image_size % self.downsampling:
            raise ValueError(
                f"image_size {self.image_size} is not a multiple of the downsampling "
                f"{self.downsampling}: change image_size or the number of widths"
            )

    @property
    def downsampling(self) -> int:
        """Factor f between a picture's side and the grid's side."""
        return self.patch * 2 ** (len(self.widths) - 1)

    @property
    def image_grid(self) -> int:
        """Image tokens a side."""
        return self.image_size // self.downsampling

    @property
    def latent_dim(self) -> int:
        """Channels between encoder and decoder: the logits of all codes, or fewer latents."""
        few = {"vq": self.code_dim, "fsq": len(self.levels)}
        return few.get(self.quantizer, self.codebook_size)

    @property
    def residual_gain(self) -> float:
        """Factor on every residual path."""
        return self.post_gain or 1 / (len(self.widths) * self.blocks_per_group) ** 2


class DiscreteVAEOutput(NamedTuple):
    """What a training step needs."""

    maps: Tensor
    """fp32 ``b 6 H W``: μ and ln b of the logit-Laplace density."""
    latents: Tensor
    """fp32 ``b c h w``: for a softmax quantizer the logits of the k codes, without noise."""
    penalty: Tensor
    """Scalar fp32: mean squared distance of latents to codes (``vq``), else 0."""


class Conv(nn.Module):
    """Size-keeping convolution times ``gain``, weights ~ N(0, 1/√(n_in·k²)), bias 0 ([D]).

    The gain multiplies the small weights instead of the large output: the same result, sooner.
    """

    def __init__(
        self, dim_in: int, dim_out: int, kernel: int, gain: float = 1.0, init_gain: float = 1.0
    ) -> None:
        super().__init__()
        std = init_gain / math.sqrt(dim_in * kernel**2)
        self.weight = nn.Parameter(torch.randn(dim_out, dim_in, kernel, kernel) * std)
        self.bias = nn.Parameter(torch.zeros(dim_out))
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        """``b dim_in h w`` → ``b dim_out h w``."""
        weight: Tensor = self.weight
        bias: Tensor = self.bias
        if self.gain != 1:
            weight, bias = weight * self.gain, bias * self.gain
        return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)


class Conv32(Conv):
    """The same in fp32, also under autocast."""

    def forward(self, x: Tensor) -> Tensor:
        """``b dim_in h w`` → ``b dim_out h w`` fp32."""
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


class ResidualBlock(nn.Module):
    """identity(x) + gain · path(x), the path being four relu-conv layers at width dim_out / 4."""

    def __init__(
        self, dim_in: int, dim_out: int, kernels: tuple[int, int, int, int], gain: float
    ) -> None:
        super().__init__()
        dims = (dim_in, *[dim_out // 4] * 3, dim_out)
        layers = OrderedDict[str, nn.Module]()
        for number, kernel in enumerate(kernels, start=1):
            layers[f"relu_{number}"] = nn.ReLU()
            last = gain if number == len(kernels) else 1.0
            layers[f"conv_{number}"] = Conv(dims[number - 1], dims[number], kernel, last)
        self.path = nn.Sequential(layers)
        self.identity = nn.Identity() if dim_in == dim_out else Conv(dim_in, dim_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``b dim_in h w`` → ``b dim_out h w``."""
        return self.identity(x) + self.path(x)


class Encoder(nn.Module):
    """Targets to latents, from fine to coarse, with a max-pool between groups."""

    def __init__(self, config: DiscreteVAEConfig) -> None:
        super().__init__()
        dims = [width * config.hidden for width in config.widths]
        layers = OrderedDict[str, nn.Module](
            input=Conv(3 * config.patch**2, dims[0], config.input_kernel)
        )
        for number, dim in enumerate(dims, start=1):
            before = dims[max(number - 2, 0)]
            layers[f"group_{number}"] = _group(before, dim, (3, 3, 3, 1), config)
            if number < len(dims):
                layers[f"pool_{number}"] = nn.MaxPool2d(2)
        layers["relu"] = nn.ReLU()
        if config.feature_norm:
            layers["norm"] = nn.BatchNorm2d(dims[-1], momentum=0.01, affine=False)
        self.patch = config.patch
        self.body = nn.Sequential(layers)
        self.output = Conv32(dims[-1], config.latent_dim, 1, init_gain=config.logits_gain)

    def forward(self, images: Tensor) -> Tensor:
        """Images ``b 3 H W`` in [0, 1] → latents ``b c h w`` fp32."""
        return self.output(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """Images ``b 3 H W`` in [0, 1] → what the latents are linear in, ``b d h w``."""
        x = F.pixel_unshuffle(map_pixels(images), self.patch)
        return self.body(x.contiguous(memory_format=torch.channels_last))


class Decoder(nn.Module):
    """Codes to maps, from coarse to fine, with a nearest-neighbour doubling between groups."""

    def __init__(self, config: DiscreteVAEConfig) -> None:
        super().__init__()
        before, gain = config.codebook_dim, config.codebook_gain
        self.codebook = Conv32(config.latent_dim, before, 1, init_gain=gain)
        dims = [width * config.hidden for width in reversed(config.widths)]
        layers = OrderedDict[str, nn.Module]()
        for number, dim in enumerate(dims, start=1):
            layers[f"group_{number}"] = _group(before, dim, (1, 3, 3, 3), config)
            if number < len(dims):
                layers[f"upsample_{number}"] = nn.Upsample(scale_factor=2, mode="nearest")
            before = dim
        layers["relu"] = nn.ReLU()
        layers["output"] = Conv(dims[-1], 6 * config.patch**2, 1)
        self.patch = config.patch
        self.body = nn.Sequential(layers)

    def forward(self, vectors: Tensor) -> Tensor:
        """Code vectors ``b d h w`` → maps ``b 6 H W`` fp32."""
        x = self.body(vectors.contiguous(memory_format=torch.channels_last))
        return F.pixel_shuffle(x, self.patch).float()


class DiscreteVAE(nn.Module):
    """Encoder and decoder of image tokens."""

    def __init__(self, config: DiscreteVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.codes: Codes = build_codes(config)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor, noise: Tensor | None, tau: float) -> DiscreteVAEOutput:
        """Choose codes such that gradients pass, and decode them, for training.

        Args:
            images: float ``b 3 H W`` in [0, 1].
            noise: Gumbel noise ``b k h w``; None for the quantizers that have none.
            tau: Relaxation temperature.

        Raises:
            ValueError: The Gumbel relaxation was asked for without noise.
        """
        latents = self.encode_latents(images)
        coded = self.codes(latents, noise, tau)
        return DiscreteVAEOutput(self.decode_codes(coded.codes), latents, coded.penalty)

    def encode_latents(self, images: Tensor) -> Tensor:
        """Images ``b 3 H W`` in [0, 1] → latents ``b c h w`` fp32, logits for a softmax quantizer.

        Raises:
            ValueError: The pictures have another size than the config says.
        """
        size = self.config.image_size
        if images.shape[1:] != (3, size, size):
            raise ValueError(f"pictures of 3×{size}×{size} expected, got {list(images.shape[1:])}")
        return self.encoder(images)

    def decode_codes(self, codes: Tensor) -> Tensor:
        """Codes ``b c h w`` → maps ``b 6 H W`` fp32; for a softmax, one-hot or a mixture."""
        return self.decoder(self.decoder.codebook(codes))

    def encode(self, images: Tensor) -> Tensor:
        """Images ``b 3 H W`` in [0, 1] → image tokens int64 ``b (h w)``, without noise."""
        return self.codes.tokens(self.encode_latents(images))

    def decode(self, image_tokens: Tensor) -> Tensor:
        """Image tokens int64 ``b (h w)`` → images ``b 3 H W`` fp32 in [0, 1]: φ⁻¹(sigmoid μ).

        Raises:
            ValueError: The number of tokens does not fill the grid.
        """
        return to_images(self.decode_maps(image_tokens))

    def decode_maps(self, image_tokens: Tensor) -> Tensor:
        """Image tokens int64 ``b (h w)`` → maps ``b 6 H W`` fp32; looks codes up."""
        grid = self.config.image_grid
        if image_tokens.ndim != 2 or image_tokens.shape[1] != grid**2:
            raise ValueError(
                f"{grid}×{grid} = {grid**2} image tokens a picture expected, "
                f"got shape {list(image_tokens.shape)}"
            )
        read = self._read(image_tokens)
        return self.decoder(rearrange(read, "b (h w) d -> b d h w", h=grid))

    def freeze_tokens(self) -> None:
        """Leave encoder and codes as they are, running means too: the decoder alone can learn."""
        for name, part in self.named_children():
            if name != "decoder":
                part.eval().requires_grad_(False)

    def code_vectors(self) -> Tensor:
        """What the decoder reads of each code: fp32 ``codebook_size d``; near ones look alike."""
        layer = self.decoder.codebook
        return self._read(torch.arange(self.config.codebook_size, device=layer.weight.device))

    @torch.no_grad()
    def code_pictures(self) -> Tensor:
        """What each code shows among its like, as the middle of nine: fp32 ``k 3 f f`` in [0, 1].

        ``f`` is the downsampling, the side of a token in pixels.
        """
        side = self.config.downsampling
        shown = [
            to_images(self.decoder(part[:, :, None, None].expand(-1, -1, 3, 3)))
            for part in torch.split(self.code_vectors(), 256)
        ]
        return torch.cat(shown)[:, :, side : 2 * side, side : 2 * side]

    def _read(self, image_tokens: Tensor) -> Tensor:
        """What the decoder reads of tokens ``…``: fp32 ``… d``."""
        layer = self.decoder.codebook
        read = self.codes.times(image_tokens, layer.weight[:, :, 0, 0].T) + layer.bias
        return read.float()


def build_codes(config: DiscreteVAEConfig) -> NearestCodes | ScalarCodes | SoftmaxCodes:
    """Make what stands between encoder and decoder."""
    if config.quantizer == "vq":
        return NearestCodes(config.codebook_size, config.code_dim)
    if config.quantizer == "fsq":
        return ScalarCodes(config.levels)
    return SoftmaxCodes(straight_through=config.quantizer == "ibq")


def to_images(maps: Tensor) -> Tensor:
    """Maps ``b 6 H W`` → images ``b 3 H W`` in [0, 1]: φ⁻¹(sigmoid μ) ([P] A.3)."""
    return unmap_pixels(maps[:, :3].float().sigmoid())


def _group(
    dim_in: int, dim_out: int, kernels: tuple[int, int, int, int], config: DiscreteVAEConfig
) -> nn.Sequential:
    """Residual blocks of one resolution, the first of which changes the width."""
    blocks = OrderedDict[str, nn.Module]()
    for number in range(1, config.blocks_per_group + 1):
        before = dim_in if number == 1 else dim_out
        blocks[f"block_{number}"] = ResidualBlock(before, dim_out, kernels, config.residual_gain)
    return nn.Sequential(blocks)

"""Between encoder and decoder: from latents to the codes that pictures are rebuilt from.

- ``SoftmaxCodes``: the latents are the logits of all codes ([P] 2.1); relaxed by Gumbel noise, or
  one-hot with the gradient of the softmax.
- ``NearestCodes``: the code nearest to the latent, out of vectors that are running means of the
  latents they were nearest to (van den Oord et al. 2017, appendix A.1).
- ``ScalarCodes``: every latent channel is rounded to a few levels (Mentzer et al. 2023, "FSQ").

The last two are our choice. They pass gradients straight through the rounding.
"""

import math
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn
from torch import distributed as dist

from lit_dalle.functional.processes import world_size
from lit_dalle.functional.quantize import gumbel_softmax, hard_tokens, index_backpropagation

GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it, modulo 1, are spread evenly however many there are."""
ROWS_TOGETHER = 1024
"""Latents that are compared with the codebook at once."""


class Coded(NamedTuple):
    """Codes in training."""

    codes: Tensor
    """fp32 ``b c h w``: what the decoder reads."""
    penalty: Tensor
    """Scalar fp32: mean squared distance of the latents to their codes, 0 where there is none."""


class Codes(Protocol):
    """What the dVAE asks of its codes. Latents are fp32 ``b c h w``."""

    def __call__(self, latents: Tensor, noise: Tensor | None, tau: float) -> Coded:
        """Choose codes such that gradients pass."""
        ...

    def tokens(self, latents: Tensor) -> Tensor:
        """Choose codes: int64 ``b (h w)``."""
        ...

    def times(self, image_tokens: Tensor, table: Tensor) -> Tensor:
        """Code vectors of tokens ``b i``, times a matrix ``c d``: ``b i d``."""
        ...


class SoftmaxCodes(nn.Module):
    """The latents are logits, the codes one-hot or a mixture of all."""

    def __init__(self, straight_through: bool) -> None:
        super().__init__()
        self.straight_through = straight_through

    def forward(self, latents: Tensor, noise: Tensor | None, tau: float) -> Coded:
        """Relax the choice at temperature ``tau``, with Gumbel noise ``b k h w`` or one-hot.

        Raises:
            ValueError: The Gumbel relaxation was asked for without noise.
        """
        none = latents.new_zeros(())
        if self.straight_through:
            return Coded(index_backpropagation(latents, tau), none)
        if noise is None:
            raise ValueError("the Gumbel relaxation needs noise: pass gumbel_noise(...)")
        return Coded(gumbel_softmax(latents, noise, tau), none)

    def tokens(self, latents: Tensor) -> Tensor:
        """Arg-max of the logits, int64 ``b (h w)``."""
        return hard_tokens(latents)

    def times(self, image_tokens: Tensor, table: Tensor) -> Tensor:
        """Rows of the table, without making one-hot codes."""
        return F.embedding(image_tokens, table)


class NearestCodes(nn.Module):
    """A codebook of vectors; a latent becomes the nearest.

    In training each vector is the running mean of the latents that it was nearest to, and a vector
    that few latents are near to starts again at one of the batch's latents. All of it is a function
    of the batches seen: nothing is drawn.

    Args:
        codebook_size: Number of codes k.
        channels: Width c of a vector.
        momentum: Share of a batch in the running means (our choice).
        revival: A code starts again when its running count is below this share of an even one.
    """

    vectors: Tensor
    counts: Tensor
    updates: Tensor

    def __init__(
        self, codebook_size: int, channels: int, momentum: float = 0.02, revival: float = 0.02
    ) -> None:
        super().__init__()
        self.momentum, self.revival = momentum, revival
        self.norm = nn.BatchNorm2d(channels, momentum=0.01, affine=False)
        self.register_buffer("vectors", torch.randn(codebook_size, channels))
        self.register_buffer("counts", torch.ones(codebook_size))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def forward(self, latents: Tensor, noise: Tensor | None, tau: float) -> Coded:
        """Replace latents ``b c h w`` by their codes; neither noise nor ``tau`` is used."""
        with torch.autocast(latents.device.type, enabled=False):
            normed = self.norm(latents.float())
            rows = rearrange(normed.detach(), "b c h w -> (b h w) c")
            tokens = self._nearest(rows)
            codes = rearrange(self.vectors[tokens], "(b h w) c -> b c h w", **_grid(latents))
            if self.training:
                self._follow(rows, tokens)
            return Coded(normed + (codes - normed).detach(), (normed - codes).square().mean())

    def tokens(self, latents: Tensor) -> Tensor:
        """Nearest code of each latent, int64 ``b (h w)``."""
        rows = rearrange(self.norm(latents.float()), "b c h w -> (b h w) c")
        return self._nearest(rows).view(len(latents), -1)

    def times(self, image_tokens: Tensor, table: Tensor) -> Tensor:
        """Vectors of tokens ``b i``, times a matrix ``c d``: ``b i d`` fp32."""
        return F.embedding(image_tokens, self.vectors.float() @ table.float())

    def _nearest(self, rows: Tensor) -> Tensor:
        """Nearest vector of each row, a few rows at a time: their products stay in the cache."""
        vectors = self.vectors.float()
        half_norms = vectors.square().sum(dim=1, keepdim=True) / 2
        table = torch.cat([vectors, -half_norms], dim=1).T
        rows = F.pad(rows, (0, 1), value=1.0)
        parts = torch.split(rows, ROWS_TOGETHER)
        return torch.cat([(part @ table).max(dim=1).indices for part in parts])

    @torch.no_grad()
    def _follow(self, rows: Tensor, tokens: Tensor) -> None:
        """Move the codebook towards the batch of all processes."""
        counts = torch.bincount(tokens, minlength=len(self.vectors)).float()
        sums = torch.zeros_like(self.vectors).index_add_(0, tokens, rows)
        total = len(rows) * world_size()
        fresh = rows[self._revivers(len(rows))]
        if world_size() > 1:
            dist.all_reduce(counts)
            dist.all_reduce(sums)
            dist.broadcast(fresh, src=0)
        kept = (1 - self.momentum) * self.counts
        self.counts.copy_(kept + self.momentum * counts)
        moved = kept[:, None] * self.vectors + self.momentum * sums
        self.vectors.copy_(moved / self.counts.clamp(min=1e-6)[:, None])
        even = total / len(self.vectors)
        dead = self.counts < self.revival * even
        self.vectors.copy_(torch.where(dead[:, None], fresh, self.vectors))
        self.counts.masked_fill_(dead, 10 * self.revival * even)
        self.updates += 1

    def _revivers(self, rows: int) -> Tensor:
        """A row for each code to start again from: spread evenly, others at the next update."""
        codes = len(self.vectors)
        number = torch.arange(codes, device=self.vectors.device) + self.updates * codes
        return ((number.double() * GOLDEN % 1) * rows).long()


class ScalarCodes(nn.Module):
    """Every channel rounded to a number of levels; a token names the levels of all channels.

    Args:
        levels: Levels of each channel, at least 2; their product is the codebook's size.
    """

    levels: Tensor

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes = levels
        self.register_buffer("levels", torch.tensor(levels), persistent=False)

    def forward(self, latents: Tensor, noise: Tensor | None, tau: float) -> Coded:
        """Round latents ``b c h w``; neither noise nor ``tau`` is used."""
        bounded = self._bounded(latents)
        rounded = bounded + (bounded.round() - bounded).detach()
        return Coded(rounded / self._half(), latents.new_zeros(()))

    def tokens(self, latents: Tensor) -> Tensor:
        """Levels of all channels as one number, int64 ``b (h w)``, the first channel leading."""
        digits = (self._bounded(latents).round() + self._half()).long()
        tokens = torch.zeros_like(digits[:, 0])
        for channel, size in enumerate(self.sizes):
            tokens = tokens * size + digits[:, channel]
        return tokens.flatten(1)

    def times(self, image_tokens: Tensor, table: Tensor) -> Tensor:
        """Vectors of tokens ``b i``, times a matrix ``c d``: ``b i d`` fp32."""
        digits = []
        for size in reversed(self.sizes):
            digits.append((image_tokens % size - size // 2) / (size // 2))
            image_tokens = image_tokens // size
        return torch.stack(digits[::-1], dim=-1).float() @ table.float()

    def _half(self) -> Tensor:
        return (self.levels // 2).view(1, -1, 1, 1)

    def _bounded(self, latents: Tensor) -> Tensor:
        """Squash a channel of n levels into where rounding gives n values, −n//2 the first."""
        levels = self.levels.view(1, -1, 1, 1).float()
        half = (levels - 1) / 2 * 1.001
        offset = torch.where(levels % 2 == 0, 0.5, 0.0)
        return torch.tanh(latents.float() + torch.atanh(offset / half)) * half - offset


def _grid(latents: Tensor) -> dict[str, int]:
    return {"b": latents.shape[0], "h": latents.shape[2], "w": latents.shape[3]}

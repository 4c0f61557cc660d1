"""Which positions see which: the prior's masks, computed from the geometry of the grid.

The image tokens of a ``grid × grid`` picture stand in raster order behind ``text_len`` text tokens.
Text is causal, every image token sees all text, and the kinds differ in which image tokens an image
token sees ([P] 2.2 and appendix B, Fig. 11). That depends only on how many tokens the key is back:

- ``row``: the last ``grid + 1`` tokens, itself included. The window wraps over the row's end and
  reaches the token straight above (33 tokens on the 32-wide grid).
- ``column``: the own column's tokens down to the own row.
- ``convolutional``: a centred ``kernel × kernel`` window made causal: ``kernel // 2`` rows above
  and the own row up to itself (at most 61 keys for 11×11), wrapping sideways as the row window.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

AttentionKind = Literal["full", "causal", "row", "column", "convolutional"]


@dataclass(frozen=True)
class AttentionPattern:
    """What a position sees: a mask before it is a tensor, for a stream of any length."""

    kind: AttentionKind
    """``full``: all positions see all; ``causal``: itself and those before; else a sparse kind."""
    text_len: int = 0
    """Text positions of the stream; for the sparse kinds."""
    grid: int = 0
    """Image tokens along one side of the picture; for the sparse kinds."""
    kernel: int = 11
    """Side of the convolutional window ([P] B); odd."""

    def __post_init__(self) -> None:
        if self.sparse and self.grid < 1:
            raise ValueError(f"a {self.kind} pattern needs the grid of the picture")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ValueError(f"a convolutional window needs an odd kernel, got {self.kernel}")

    @property
    def sparse(self) -> bool:
        """Whether an image token sees only some of the image tokens before it."""
        return self.kind not in ("full", "causal")

    @property
    def reach(self) -> int:
        """Tokens from a query of a row or convolutional layer back to the first key it sees."""
        half = self.kernel // 2
        return self.grid if self.kind == "row" else half * self.grid + half

    def sees(self, query: Tensor, key: Tensor) -> Tensor:
        """Tell which keys are visible: bool of the common shape of two int tensors of positions."""
        back = query - key
        if self.kind == "full":
            return back == back
        if self.kind == "causal":
            return back >= 0
        return (back >= 0) & ((key < self.text_len) | self._near(back))

    def mask(self, n: int, device: torch.device | None = None) -> Tensor:
        """Return the mask of a stream of n positions, the text and a start of the picture.

        Returns:
            bool ``n n``, True where the query (first) sees the key. It is shared between calls: do
            not write to it.
        """
        return _mask(self, n, device or torch.device("cpu"))

    def _near(self, back: Tensor) -> Tensor:
        """Tell for an image query whether it sees the image key so many tokens before it."""
        if self.kind == "row":
            return back <= self.grid
        if self.kind == "column":
            return back % self.grid == 0
        half = self.kernel // 2
        near = (back <= half) & (back >= 0)
        for rows_up in range(1, half + 1):
            near = near | ((back - rows_up * self.grid).abs() <= half)
        return near


FULL = AttentionPattern("full")
CAUSAL = AttentionPattern("causal")


@lru_cache(maxsize=16)
def _mask(pattern: AttentionPattern, n: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        positions = torch.arange(n, device=device)
        return pattern.sees(positions[:, None], positions[None, :])

"""Sizes of the prior, and what follows from them."""

from dataclasses import dataclass
from typing import Literal

from lit_dalle.functional.masks import AttentionKind, AttentionPattern


@dataclass(frozen=True)
class DalleConfig:
    """Sizes of the prior. The published ones ([P] 2.2): 64 layers, 62 heads of 64, width 3968."""

    text_vocab_size: int = 16384
    """Text tokens, [PAD] and [BOS] included ([P] 2.2)."""
    codebook_size: int = 8192
    """Image tokens: the codebook size of the dVAE ([P] 2.1)."""
    text_len: int = 256
    """Text tokens of a caption, [BOS] and padding included ([P] 2.2)."""
    image_grid: int = 32
    """Image tokens along one side of the picture ([P] 2.1)."""
    dim: int = 3968
    """Width of the residual stream."""
    depth: int = 64
    """Number of blocks."""
    heads: int = 62
    """Attention heads of a block."""
    head_dim: int | None = None
    """Width of a head; dim / heads when not given."""
    attention: Literal["published", "causal"] = "published"
    """``published``: row, column, convolutional layers; ``causal``: every layer sees all before."""
    conv_kernel: int = 11
    """Side of the convolutional layer's window ([P] B); odd."""
    qk_norm: bool = False
    """LayerNorm of queries and keys against divergence (later work; not in the paper)."""
    rotary: bool = False
    """Queries and keys turn with row and column, so that scores depend on how far apart two places
    are (later work, not in the paper; arXiv 2104.09864): a query with those of the token that it
    predicts, a key with its own. The learned positions stay."""
    order: Literal["raster", "any"] = "raster"
    """``any``: a token also knows which position it has to predict, so that image tokens may come
    in any order (double positions, σ-GPT, arXiv 2404.09562); it needs ``causal`` attention."""

    def __post_init__(self) -> None:
        for name in ("codebook_size", "image_grid", "dim", "depth", "heads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.text_vocab_size < 2 or self.text_len < 2:
            raise ValueError(
                "text_vocab_size and text_len must be at least 2 ([BOS] and a token), "
                f"got {self.text_vocab_size} and {self.text_len}"
            )
        if self.head_dim is None and self.dim % self.heads:
            raise ValueError(
                f"dim {self.dim} does not divide by {self.heads} heads; change one or give head_dim"
            )
        if self.attention not in ("published", "causal"):
            raise ValueError(f"attention must be published or causal, got {self.attention}")
        if self.conv_kernel < 1 or self.conv_kernel % 2 == 0:
            raise ValueError(f"conv_kernel must be odd and positive, got {self.conv_kernel}")
        if self.rotary and self.head_width % 4:
            raise ValueError(
                "rotary turns rows and columns by pairs of channels: the width of a head must be a "
                f"multiple of 4, got {self.head_width}"
            )
        if self.order not in ("raster", "any"):
            raise ValueError(f"order must be raster or any, got {self.order}")
        if self.order == "any" and self.attention != "causal":
            raise ValueError(
                f"order any needs attention causal, got {self.attention}: "
                "the sparse masks are those of raster order"
            )

    @property
    def head_width(self) -> int:
        """Width of a head."""
        return self.head_dim or self.dim // self.heads

    @property
    def image_len(self) -> int:
        """Image tokens of a picture."""
        return self.image_grid**2

    @property
    def kinds(self) -> tuple[AttentionKind, ...]:
        """Attention of each layer, first to last.

        Layer i, counted from 1, is column where (i − 2) mod 4 = 0 and row elsewhere; the last layer
        is convolutional ([P] B, Fig. 11).
        """
        if self.attention == "causal":
            return tuple(["causal"] * self.depth)
        layers = range(1, self.depth)
        order: list[AttentionKind] = ["column" if (i - 2) % 4 == 0 else "row" for i in layers]
        return (*order, "convolutional")

    @property
    def patterns(self) -> tuple[AttentionPattern, ...]:
        """What a position sees in each layer, first to last."""
        size = (self.text_len, self.image_grid, self.conv_kernel)
        return tuple(AttentionPattern(kind, *size) for kind in self.kinds)

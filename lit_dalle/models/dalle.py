"""The prior: one transformer over a stream of text tokens and image tokens ([P] 2.2)."""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from lit_dalle.functional.attention import column_mask, convolutional_mask, row_mask
from lit_dalle.models.layers import Block, KVCache, LayerNorm32, Linear32

PAD_ID = 0
"""Text token of padding; inside the net it becomes the pad embedding of its position."""

AttentionKind = Literal["causal", "row", "column", "convolutional"]


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
    """RMSNorm of queries and keys against divergence (later work; not in the paper)."""

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


class DalleOutput(NamedTuple):
    """Next-token logits of a teacher-forced pass, fp32."""

    text_logits: Tensor
    """``b text_len−1 text_vocab_size``: entry p predicts text token p + 1."""
    image_logits: Tensor
    """``b i codebook_size``: entry p predicts image token p."""


class Dalle(nn.Module):
    """Decoder-only transformer; position p of the stream predicts token p + 1.

    The stream is ``text_len`` text tokens (the first is [BOS]) and then the image tokens in raster
    order. Text and image have vocabularies and heads of their own. Text positions have a learned
    embedding, image positions the sum of a row and a column embedding ([P] 2.2).
    """

    row_mask: Tensor
    column_mask: Tensor
    convolutional_mask: Tensor

    def __init__(self, config: DalleConfig) -> None:
        super().__init__()
        self.config = config
        self.text_embedding = nn.Embedding(config.text_vocab_size, config.dim)
        self.pad_embedding = nn.Embedding(config.text_len, config.dim)
        self.text_position_embedding = nn.Embedding(config.text_len, config.dim)
        self.image_embedding = nn.Embedding(config.codebook_size, config.dim)
        self.row_embedding = nn.Embedding(config.image_grid, config.dim)
        self.column_embedding = nn.Embedding(config.image_grid, config.dim)
        self.blocks = nn.ModuleList(
            Block(config.dim, config.heads, config.head_dim, qk_norm=config.qk_norm)
            for _ in range(config.depth)
        )
        self.norm = LayerNorm32(config.dim)
        self.text_head = Linear32(config.dim, config.text_vocab_size, bias=False)
        self.image_head = Linear32(config.dim, config.codebook_size, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise in place as GPT-2 does (our choice), and make the masks.

        Weights and embeddings ~ N(0, 0.02); the two projections of a block that write into the
        residual stream ~ N(0, 0.02 / √(2·depth)); biases 0, gains 1.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
            if isinstance(module, nn.LayerNorm | nn.RMSNorm):
                module.reset_parameters()
        for block in self._blocks():
            for writer in (block.attn.out, block.mlp.down):
                nn.init.normal_(writer.weight, std=0.02 / math.sqrt(2 * self.config.depth))
        self._make_masks()

    def forward(self, text_tokens: Tensor, image_tokens: Tensor) -> DalleOutput:
        """Score given tokens (teacher forcing).

        Args:
            text_tokens: int64, ``b text_len``, framed by the tokenizer; 0 is padding.
            image_tokens: int64, ``b i`` with 1 ≤ i ≤ image_grid²: the whole picture or its start.

        Returns:
            Logits of every text token but the first and of every image token.

        Raises:
            ValueError: A length does not fit the config.
        """
        self._check(text_tokens, image_tokens.shape[1], shortest=1)
        text_len = self.config.text_len
        text = self._embed_text(text_tokens)
        x = torch.cat([text, self._embed_image(image_tokens[:, :-1], first=0)], dim=1)
        x = self._transform(x, first=0, caches=None)
        text_logits = self.text_head(x[:, : text_len - 1])
        return DalleOutput(text_logits, self.image_head(x[:, text_len - 1 :]))

    def new_caches(self, batch: int, length: int | None = None) -> list[KVCache]:
        """Make an empty cache for each layer.

        Args:
            batch: Sequences decoded together.
            length: Positions to make room for; the whole stream when not given.
        """
        weight = self.image_embedding.weight
        kind, dtype = weight.device.type, weight.dtype
        if torch.is_autocast_enabled(kind):
            dtype = torch.get_autocast_dtype(kind)
        length = length or self.config.text_len + self.config.image_len
        attention = self._blocks()[0].attn
        shape = (batch, attention.heads, length, attention.head_dim)
        return [KVCache(*shape, dtype=dtype, device=weight.device) for _ in self.blocks]

    def prefill(self, text_tokens: Tensor, image_tokens: Tensor, caches: list[KVCache]) -> Tensor:
        """Read the text and what is known of the picture's start into empty caches.

        Args:
            text_tokens: int64, ``b text_len``.
            image_tokens: int64, ``b i`` with 0 ≤ i ≤ image_grid².
            caches: Empty caches of batch b, one a layer.

        Returns:
            Logits of the next image token: fp32, ``b codebook_size``.

        Raises:
            ValueError: A length does not fit the config, or the caches are not empty.
        """
        if caches[0].filled:
            raise ValueError(f"prefill needs empty caches, these hold {caches[0].filled} positions")
        self._check(text_tokens, image_tokens.shape[1])
        text = self._embed_text(text_tokens)
        x = torch.cat([text, self._embed_image(image_tokens, first=0)], dim=1)
        return self.image_head(self._transform(x, first=0, caches=caches)[:, -1])

    def step(self, image_tokens: Tensor, caches: list[KVCache]) -> Tensor:
        """Read one more image token of each sequence.

        Args:
            image_tokens: int64, ``b``: the tokens of the position behind those in the caches.
            caches: Caches filled by :meth:`prefill` and earlier steps.

        Returns:
            Logits of the next image token: fp32, ``b codebook_size``.
        """
        first = caches[0].filled
        x = self._embed_image(image_tokens[:, None], first - self.config.text_len)
        return self.image_head(self._transform(x, first, caches)[:, -1])

    def _transform(self, x: Tensor, first: int, caches: list[KVCache] | None) -> Tensor:
        """Run blocks and last norm on the embedded positions ``first`` and following."""
        end = first + x.shape[1]
        for index, (block, kind) in enumerate(zip(self.blocks, self.config.kinds, strict=True)):
            cache = None if caches is None else caches[index]
            dense = kind == "causal" or end <= self.config.text_len
            mask = None if dense else self.get_buffer(f"{kind}_mask")[first:end, :end]
            x = block(x, mask, causal=dense and first == 0, cache=cache)
        return self.norm(x)

    def _embed_text(self, text_tokens: Tensor) -> Tensor:
        positions = torch.arange(text_tokens.shape[1], device=text_tokens.device)
        tokens = self.text_embedding(text_tokens)
        padding = (text_tokens == PAD_ID).unsqueeze(-1)
        tokens = torch.where(padding, self.pad_embedding(positions), tokens)
        return tokens + self.text_position_embedding(positions)

    def _embed_image(self, image_tokens: Tensor, first: int) -> Tensor:
        """Embed ``b i`` tokens whose first stands at raster position ``first``."""
        end = first + image_tokens.shape[1]
        positions = torch.arange(first, end, device=image_tokens.device)
        rows = self.row_embedding(positions // self.config.image_grid)
        columns = self.column_embedding(positions % self.config.image_grid)
        return self.image_embedding(image_tokens) + (rows + columns)

    def _check(self, text_tokens: Tensor, image_len: int, shortest: int = 0) -> None:
        if text_tokens.shape[1] != self.config.text_len:
            raise ValueError(
                f"the prior reads {self.config.text_len} text tokens, got {text_tokens.shape[1]}; "
                "use the tokenizer of this model"
            )
        if not shortest <= image_len <= self.config.image_len:
            raise ValueError(
                f"the prior reads {shortest} to {self.config.image_len} image tokens, "
                f"got {image_len}"
            )

    def _make_masks(self) -> None:
        """Set a mask buffer for each kind of layer in use; not part of the state dict."""
        config, device = self.config, self.image_embedding.weight.device
        size = (config.text_len, config.image_grid)
        if "row" in config.kinds:
            self.register_buffer("row_mask", row_mask(*size, device=device), persistent=False)
        if "column" in config.kinds:
            self.register_buffer("column_mask", column_mask(*size, device=device), persistent=False)
        if "convolutional" in config.kinds:
            mask = convolutional_mask(*size, config.conv_kernel, device=device)
            self.register_buffer("convolutional_mask", mask, persistent=False)

    def _blocks(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]

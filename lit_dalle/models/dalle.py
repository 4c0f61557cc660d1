"""The prior: one transformer over a stream of text tokens and image tokens ([P] 2.2)."""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lit_dalle.functional.attention import attend
from lit_dalle.functional.orders import check_raster, in_order, in_raster, order_rows
from lit_dalle.functional.precision import working_dtype
from lit_dalle.functional.rotary import Rotation, rotate, rotation
from lit_dalle.functional.vocabulary import vocabulary_loss, vocabulary_losses
from lit_dalle.models.cache import KVCache, PrefixCache
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.layers import Block, LayerNorm32, Mix
from lit_dalle.models.stream import StreamEmbedding, stream_places


class DalleOutput(NamedTuple):
    """Next-token logits of a teacher-forced pass, fp32."""

    text_logits: Tensor
    """``b text_len−1 text_vocab_size``: entry p predicts text token p + 1."""
    image_logits: Tensor
    """``b i codebook_size``: entry p predicts image token p of the stream."""


class DalleLosses(NamedTuple):
    """Cross-entropy of a teacher-forced pass: fp32 scalars in nats, mean over the tokens scored."""

    text_loss: Tensor
    image_loss: Tensor


class Prefill(NamedTuple):
    """What a prefill leaves."""

    logits: Tensor
    """Logits of the next image token: fp32, ``prompts codebook_size``."""
    layers: Sequence[PrefixCache]
    """Keys and values of each layer."""


class Dalle(nn.Module):
    """Decoder-only transformer; position p of the stream predicts token p + 1.

    The stream is ``text_len`` text tokens (the first is [BOS]) and then the image tokens, in raster
    order or in another (see ``functional/orders.py``), embedded by ``models/stream.py``. Text and
    image have vocabularies and heads of their own ([P] 2.2).

    Attributes:
        activation_checkpointing: Keep only each block's input for the backward pass and compute
            the block again there: a third more work for a fraction of the memory.
    """

    def __init__(self, config: DalleConfig) -> None:
        super().__init__()
        self.config = config
        self.activation_checkpointing = False
        self.embedding = StreamEmbedding(
            config.text_vocab_size,
            config.text_len,
            config.codebook_size,
            config.image_grid,
            config.dim,
            any_order=config.order == "any",
        )
        self.blocks = nn.ModuleList(
            Block(config.dim, config.heads, config.head_dim, qk_norm=config.qk_norm)
            for _ in range(config.depth)
        )
        self.norm = LayerNorm32(config.dim)
        self.text_head = nn.Linear(config.dim, config.text_vocab_size, bias=False)
        self.image_head = nn.Linear(config.dim, config.codebook_size, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise in place as GPT-2 does (our choice).

        Weights and embeddings ~ N(0, 0.02); the two projections of a block that write into the
        residual stream ~ N(0, 0.02 / √(2·depth)); biases 0, gains 1.
        """
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
            if isinstance(module, nn.LayerNorm):
                module.reset_parameters()
        for block in self._blocks():
            for writer in (block.attn.out, block.mlp.down):
                nn.init.normal_(writer.weight, std=0.02 / math.sqrt(2 * self.config.depth))

    @torch.no_grad()
    def relate_codes(self, vectors: Tensor, share: float) -> None:
        """Let codes that look alike start alike, as inputs and as predictions (our choice).

        A share of the variance of the image embedding and head, whose scale stays as it is, becomes
        one random projection of the codes' vectors.

        Args:
            vectors: The dVAE's, ``codebook_size d``.
            share: In [0, 1]; 0 leaves the codes unrelated.

        Raises:
            ValueError: The weights are on the meta device, where there is nothing to set.
        """
        if self.image_head.weight.is_meta:
            raise ValueError(
                "code_similarity sets weights, and these are not made yet: set it to 0 for a "
                "strategy that makes them in shards"
            )
        scaled = (vectors - vectors.mean(dim=0)) / vectors.std(dim=0).clamp(min=1e-6)
        projected = scaled @ torch.randn(vectors.shape[1], self.config.dim, device=vectors.device)
        projected = projected / projected.std()
        for weight in (self.embedding.image.weight, self.image_head.weight):
            weight.copy_((1 - share) ** 0.5 * weight + share**0.5 * weight.std() * projected)

    def forward(
        self, text_tokens: Tensor, image_tokens: Tensor, order: Tensor | None = None
    ) -> DalleOutput:
        """Score given tokens (teacher forcing).

        Args:
            text_tokens: int64, ``b text_len``, framed by the tokenizer; 0 is padding.
            image_tokens: int64, ``b i`` in raster order, 1 ≤ i ≤ image_grid²: the whole picture or,
                without an order, its start.
            order: int64, ``i`` or ``b i``: the order to read and predict them in; None is raster.

        Returns:
            Logits of every text token but the first and of every image token, the latter in the
            order given: entry j predicts the token at raster position ``order[j]``.

        Raises:
            ValueError: A length does not fit the config, or the net reads raster order alone.
        """
        stream, order = self._in_order(image_tokens, order)
        text, image = self._states(text_tokens, stream, order)
        return DalleOutput(self.text_head(text).float(), self.image_head(image).float())

    def losses(
        self,
        text_tokens: Tensor,
        image_tokens: Tensor,
        order: Tensor | None = None,
        scored: Tensor | None = None,
        read: Tensor | None = None,
    ) -> DalleLosses:
        """Score given tokens as :meth:`forward` does, without ever holding all their logits.

        Args:
            text_tokens: int64, ``b text_len``.
            image_tokens: int64, ``b i`` in raster order with 1 ≤ i ≤ image_grid².
            order: As in :meth:`forward`.
            scored: bool, ``b i`` over raster positions: image tokens that count; None is all.
            read: int64 as ``image_tokens``: what the net is shown in their place (with noise, say);
                None shows them as they are.

        Returns:
            Cross-entropy of every text token but the first and of the image tokens that count.

        Raises:
            ValueError: A length does not fit the config, or the net reads raster order alone.
        """
        stream, rows = self._in_order(image_tokens, order)
        shown = stream if read is None else self._in_order(read, order)[0]
        text, image = self._states(text_tokens, shown, rows)
        if scored is not None:
            counts = scored.gather(1, rows[:, : stream.shape[1]].expand_as(stream))
            image, stream = image[counts][None], stream[counts][None]
        return DalleLosses(
            vocabulary_loss(text, self.text_head.weight, text_tokens[:, 1:]),
            vocabulary_loss(image, self.image_head.weight, stream),
        )

    def image_losses(
        self, text_tokens: Tensor, image_tokens: Tensor, order: Tensor | None = None
    ) -> Tensor:
        """Score each image token by itself, without gradients.

        The logits are products in fp32, whatever the net computes in: where pictures are compared,
        rounding must not decide.

        Args:
            text_tokens: int64, ``b text_len``.
            image_tokens: int64, ``b i`` in raster order with 1 ≤ i ≤ image_grid²: the whole picture
                or, without an order, its start.
            order: int64, ``i`` or ``b i``: the order to read and predict them in; None is raster.

        Returns:
            Cross-entropy of each: fp32, ``b i`` in raster order, nats.

        Raises:
            ValueError: A length does not fit the config, or the net reads raster order alone.
        """
        with torch.no_grad():
            stream, rows = self._in_order(image_tokens, order)
            _, image = self._states(text_tokens, stream, rows)
            weight = self.image_head.weight.float()
            with torch.autocast(image.device.type, enabled=False):
                losses = vocabulary_losses(image.float(), weight, stream)
        return losses if order is None else in_raster(losses, rows)

    def prefill(
        self, text_tokens: Tensor, image_tokens: Tensor, order: Tensor | None = None
    ) -> Prefill:
        """Read the text and the image tokens that are known.

        Args:
            text_tokens: int64, ``prompts text_len``.
            image_tokens: int64, ``prompts i`` with 0 ≤ i ≤ image_grid²: the first of the order,
                in that order.
            order: int64, ``image_grid²`` or ``prompts image_grid²``; None is raster.

        Raises:
            ValueError: A length does not fit the config, or the net reads raster order alone.
        """
        self._check(text_tokens, image_tokens.shape[1])
        layers = [PrefixCache(pattern) for pattern in self.config.patterns]
        rows = self._rows(order, text_tokens.device)
        x = self.embedding(text_tokens, image_tokens, rows)
        return Prefill(self.image_head(self._transform(x, layers, rows)[:, -1]).float(), layers)

    def new_caches(self, prefill: Prefill, copies: int) -> list[KVCache]:
        """Make a cache for each layer in which ``copies`` candidates continue each prompt."""
        size = (self.config.text_len, self.config.image_len, copies)
        return [KVCache(layer, *size) for layer in prefill.layers]

    def step(
        self, image_tokens: Tensor, caches: list[KVCache], order: Tensor | None = None
    ) -> Tensor:
        """Read one more image token of each candidate.

        Args:
            image_tokens: int64, ``prompts·copies``: the tokens of the caches' next position.
            caches: Caches made by :meth:`new_caches`, moved on by earlier steps.
            order: The order that the prefill read, ``i`` or ``prompts·copies i``; None is raster.

        Returns:
            Logits of the next image token of the order: fp32, ``prompts·copies codebook_size``.

        Raises:
            ValueError: The picture is complete, or the net reads raster order alone.
        """
        position = caches[0].position
        if position >= self.config.image_len:
            raise ValueError(f"the picture is complete: it has {position} image tokens")
        rows = self._rows(order, image_tokens.device)
        x = self.embedding.of_image(image_tokens[:, None], rows, first=position)
        x = self._transform(x, caches, rows, first=self.config.text_len + position)
        return self.image_head(x[:, -1]).float()

    def _states(self, text_tokens: Tensor, stream: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
        """Last states from which text tokens 1 … and the stream's image tokens are predicted.

        The last image token predicts nothing; it is read all the same, since the sparse layers
        work on whole rows.
        """
        self._check(text_tokens, stream.shape[1], shortest=1)
        x = self.embedding(text_tokens, stream, order)
        mixes = [partial(attend, pattern=pattern) for pattern in self.config.patterns]
        x = self._transform(x, mixes, order)
        text_len = self.config.text_len
        return x[:, : text_len - 1], x[:, text_len - 1 : -1]

    def _transform(self, x: Tensor, mixes: Sequence[Mix], order: Tensor, first: int = 0) -> Tensor:
        """Run blocks and last norm on embedded positions, ``b n dim``.

        The residual stream has the dtype of the products, bf16 under autocast: half the traffic.

        Args:
            x: What stands at the positions of the stream from ``first`` on.
            mixes: What mixes them, one a block.
            order: The order of the image tokens, ``1 i`` or ``b i``.
            first: Where in the stream ``x`` begins.
        """
        x = x.to(working_dtype(x))
        if self.config.rotary:
            own = slice(first, first + x.shape[1])
            places = stream_places(order, self.config.text_len, self.config.image_grid)
            asked, kept = (
                rotation(part[:, own], self.config.head_width, x.dtype) for part in places
            )
            mixes = [partial(_mix_turned, mix, asked, kept) for mix in mixes]
        for block, mix in zip(self.blocks, mixes, strict=True):
            if self.activation_checkpointing and torch.is_grad_enabled():
                x = checkpoint(block, x, mix, use_reentrant=False)
            else:
                x = block(x, mix)
        return self.norm(x)

    def _in_order(self, image_tokens: Tensor, order: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return image tokens of raster order in the stream's order, and that order by rows."""
        rows = self._rows(order, image_tokens.device)
        if order is None:
            return image_tokens, rows
        return in_order(image_tokens, rows), rows

    def _rows(self, order: Tensor | None, device: torch.device) -> Tensor:
        """Return an order as ``1 i`` or ``b i``; a net of raster order refuses any other."""
        rows = order_rows(order, self.config.image_grid, device)
        if order is not None and self.config.order == "raster":
            check_raster(rows, self.config.image_grid)
        return rows

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

    def _blocks(self) -> list[Block]:
        return [block for block in self.blocks if isinstance(block, Block)]


def _mix_turned(
    mix: Mix, of_queries: Rotation, of_keys: Rotation, q: Tensor, k: Tensor, v: Tensor
) -> Tensor:
    return mix(rotate(q, of_queries), rotate(k, of_keys), v)

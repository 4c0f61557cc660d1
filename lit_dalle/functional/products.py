"""Attention with gradients as a few dense products, each no larger than the mask asks for.

On a CPU the backward of the fused kernel is several times slower than plain bf16 products, and on
any device a dense mask costs the same however little it shows. Here a stream is cut into parts:
the text, and either blocks of growing context (causal) or blocks of the picture's rows or columns
with the keys that those can see. Scores are rounded to the dtype of the inputs, the softmax is
computed in fp32 inside its kernel, and only the probabilities are kept for the backward pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from lit_dalle.functional.masks import CAUSAL, AttentionPattern

CAUSAL_QUERIES = 256
"""Queries of a span of growing context: smaller ones compute less and launch more."""
BLOCK_QUERIES = 32
"""A block of rows holds at least so many queries: smaller products waste the matrix units."""
WORTHWHILE = 0.45
"""Blocks must compute at most this share of the dense mask's pairs, else the mask is faster."""


def attend_in_parts(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    pattern: AttentionPattern,
    parts: "Sequence[Part] | None" = None,
) -> Tensor:
    """Attention of a whole stream under a pattern, equal to the dense mask up to rounding.

    Args:
        q: Queries, ``b heads n head_dim``.
        k: Keys, the same shape; for the pattern ``full`` of any length m.
        v: Values, of the keys' shape.
        pattern: What a position sees.
        parts: How the stream is cut; :func:`plan` decides when not given.

    Returns:
        ``b heads n head_dim``.
    """
    parts = plan(pattern, q.shape[2], k.shape[2]) if parts is None else parts
    mixed: Tensor = _AttendInParts.apply(q, k, v, parts)  # type: ignore[no-untyped-call]
    return mixed


class _AttendInParts(torch.autograd.Function):
    """Forward and backward part by part.

    Each part copies what it needs of the streams ``b heads n d`` into ``g n d``, g = b · heads,
    and keeps the copies for the backward pass.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, parts: "Sequence[Part]") -> Tensor:
        ctx.parts = parts
        mixed = torch.empty_like(q, memory_format=torch.contiguous_format)
        kept = [part.forward(Streams(q, k, v), mixed.flatten(0, 1)) for part in ctx.parts]
        ctx.save_for_backward(*(x for tensors in kept for x in tensors))
        ctx.shapes = (q.shape, k.shape, v.shape)
        return mixed

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        if len(ctx.parts) == 1 and isinstance(ctx.parts[0], Span):
            whole = ctx.parts[0].gradients(list(ctx.saved_tensors), grad)
            q, k, v = (part.view(shape) for part, shape in zip(whole, ctx.shapes, strict=True))
            return q, k, v, None
        kept = iter(ctx.saved_tensors)
        grads = Streams(*(grad.new_zeros(shape) for shape in ctx.shapes))
        flat = Streams(*(x.flatten(0, 1) for x in grads))
        for part in ctx.parts:
            part.backward([next(kept) for _ in range(part.keeps)], grad, flat)
        return *grads, None


class Streams(NamedTuple):
    """Queries, keys and values of a stream, or their gradients."""

    q: Tensor
    k: Tensor
    v: Tensor


@dataclass(frozen=True)
class Span:
    """Queries ``first … end`` over the keys ``0 … keys``, under the mask of a pattern."""

    pattern: AttentionPattern
    first: int
    end: int
    keys: int

    keeps = 4
    """Tensors kept for the backward pass."""

    @property
    def pairs(self) -> int:
        """Pairs of query and key that are computed."""
        return (self.end - self.first) * self.keys

    def forward(self, streams: Streams, mixed: Tensor) -> list[Tensor]:
        """Write the span of ``mixed``, ``g n d``; return what the backward pass needs."""
        q = _flat(streams.q[:, :, self.first : self.end])
        k, v = (_flat(x[:, :, : self.keys]) for x in (streams.k, streams.v))
        full = self.pattern.kind == "full"
        bias = None if full else _span_bias(self, q.dtype, q.device)
        shares = _scores(q, k, bias).softmax(dim=-1)
        mixed[:, self.first : self.end] = shares @ v
        return [q, k, v, shares]

    def backward(self, kept: list[Tensor], grad: Tensor, grads: Streams) -> None:
        """Add this span's gradients to ``g n d`` of each stream."""
        q, k, v = self.gradients(kept, grad)
        grads.q[:, self.first : self.end] = q
        grads.k[:, : self.keys] += k
        grads.v[:, : self.keys] += v

    def gradients(self, kept: list[Tensor], grad: Tensor) -> Streams:
        """Gradients of this span's own queries, keys and values, each ``g n d``."""
        q, k, v, shares = kept
        grad = _flat(grad[:, :, self.first : self.end])
        grad_scores = _softmax_backward(grad @ v.mT, shares)
        scale = q.shape[-1] ** -0.5
        return Streams(
            _product(grad_scores, k, scale),
            _product(grad_scores.mT, q, scale),
            shares.mT @ grad,
        )


@dataclass(frozen=True)
class Blocks:
    """The picture's queries in blocks; each sees all text and the keys around its block.

    A block is ``rows`` rows of the grid and sees ``halo`` rows above it; or, for columns, one
    column, which sees itself.
    """

    pattern: AttentionPattern
    lines: int
    """Rows of the picture that are there."""
    rows: int
    halo: int

    keeps = 6
    """Tensors kept for the backward pass."""

    @property
    def pairs(self) -> int:
        """Pairs of query and key that are computed."""
        column = self.pattern.kind == "column"
        own = self.lines if column else (self.rows + self.halo) * self.pattern.grid
        return self.lines * self.pattern.grid * (self.pattern.text_len + own)

    def forward(self, streams: Streams, mixed: Tensor) -> list[Tensor]:
        """Write the picture's part of ``mixed``, ``g n d``; return what the backward needs."""
        text = self.pattern.text_len
        q = self._gather(streams.q, halo=0)
        k, v = (self._gather(x, self.halo) for x in (streams.k, streams.v))
        text_k, text_v = (_flat(x[:, :, :text]) for x in (streams.k, streams.v))
        scores = self._scores(q, text_k, k, q.shape[-1] ** -0.5)
        self._own(scores).add_(_block_bias(self, q.dtype, q.device))
        shares = scores.softmax(dim=-1)
        out = (self._own(shares).flatten(0, 1) @ v.flatten(0, 1)).view(q.shape)
        if text:
            out += (shares[..., :text] @ text_v).view(q.shape)
        self._scatter(out, mixed, halo=0)
        return [q, k, v, text_k, text_v, shares]

    def backward(self, kept: list[Tensor], grad: Tensor, grads: Streams) -> None:
        """Add the picture's gradients to ``g n d`` of each stream."""
        q, k, v, text_k, text_v, shares = kept
        text, scale = self.pattern.text_len, q.shape[-1] ** -0.5
        grad_out = self._gather(grad, halo=0)
        grad_scores = _softmax_backward(self._scores(grad_out, text_v, v, 1.0), shares)
        own = self._own(grad_scores).flatten(0, 1).contiguous()
        own_shares = self._own(shares).flatten(0, 1).contiguous()
        grad_q = _product(own, k.flatten(0, 1), scale).view(q.shape)
        if text:
            of_text = grad_scores[..., :text].contiguous()
            grad_q += _product(of_text, text_k, scale).view(q.shape)
            grads.k[:, :text] += _product(of_text.mT, q.flatten(1, 2), scale)
            text_shares = shares[..., :text].contiguous()
            grads.v[:, :text] += text_shares.mT @ grad_out.flatten(1, 2)
        self._scatter(grad_q, grads.q, halo=0)
        grad_k = _product(own.mT, q.flatten(0, 1), scale)
        grad_v = own_shares.mT @ grad_out.flatten(0, 1)
        self._scatter(grad_k.view(k.shape), grads.k, self.halo)
        self._scatter(grad_v.view(v.shape), grads.v, self.halo)

    def _scores(self, queries: Tensor, text_keys: Tensor, keys: Tensor, scale: float) -> Tensor:
        """Products of the blocks' queries with all text and with their keys: ``g i text+keys``."""
        text, flat = self.pattern.text_len, queries.flatten(1, 2)
        scores = queries.new_empty(*flat.shape[:2], text + keys.shape[2])
        if text:
            of_text = scores[..., :text]
            torch.baddbmm(of_text, flat, text_keys.mT, beta=0, alpha=scale, out=of_text)
        own = self._own(scores).flatten(0, 1)
        pairs = (queries.flatten(0, 1), keys.flatten(0, 1).mT)
        torch.baddbmm(own, *pairs, beta=0, alpha=scale, out=own)
        return scores

    def _own(self, scores: Tensor) -> Tensor:
        """View ``g i text+keys`` as ``g blocks queries keys``, the text left out."""
        blocks = -(-self.lines // self.rows)
        if self.pattern.kind == "column":
            blocks = self.pattern.grid
        own = scores[..., self.pattern.text_len :]
        return own.view(len(own), blocks, -1, own.shape[-1])

    def _gather(self, x: Tensor, halo: int) -> Tensor:
        """Copy the picture's positions of ``b heads n d`` into ``g blocks positions d``."""
        image = x[:, :, self.pattern.text_len :]
        image = image.unflatten(2, (self.lines, self.pattern.grid))  # type: ignore[no-untyped-call]
        if self.pattern.kind == "column":
            return _flat(image.transpose(2, 3))
        image = image.unflatten(2, (-1, self.rows))
        if halo == 0:
            return _flat(image).flatten(2, 3)
        b, heads, blocks = image.shape[:3]
        window = image.new_empty(b, heads, blocks, halo + self.rows, *image.shape[4:])
        for back, into, rows in self._pieces():
            window[:, :, back:, into] = image[:, :, : max(0, blocks - back), rows]
            window[:, :, :back, into] = 0
        return window.flatten(0, 1).flatten(2, 3)

    def _scatter(self, blocks: Tensor, x: Tensor, halo: int) -> None:
        """Add ``g blocks positions d`` to the picture's positions of ``g n d``, which are 0."""
        image = x[:, self.pattern.text_len :]
        image = image.unflatten(1, (self.lines, self.pattern.grid))  # type: ignore[no-untyped-call]
        if self.pattern.kind == "column":
            image.copy_(blocks.transpose(1, 2))
            return
        image = image.unflatten(1, (-1, self.rows))
        if halo == 0:
            image.copy_(blocks.view(image.shape))
            return
        window = blocks.unflatten(2, (-1, self.pattern.grid))  # type: ignore[no-untyped-call]
        for back, into, rows in self._pieces():
            image[:, : max(0, image.shape[1] - back), rows] += window[:, back:, into]

    def _pieces(self) -> list[tuple[int, slice, slice]]:
        """Where a window's rows come from: blocks back, rows of the window, rows of that block."""
        pieces = [(0, slice(self.halo, None), slice(None))]
        left, back = self.halo, 1
        while left > 0:
            rows = min(left, self.rows)
            pieces.append((back, slice(left - rows, left), slice(self.rows - rows, None)))
            left, back = left - rows, back + 1
        return pieces


Part = Span | Blocks


def computed_share(pattern: AttentionPattern, n: int) -> float:
    """Share of the ``n n`` pairs of query and key that :func:`attend_in_parts` computes."""
    return sum(part.pairs for part in plan(pattern, n, n)) / n**2


@lru_cache(maxsize=64)
def plan(pattern: AttentionPattern, queries: int, keys: int) -> tuple[Part, ...]:
    """Cut a stream into parts whose queries are disjoint and complete."""
    whole = (Span(pattern, 0, queries, keys),)
    if pattern.kind == "full":
        return whole
    if pattern.kind == "causal" or queries <= pattern.text_len:
        return _causal_spans(queries)
    if (queries - pattern.text_len) % pattern.grid:
        return whole
    parts = blocks_behind_text(pattern, (queries - pattern.text_len) // pattern.grid)
    pairs = sum(part.pairs for part in parts)
    return parts if pairs <= WORTHWHILE * queries**2 else whole


def blocks_behind_text(pattern: AttentionPattern, lines: int) -> tuple[Part, ...]:
    """Cut a sparse stream into spans of the text and blocks of so many rows of the picture."""
    return (*_causal_spans(pattern.text_len), _blocks(pattern, lines))


def _causal_spans(n: int) -> tuple[Span, ...]:
    """Spans of about equal length, each over the keys up to its own end; at most eight."""
    count = max(1, min(8, n // CAUSAL_QUERIES))
    bounds = [n * i // count for i in range(count + 1)]
    return tuple(Span(CAUSAL, s, e, e) for s, e in pairwise(bounds) if e > s)


def _blocks(pattern: AttentionPattern, lines: int) -> Blocks:
    """Blocks of whole columns, or of enough rows to share their halo."""
    if pattern.kind == "column":
        return Blocks(pattern, lines, rows=1, halo=0)
    halo = -(-pattern.reach // pattern.grid)
    rows = min(lines, max(-(-BLOCK_QUERIES // pattern.grid), (halo + 1) // 2))
    while lines % rows:
        rows -= 1
    return Blocks(pattern, lines, rows, halo)


def _flat(x: Tensor) -> Tensor:
    """Copy ``b heads …`` to a contiguous ``g …``."""
    return x.contiguous().flatten(0, 1)


def _product(a: Tensor, b: Tensor, scale: float = 1.0) -> Tensor:
    """``scale · a b`` of ``g n m`` and ``g m p``, the factor applied before rounding."""
    return torch.baddbmm(a.new_empty(1), a, b, beta=0, alpha=scale)


def _scores(q: Tensor, k: Tensor, bias: Tensor | None = None) -> Tensor:
    """``q kᵀ / √head_dim + bias`` of ``g n head_dim`` and ``g m head_dim``."""
    scale = q.shape[-1] ** -0.5
    if bias is None:
        return _product(q, k.mT, scale)
    return torch.baddbmm(bias, q, k.mT, alpha=scale)


def _softmax_backward(grad: Tensor, shares: Tensor) -> Tensor:
    result: Tensor = torch._softmax_backward_data(grad, shares, -1, shares.dtype)
    return result


@lru_cache(maxsize=64)
def _span_bias(span: Span, dtype: torch.dtype, device: torch.device) -> Tensor:
    """0 where a query of the span sees the key, else −inf: ``queries keys``."""
    with torch.inference_mode(False):
        positions = torch.arange(span.end, device=device)
        seen = span.pattern.sees(positions[span.first :, None], positions[: span.keys])
        return _bias(~seen, dtype)


@lru_cache(maxsize=64)
def _block_bias(blocks: Blocks, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The same for each block: ``blocks queries keys``; for columns one for all of them."""
    pattern, lines = blocks.pattern, blocks.lines
    with torch.inference_mode(False):
        if pattern.kind == "column":
            return _bias(torch.ones(lines, lines, dtype=torch.bool, device=device).triu(1), dtype)
        text, grid = pattern.text_len, pattern.grid
        seen = pattern.mask(text + lines * grid, device)[text:, text:]
        seen = F.pad(seen, (blocks.halo * grid, 0))
        size = blocks.rows * grid
        width = size + blocks.halo * grid
        firsts = range(0, lines * grid, size)
        return _bias(~torch.stack([seen[f : f + size, f : f + width] for f in firsts]), dtype)


def _bias(hidden: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.zeros(hidden.shape, dtype=dtype, device=hidden.device).masked_fill_(
        hidden, -torch.inf
    )

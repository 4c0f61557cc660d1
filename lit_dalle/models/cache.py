"""Keys and values kept while decoding: a prefix for all candidates, and what each wrote itself.

A layer keeps no more image tokens than it can still see, laid out so that what a position sees is
one slice: a row layer has a ring of one row and a token, a column layer keeps its columns together,
the convolutional layer has a ring of its window's rows, of which it hides what stands beside the
window (to gather the window costs more). So the cost of a token does not grow with its position,
except in causal layers, which see everything.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lit_dalle.functional.attention import attend, attend_shared
from lit_dalle.functional.masks import AttentionPattern


class PrefixCache:
    """Keys and values of one layer for the prefix, ``prompts heads n head_dim``.

    It is the ``mix`` of a prefill: it attends within the prefix and remembers.
    """

    def __init__(self, pattern: AttentionPattern) -> None:
        self.pattern = pattern
        self.k = self.v = torch.empty(0)

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Mix ``prompts heads n head_dim``, as :func:`attend` does."""
        self.k, self.v = k, v
        return attend(q, k, v, self.pattern)


class KVCache:
    """Cache of one layer for candidates that continue one or several prompts.

    It is the ``mix`` of a decoding step: it takes the next position of each candidate, keeps its
    key and value, and attends over what the position sees. The prefix is there once a prompt and
    attended to in one product for all its candidates.

    Args:
        prefix: Keys and values of the text and of a known start of the picture.
        text_len: Text positions of the prefix.
        image_len: Image tokens of a whole picture.
        copies: Candidates of each prompt; those of one prompt are rows in succession.
    """

    def __init__(self, prefix: PrefixCache, text_len: int, image_len: int, copies: int) -> None:
        prompts, heads, length, head_dim = prefix.k.shape
        self.position = length - text_len
        self.layout = _layout(prefix.pattern, self.position, image_len)
        # A causal layer sees the whole prefix for good; a sparse one moves on from image tokens.
        shared = text_len if prefix.pattern.sparse else length
        self.shared = (prefix.k[:, :, :shared].contiguous(), prefix.v[:, :, :shared].contiguous())
        # Slots first, keys beside values: what a position sees is one stretch of memory. It is read
        # only where it was written.
        self.own = prefix.k.new_empty(prompts * copies, self.layout.slots, heads, 2, head_dim)
        for position in range(shared, length):
            last = slice(position, position + 1)
            k, v = (x[:, :, last].repeat_interleave(copies, 0) for x in (prefix.k, prefix.v))
            self._write(position - text_len, k, v)

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Mix the next position of each candidate: ``prompts·copies heads 1 head_dim``."""
        self._write(self.position, k, v)
        slots, mask = self.layout.visible(self.position)
        self.position += 1
        own_k, own_v = self.own[:, slots].transpose(1, 2).unbind(dim=3)
        return attend_shared(q, self.shared, (own_k, own_v), mask)

    def _write(self, position: int, k: Tensor, v: Tensor) -> None:
        """Put the keys and values of a raster position, ``b heads 1 head_dim``, in their slot."""
        slot = self.own[:, self.layout.slot(position)]
        slot[:, :, 0], slot[:, :, 1] = k.squeeze(2), v.squeeze(2)


def cache_slots(pattern: AttentionPattern, image_len: int, known: int = 0) -> int:
    """Return how many positions a layer keeps for each candidate behind ``known`` image tokens."""
    return _layout(pattern, known, image_len).slots


class Visible(NamedTuple):
    """What a position sees of the slots."""

    slots: slice
    mask: Tensor | None
    """bool over these slots, True = visible; None: all."""


@dataclass(frozen=True)
class Line:
    """Slots of a causal layer: the positions behind the prefix, one after the other."""

    first: int
    slots: int

    def slot(self, position: int) -> int:
        """Slot of a raster position."""
        return position - self.first

    def visible(self, position: int) -> Visible:
        """What a raster position sees."""
        return Visible(slice(0, position - self.first + 1), None)


@dataclass(frozen=True)
class Ring:
    """Slots of a row layer: the last tokens in raster order, the oldest overwritten."""

    slots: int

    def slot(self, position: int) -> int:
        """Slot of a raster position."""
        return position % self.slots

    def visible(self, position: int) -> Visible:
        """What a raster position sees."""
        return Visible(slice(0, min(position + 1, self.slots)), None)


@dataclass(frozen=True)
class Columns:
    """Slots of a column layer: the grid, column by column."""

    grid: int

    @property
    def slots(self) -> int:
        """Positions kept."""
        return self.grid**2

    def slot(self, position: int) -> int:
        """Slot of a raster position."""
        row, column = divmod(position, self.grid)
        return column * self.grid + row

    def visible(self, position: int) -> Visible:
        """What a raster position sees."""
        first = position % self.grid * self.grid
        return Visible(slice(first, self.slot(position) + 1), None)


@dataclass(frozen=True)
class Window:
    """Slots of a convolutional layer: a ring of the rows its window reaches."""

    pattern: AttentionPattern

    @property
    def slots(self) -> int:
        """Positions kept."""
        return self.pattern.reach + 1

    def slot(self, position: int) -> int:
        """Slot of a raster position."""
        return position % self.slots

    def visible(self, position: int) -> Visible:
        """What a raster position sees."""
        filled = min(position + 1, self.slots)
        keys = position - (position - torch.arange(filled)) % self.slots
        text = self.pattern.text_len
        mask = self.pattern.sees(torch.tensor(text + position), text + keys)
        return Visible(slice(0, filled), mask)


def _layout(
    pattern: AttentionPattern, known: int, image_len: int
) -> Line | Ring | Columns | Window:
    if pattern.kind == "row":
        return Ring(pattern.reach + 1)
    if pattern.kind == "column":
        return Columns(pattern.grid)
    if pattern.kind == "convolutional":
        return Window(pattern)
    return Line(known, image_len - known)

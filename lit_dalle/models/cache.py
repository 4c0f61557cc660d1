"""Keys and values kept while decoding: a prefix for all candidates, and what each wrote itself.

A layer keeps no more image tokens than it can still see, laid out so that what a position sees is
one slice where it can be: a row layer has a ring of one row and a token, a column layer keeps its
columns together, the convolutional layer has a ring of its window's rows. So the cost of a token
does not grow with its position, except in causal layers, which see everything.
"""

from dataclasses import dataclass

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
        size = (prompts * copies, heads, self.layout.slots, head_dim)
        self.own = (prefix.k.new_zeros(size), prefix.v.new_zeros(size))
        for position in range(shared, length):
            last = slice(position, position + 1)
            k, v = (x[:, :, last].repeat_interleave(copies, 0) for x in (prefix.k, prefix.v))
            self._write(position - text_len, k, v)

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Mix the next position of each candidate: ``prompts·copies heads 1 head_dim``."""
        self._write(self.position, k, v)
        seen = self.layout.visible(self.position)
        self.position += 1
        return attend_shared(q, self.shared, (_read(self.own[0], seen), _read(self.own[1], seen)))

    def _write(self, position: int, k: Tensor, v: Tensor) -> None:
        """Put the keys and values of a raster position in their slot."""
        slot = self.layout.slot(position)
        self.own[0][:, :, slot : slot + 1] = k
        self.own[1][:, :, slot : slot + 1] = v


def _read(own: Tensor, runs: list[slice]) -> Tensor:
    """Runs of slots of ``b heads slots head_dim``; one run is a view, several are copied."""
    parts = [own[:, :, run] for run in runs]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)


@dataclass(frozen=True)
class Line:
    """Slots of a causal layer: the positions behind the prefix, one after the other."""

    first: int
    slots: int

    def slot(self, position: int) -> int:
        """Slot of a raster position."""
        return position - self.first

    def visible(self, position: int) -> list[slice]:
        """Runs of slots that a raster position sees."""
        return [slice(0, position - self.first + 1)]


@dataclass(frozen=True)
class Ring:
    """Slots of a row layer: the last tokens in raster order, the oldest overwritten."""

    slots: int

    def slot(self, position: int) -> int:
        """Slot of a raster position."""
        return position % self.slots

    def visible(self, position: int) -> list[slice]:
        """Runs of slots that a raster position sees."""
        return [slice(0, min(position + 1, self.slots))]


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

    def visible(self, position: int) -> list[slice]:
        """Runs of slots that a raster position sees."""
        return [slice(position % self.grid * self.grid, self.slot(position) + 1)]


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

    def visible(self, position: int) -> list[slice]:
        """Runs of slots that a raster position sees."""
        keys = torch.arange(max(0, position - self.pattern.reach), position + 1)
        text = self.pattern.text_len
        seen = self.pattern.sees(torch.tensor(text + position), text + keys)
        return _runs((keys[seen] % self.slots).sort().values.tolist())


def _runs(slots: list[int]) -> list[slice]:
    """Join ascending slots that follow one another."""
    starts = [slot for slot in slots if slot - 1 not in slots]
    ends = [slot + 1 for slot in slots if slot + 1 not in slots]
    return [slice(start, end) for start, end in zip(starts, ends, strict=True)]


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

"""From rows to batches: which caption, which crop, which tokens a row shows in an epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from datasets import Dataset
from torch import Tensor

from lit_dalle.data.draws import generator, hashed, hashed_text
from lit_dalle.data.image_tokens import ImageTokens
from lit_dalle.data.notes import Account, Note, is_usable
from lit_dalle.data.order import Item
from lit_dalle.data.pictures import to_float, to_uint8
from lit_dalle.data.prepared import PreparedSplit
from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.data.transforms import Augmentation, augment, centre

Batch = dict[str, Any]
Columns = dict[str, list[Any]]
"""Fields of some rows."""
CAPTION_CHOICE, CROP, INSTEAD = 1, 2, 5
"""Last counters of the draws, so that no two kinds of draw share a stream."""
GIVE_UP = 1000
"""Rows drawn one after another of which none can be used, after which no more are drawn."""


@dataclass(frozen=True)
class Shown:
    """How rows are shown."""

    image_size: int
    """Side of the pictures, in pixels."""
    train: bool
    """Whether to draw captions, crops and merges; else the first caption and the centre."""
    seed: int = 0
    """Seed of these draws."""
    augmentation: Augmentation = "none"
    """Crops and flips in training; resizing in evaluation follows it."""
    bpe_dropout: float = 0.0
    """Chance that a merge is passed over in training."""
    long_captions: Literal["error", "truncate"] = "truncate"
    """What happens to captions that do not fit the text length."""
    keep_scenes: bool = False
    """Whether batches carry the scenes' JSON."""


@dataclass(frozen=True)
class BatchMaker:
    """Makes batches of rows that can be used."""

    shown: Shown
    tokenizer: CaptionTokenizer | None = None
    """Framed tokenizer of the stage; without one there are no ``text_tokens``."""

    def make(
        self, columns: Mapping[str, list[Any]], keys: Sequence[Item], images: Tensor | None = None
    ) -> Batch:
        """Return a batch.

        Args:
            columns: Fields of the rows.
            keys: (time, index) of each row.
            images: Pictures that are ready, uint8 ``b 3 h w``; else those of the rows are taken.
        """
        batch: Batch = {"index": torch.tensor([index for _, index in keys], dtype=torch.int64)}
        if images is not None:
            batch["images"] = to_float(images)
        elif "image" in columns:
            batch["images"] = self._pictures(columns["image"], keys)
        if "caption" in columns:
            batch |= self._texts(columns["caption"], keys)
        return batch | self._facts(columns)

    def _pictures(self, images: list[Any], keys: Sequence[Item]) -> Tensor:
        shown = self.shown
        if not shown.train or shown.augmentation == "none":
            squares = [centre(image, shown.image_size, shown.augmentation) for image in images]
        else:
            squares = [
                augment(
                    image,
                    shown.image_size,
                    shown.augmentation,
                    generator(shown.seed, time, index, CROP),
                )
                for image, (time, index) in zip(images, keys, strict=True)
            ]
        return to_float(torch.stack([to_uint8(square) for square in squares]))

    def _texts(self, captions: list[list[str]], keys: Sequence[Item]) -> Batch:
        chosen = [self._choice(texts, key) for texts, key in zip(captions, keys, strict=True)]
        if self.tokenizer is None:
            return {"captions": chosen}
        tokens = self.tokenizer.encode(
            chosen,
            dropout=self.shown.bpe_dropout if self.shown.train else 0.0,
            keys=[(self.shown.seed, *key) for key in keys],
            long=self.shown.long_captions,
        )
        return {"captions": chosen, "text_tokens": tokens}

    def _choice(self, captions: list[str], key: Item) -> str:
        if not self.shown.train or len(captions) == 1:
            return captions[0]
        return captions[hashed(self.shown.seed, *key, CAPTION_CHOICE) % len(captions)]

    def _facts(self, columns: Mapping[str, list[Any]]) -> Batch:
        facts: Batch = {}
        if "label" in columns:
            facts["labels"] = torch.tensor(columns["label"], dtype=torch.int64)
        if "group" in columns:
            ids = [hashed_text(group) for group in columns["group"]]
            facts["group_ids"] = torch.tensor(ids, dtype=torch.int64)
        if "family" in columns:
            facts["family"] = list(columns["family"])
        if self.shown.keep_scenes and "scene" in columns:
            facts["scenes"] = list(columns["scene"])
        return facts


class Examples(torch.utils.data.Dataset[Batch]):
    """Batches of a split, made from lists of (time, index).

    Rows that cannot be used are left out of their batch. In training others take their places,
    drawn from all rows, so that batches are full and all processes make the same steps; where none
    is found, as in evaluation where none is left, a batch has ``index`` alone, without a row.
    ``read`` tells the loader of every batch what was read and what was wrong with it.

    Args:
        rows: The rows; they have ``image`` when the pictures come from nowhere else and are wanted.
        shown: How rows are shown.
        prepared: Pictures that are ready, row by row as in ``rows``.
        tokenizer: Framed tokenizer of the stage; without one there are no ``text_tokens``.
        image_tokens: Tokens that are ready, row by row as in ``rows``.
    """

    def __init__(
        self,
        rows: Dataset,
        shown: Shown,
        *,
        prepared: PreparedSplit | None = None,
        tokenizer: CaptionTokenizer | None = None,
        image_tokens: ImageTokens | None = None,
    ) -> None:
        self.rows, self.maker = rows, BatchMaker(shown, tokenizer)
        self.prepared, self.image_tokens = prepared, image_tokens

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, item: Item | int) -> Batch:
        """Return a batch of one row."""
        return self.__getitems__([item])

    def __getitems__(self, items: Sequence[Item | int]) -> Batch:
        """Return the batch of these rows; a plain index stands for the first time."""
        keys = [(0, item) if isinstance(item, int) else item for item in items]
        columns, noted = self._read(keys)
        account = Account(len(keys), [Note(*note) for some in noted for note in some])
        holes = _unusable(noted)
        if holes:
            mended = self._filled if self.maker.shown.train else _without
            keys, columns = mended(keys, columns, holes)
        batch = self._batch(columns, keys) if keys else {"index": torch.zeros(0, dtype=torch.int64)}
        return batch | {"read": account}

    def _read(self, keys: Sequence[Item]) -> tuple[Columns, list[list[Note]]]:
        """Fields and notes of rows."""
        columns = {n: list(v) for n, v in self.rows[[index for _, index in keys]].items()}
        return columns, self._noted(columns.pop("notes", None), keys)

    def _filled(
        self, keys: list[Item], columns: Columns, holes: list[int]
    ) -> tuple[list[Item], Columns]:
        """Other rows in the places of those that cannot be used; no row at all if none are found.

        Which ones is a function of the seed and of the key whose place they take, whatever else the
        batch holds.
        """
        turn = passed = 0
        while holes and passed < GIVE_UP:
            drawn = [self._drawn(keys[at], turn) for at in holes]
            found, noted = self._read(drawn)
            still = [holes[n] for n in _unusable(noted)]
            for n, at in enumerate(holes):
                if at not in still:
                    keys[at] = drawn[n]
                    for name, values in columns.items():
                        values[at] = found[name][n]
            passed = passed + len(drawn) if still == holes else 0
            holes, turn = still, turn + 1
        return ([], {}) if holes else (keys, columns)

    def _drawn(self, key: Item, turn: int) -> Item:
        """A row for the place of another, at a time of its own: it shows what it never did."""
        draw = hashed(self.maker.shown.seed, *key, turn, INSTEAD)
        return draw, draw % len(self)

    def _batch(self, columns: Mapping[str, list[Any]], keys: Sequence[Item]) -> Batch:
        indices = [index for _, index in keys]
        ready = None if self.prepared is None else self.prepared.pictures(indices)
        batch = self.maker.make(columns, keys, ready)
        if self.image_tokens is not None:
            batch["image_tokens"] = self.image_tokens[indices]
        return batch

    def _noted(self, given: list[list[Note]] | None, keys: Sequence[Item]) -> list[list[Note]]:
        """Notes of each row, with those on missing image tokens."""
        noted = [list(notes) for notes in given] if given else [[] for _ in keys]
        if self.image_tokens is not None:
            left_out = self.image_tokens.left_out([index for _, index in keys])
            for notes, note in zip(noted, left_out, strict=True):
                if note is not None and is_usable(notes):
                    notes.append(note)
        return noted


def _unusable(noted: list[list[Note]]) -> list[int]:
    """Places of the rows that cannot be used."""
    return [at for at, notes in enumerate(noted) if not is_usable(notes)]


def _without(keys: list[Item], columns: Columns, holes: list[int]) -> tuple[list[Item], Columns]:
    """The rows at all other places."""
    kept = [at for at in range(len(keys)) if at not in holes]
    return [keys[at] for at in kept], {n: [v[at] for at in kept] for n, v in columns.items()}

"""From rows to batches: which caption, which crop, which tokens a row shows in an epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from datasets import Dataset
from torch import Tensor

from lit_dalle.data.draws import generator, hashed, hashed_text
from lit_dalle.data.image_tokens import ImageTokens
from lit_dalle.data.loader import Item
from lit_dalle.data.notes import NOT_ENCODED, Note, is_usable
from lit_dalle.data.pictures import to_float, to_uint8
from lit_dalle.data.prepared import PreparedSplit
from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.data.transforms import Augmentation, augment, centre

Batch = dict[str, Any]
CAPTION_CHOICE, CROP = 1, 2
"""Last counters of the draws, so that no two kinds of draw share a stream."""


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
            keys: (epoch, index) of each row.
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
                    generator(shown.seed, epoch, index, CROP),
                )
                for image, (epoch, index) in zip(images, keys, strict=True)
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
    """Batches of a split, made from lists of (epoch, index).

    Rows that cannot be used are left out of their batch, and ``notes`` says why: the loader counts
    them. A batch of which none can be used has ``index`` and ``notes`` alone.

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
        """Return the batch of these rows; a plain index stands for epoch 0."""
        keys = [(0, item) if isinstance(item, int) else item for item in items]
        columns = dict(self.rows[[index for _, index in keys]])
        noted = self._noted(columns.pop("notes", None), keys)
        usable = [at for at, notes in enumerate(noted) if is_usable(notes)]
        if len(usable) < len(keys):
            columns = {name: [values[at] for at in usable] for name, values in columns.items()}
            keys = [keys[at] for at in usable]
        batch = self._batch(columns, keys) if keys else {"index": torch.zeros(0, dtype=torch.int64)}
        notes = [Note(*note) for some in noted for note in some]
        return batch | ({"notes": notes} if notes else {})

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
            for at, known in enumerate(self.image_tokens.known([n for _, n in keys]).tolist()):
                if not known and is_usable(noted[at]):
                    place = f"row {keys[at][1]}"
                    message = f"{place} has no tokens in {self.image_tokens.folder}"
                    noted[at].append(Note("skipped", NOT_ENCODED, place, message))
        return noted

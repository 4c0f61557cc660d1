"""From rows to batches: which caption, which crop, which tokens a row shows in an epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from datasets import Dataset
from torch import Tensor

from lit_dalle.data.draws import generator, hashed, hashed_text
from lit_dalle.data.image_tokens import ImageTokens
from lit_dalle.data.loader import Item
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


class Examples(torch.utils.data.Dataset[Batch]):
    """Batches of a split, made from lists of (epoch, index).

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
        self.rows, self.shown = rows, shown
        self.prepared, self.tokenizer, self.image_tokens = prepared, tokenizer, image_tokens

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, item: Item | int) -> Batch:
        """Return a batch of one row."""
        return self.__getitems__([item])

    def __getitems__(self, items: Sequence[Item | int]) -> Batch:
        """Return the batch of these rows; a plain index stands for epoch 0."""
        keys = [(0, item) if isinstance(item, int) else item for item in items]
        indices = [index for _, index in keys]
        columns: dict[str, list[Any]] = self.rows[indices]
        batch: Batch = {"index": torch.tensor(indices, dtype=torch.int64)}
        if self.prepared is not None and (pictures := self.prepared.pictures(indices)) is not None:
            batch["images"] = to_float(pictures)
        elif "image" in columns:
            batch["images"] = self._pictures(columns["image"], keys)
        if self.image_tokens is not None:
            batch["image_tokens"] = self.image_tokens[indices]
        if "caption" in columns:
            batch |= self._texts(columns["caption"], keys)
        return batch | self._facts(columns)

    def _pictures(self, images: list[Any], keys: list[Item]) -> Tensor:
        shown = self.shown
        if not shown.train:
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

    def _texts(self, captions: list[list[str]], keys: list[Item]) -> Batch:
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

    def _facts(self, columns: dict[str, list[Any]]) -> Batch:
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

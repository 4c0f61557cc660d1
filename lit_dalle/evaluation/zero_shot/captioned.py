"""Captioned pictures of any data set, measured by retrieval."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from datasets import Dataset
from torch import Tensor

from lit_dalle.evaluation.zero_shot.measure import Reader
from lit_dalle.evaluation.zero_shot.retrieval import CUTS, Recall, retrieve
from lit_dalle.evaluation.zero_shot.shown import ShownPictures, TableSpec
from lit_dalle.functional.similarity import normalise


@dataclass(frozen=True, kw_only=True)
class CaptionSpec(TableSpec):
    """A data set with captions."""

    caption_column: str = "caption"
    """Column of the captions: a text, or a list of them, to each picture."""


@dataclass(frozen=True)
class Captioned:
    """Pictures with one caption or more each."""

    spec: CaptionSpec
    rows: Dataset
    """With the picture's column, undecoded."""
    captions: tuple[str, ...]
    """``m`` of them."""
    image_of_text: Tensor
    """int64, ``m``: the picture of each caption."""
    fingerprint: str
    """Changes whenever a row does."""


def load_captioned(spec: CaptionSpec) -> Captioned:
    """Load a data set with its captions.

    Raises:
        FileNotFoundError: There is no such data set or file.
        ValueError: There is no such split or column, or a picture has no caption.
    """
    table = spec.table(spec.caption_column)
    column = table[spec.caption_column]
    each = [[found] if isinstance(found, str) else list(found or ()) for found in column]
    if not each:
        raise ValueError(f"{spec.data} has no rows in its {spec.split} split")
    for number, found in enumerate(each):
        if not found or not all(isinstance(text, str) and text.strip() for text in found):
            raise ValueError(
                f"row {number} of {spec.data} has no caption in the column {spec.caption_column!r}"
            )
    owners = torch.tensor([number for number, found in enumerate(each) for _ in found])
    captions = tuple(text for found in each for text in found)
    return Captioned(spec, spec.pictures_of(table), captions, owners, str(table._fingerprint))


@torch.no_grad()
def measure_retrieval(
    reader: Reader,
    captioned: Captioned,
    *,
    cuts: tuple[int, ...] = CUTS,
    batch_size: int = 64,
    num_workers: int = 0,
    progress: Callable[[int], None] | None = None,
) -> list[Recall]:
    """Let every picture look for its captions, and every caption for its picture.

    Args:
        reader: The CLIP.
        captioned: The data set; all of it is searched.
        cuts: The k of R@k.
        batch_size: Pictures, or captions, encoded together.
        num_workers: Processes that decode pictures.
        progress: Called with the number of pictures and captions just encoded.
    """
    done = progress or (lambda count: None)
    images, texts = [], []
    shown = ShownPictures(captioned.spec, captioned.rows, reader.image_size)
    for batch in shown.batches(batch_size, num_workers):
        images.append(normalise(reader.encode_image(batch).float()).cpu())
        done(len(batch))
    for start in range(0, len(captioned.captions), batch_size):
        part = list(captioned.captions[start : start + batch_size])
        texts.append(normalise(reader.encode_text(part).float()).cpu())
        done(len(part))
    return retrieve(torch.cat(images), torch.cat(texts), captioned.image_of_text, cuts=cuts)

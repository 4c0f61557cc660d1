"""Does the prior read the caption? The loss of pictures under their own caption and another row's.

A prior that ignores the text loses nothing by a wrong caption. Captions are swapped among rows of
one family (a style), so that the wrong one differs in what is shown and not in how.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_dalle.evaluation.bootstrap import Estimate, grouped_mean
from lit_dalle.evaluation.results import ResultFile

Floats = NDArray[np.float64]
ImageLosses = Callable[[Tensor, Tensor], Tensor]
"""Text tokens int64 ``b t`` and image tokens int64 ``b i`` to the loss of each image token:
cross-entropy in nats, teacher-forced, ``b i``."""
UNIT = "nats/image token"


@dataclass(frozen=True)
class CaptionLosses:
    """Mean loss of each picture, ``n``, in nats per image token."""

    own: Floats
    """Under its own caption."""
    swapped: Floats
    """Under the caption of another row."""
    null: Floats
    """Under the null caption, all padding."""
    groups: Sequence[str]
    """What each picture shows; drawings of one thing are no independent draws, ``n``."""

    @property
    def gap(self) -> float:
        """What the wrong caption costs: mean of swapped less own."""
        return float((self.swapped - self.own).mean())

    @property
    def gap_estimate(self) -> Estimate:
        """The gap with its 95 % interval over what is shown."""
        return grouped_mean(self.swapped - self.own, self.groups)


def swap_partners(
    groups: Sequence[str], families: Sequence[str], seed: int = 0
) -> NDArray[np.int64]:
    """Give each row another one of its family, never one of its own group, and none to two rows.

    The rows of a family stand in a ring, each group together, the groups in a shuffled order; the
    partner stands as many places further on as the largest group has rows.

    Args:
        groups: Of each row: what it shows.
        families: Of each row.
        seed: Seed of the order.

    Returns:
        ``n``, the partner's row; -1 in a family of which one group has more than half of the rows.
    """
    partners = np.full(len(groups), -1, np.int64)
    draws = np.random.default_rng(seed)
    for family in sorted(set(families)):
        members: dict[str, list[int]] = {}
        for row, (group, of) in enumerate(zip(groups, families, strict=True)):
            if of == family:
                members.setdefault(group, []).append(row)
        order = draws.permutation(sorted(members))
        ring = np.concatenate([draws.permutation(members[group]) for group in order])
        largest = max(map(len, members.values()))
        if 2 * largest <= len(ring):
            partners[ring] = np.roll(ring, -largest)
    return partners


@torch.no_grad()
def caption_losses(
    image_losses: ImageLosses,
    image_tokens: Tensor,
    own: Tensor,
    swapped: Tensor,
    null: Tensor,
    groups: Sequence[str],
    *,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
) -> CaptionLosses:
    """Score pictures under three captions each.

    Args:
        image_losses: See :data:`ImageLosses`.
        image_tokens: int64, ``n i``.
        own: Text tokens of each picture's own caption, int64 ``n t``.
        swapped: Those of another row's.
        null: Those of the null caption, ``n t``.
        groups: What each picture shows, ``n``.
        batch_size: Pictures scored together.
        progress: Called after each batch with its number of pictures.

    Raises:
        ValueError: There is no picture.
    """
    if not len(image_tokens):
        raise ValueError("swapping captions needs at least one picture with a partner")
    found: list[list[Tensor]] = [[], [], []]
    for start in range(0, len(image_tokens), batch_size):
        part = slice(start, start + batch_size)
        for values, text_tokens in zip(found, (own, swapped, null), strict=True):
            losses = image_losses(text_tokens[part], image_tokens[part])
            values.append(losses.double().mean(dim=1).cpu())
        if progress is not None:
            progress(len(image_tokens[part]))
    own_losses, swapped_losses, null_losses = (torch.cat(values).numpy() for values in found)
    return CaptionLosses(own_losses, swapped_losses, null_losses, tuple(groups))


def add_caption_swap(results: ResultFile, split: str, found: CaptionLosses) -> None:
    """Add the rows of a split: ``loss`` under each caption, then ``caption_swap_gap``.

    Args:
        results: Where to.
        split: Name of the split in the rows' case.
        found: What was measured on it.
    """
    for caption in ("own", "swapped", "null"):
        loss = grouped_mean(getattr(found, caption), found.groups)
        results.row({"split": split, "caption": caption}, "loss", **asdict(loss), unit=UNIT)
    results.row({"split": split}, "caption_swap_gap", **asdict(found.gap_estimate), unit=UNIT)

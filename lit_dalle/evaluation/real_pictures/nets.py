"""The dVAE and the prior on a split's real pictures: what survives, and what the caption tells."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from lit_dalle.evaluation.caption_swap import CaptionLosses, caption_losses, swap_partners
from lit_dalle.evaluation.composition.painter import Painter, to_images
from lit_dalle.evaluation.real_pictures.subjects import CaptionedSplit, Subject
from lit_dalle.evaluation.reconstruction import Reconstruction, evaluate_reconstruction
from lit_dalle.generation.decode import null_text_tokens

BATCH = 64
Progress = Callable[[int], None]


def round_trips(
    painter: Painter,
    split: CaptionedSplit,
    subjects: Sequence[Subject],
    progress: Progress | None = None,
) -> Reconstruction:
    """Take pictures to hard tokens and back, in the dVAE's own precision.

    Args:
        painter: The pipeline.
        split: Where the pictures are from.
        subjects: Which ones.
        progress: Called after each batch with its number of pictures.
    """
    dvae, device = painter.pipeline.dvae, painter.pipeline.device

    def batches() -> Iterator[dict[str, Any]]:
        for part, pictures in split.batches(subjects, painter.image_size, BATCH):
            families = [subject.family for subject in part] if part[0].family else []
            yield {"images": to_images(pictures).to(device), "family": families}

    return evaluate_reconstruction(
        dvae.encode, dvae.decode, batches(), dvae.config.codebook_size, progress=progress
    )


def with_partners(
    subjects: Sequence[Subject], seed: int
) -> tuple[list[Subject], dict[int, Subject]]:
    """Pair the subjects of a split for the swap of captions.

    Returns:
        Those with a partner, and each one's partner by the number of its row.
    """
    partners = swap_partners([s.group for s in subjects], [s.family for s in subjects], seed)
    pairs = [(one, subjects[at]) for one, at in zip(subjects, partners, strict=True) if at >= 0]
    return [one for one, _ in pairs], {one.row: other for one, other in pairs}


def swap_captions(
    painter: Painter,
    split: CaptionedSplit,
    subjects: Sequence[Subject],
    partners: dict[int, Subject],
    progress: Progress | None = None,
) -> CaptionLosses:
    """Score pictures under their own prompt, their partner's, and none; cut to fit, as in training.

    Args:
        painter: The pipeline.
        split: Where the pictures are from.
        subjects: Which ones; each has a partner.
        partners: As :func:`with_partners` makes them.
        progress: Called after each batch with its number of pictures.
    """
    prior, device = painter.pipeline.prior, painter.pipeline.device
    tokens = [
        torch.from_numpy(painter.encode(pictures)).long()
        for _, pictures in split.batches(subjects, painter.image_size, BATCH)
    ]
    own = _text_tokens(painter, subjects)
    return caption_losses(
        lambda text, image: prior.image_losses(text.to(device), image.to(device)),
        torch.cat(tokens) if tokens else torch.zeros(0, 1, dtype=torch.int64),
        own,
        _text_tokens(painter, [partners[subject.row] for subject in subjects]),
        null_text_tokens(own),
        [subject.group for subject in subjects],
        progress=progress,
    )


def _text_tokens(painter: Painter, subjects: Sequence[Subject]) -> Tensor:
    prompts = [subject.prompt for subject in subjects]
    return painter.pipeline.prior_tokenizer.encode(prompts, long="truncate")

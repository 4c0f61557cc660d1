"""The pipeline of a prior that is being trained: what callbacks that draw have in common."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from itertools import islice
from typing import Any, Protocol, cast

import torch
from lightning.pytorch import LightningModule, Trainer

from lit_dalle.data.notes import RowError
from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.generation.hardware import pick_dtype
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.models.clip import Clip
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dvae import DiscreteVAE


class DrawingModule(Protocol):
    """What is asked of the LightningModule of a prior."""

    net: Dalle

    @property
    def dvae(self) -> DiscreteVAE | None:
        """The frozen dVAE that belongs to the prior."""
        ...


class TokenizingData(Protocol):
    """What is asked of the data module."""

    @property
    def tokenizer(self) -> CaptionTokenizer | None:
        """The prior's tokenizer."""
        ...


def checked_prompts(prompts: Sequence[str] | int) -> tuple[str, ...] | int:
    """Return prompts, or how many captions of the validation split stand for them.

    Raises:
        ValueError: There is none.
    """
    count = prompts if isinstance(prompts, int) else len(prompts)
    if count < 1:
        raise ValueError(f"drawing needs at least 1 prompt, got {count}")
    return prompts if isinstance(prompts, int) else tuple(prompts)


def check_room(prompts: tuple[str, ...] | int, *tokenizers: CaptionTokenizer | None) -> None:
    """See that prompts fit, before hours of training; captions that stand for them are chosen so.

    Raises:
        ValueError: A prompt is too long.
    """
    for tokenizer in tokenizers:
        if tokenizer is not None and not isinstance(prompts, int):
            tokenizer.encode(prompts)


def prompts_at(
    prompts: tuple[str, ...] | int, batch: Any, *tokenizers: CaptionTokenizer | None
) -> tuple[str, ...]:
    """Return the prompts; for a number the first captions of a batch that fit, each once.

    Raises:
        ValueError: A number was given, and the batch has no such caption.
    """
    if not isinstance(prompts, int):
        return prompts
    found = tuple(islice(_fitting(batch.get("captions", ()), tokenizers), prompts))
    if not found:
        raise ValueError("the validation split has no captions to draw: give prompts instead")
    return found


def _fitting(
    captions: Sequence[str], tokenizers: Sequence[CaptionTokenizer | None]
) -> Iterator[str]:
    for caption in dict.fromkeys(captions):
        with suppress(RowError):
            for tokenizer in tokenizers:
                if tokenizer is not None:
                    tokenizer.encode([caption])
            yield caption


def trained_pipeline(
    trainer: Trainer,
    pl_module: LightningModule,
    clip: Clip | None = None,
    clip_tokenizer: CaptionTokenizer | None = None,
    dtype: torch.dtype | None = None,
) -> DallePipeline:
    """Return a pipeline around a copy of the weights of this moment.

    Args:
        trainer: Has a data module with the prior's tokenizer.
        pl_module: A prior in training, with its dVAE; sharded nets are not supported.
        clip: What ranks; None keeps the first pictures.
        clip_tokenizer: Its tokenizer.
        dtype: Precision; default bf16 where the device computes in it, else fp32.

    Raises:
        ValueError: The module has no dVAE, or the data no tokenizer.
    """
    device = pl_module.device
    prior = deepcopy(cast(DrawingModule, pl_module).net).to(dtype or pick_dtype(device)).eval()
    return DallePipeline(
        frozen_dvae(pl_module),
        prior,
        None if clip is None else clip.to(device),
        prior_tokenizer(trainer),
        clip_tokenizer,
    )


def frozen_dvae(pl_module: LightningModule) -> DiscreteVAE:
    """Return the dVAE of a prior in training.

    Raises:
        ValueError: It has none.
    """
    dvae = cast(DrawingModule, pl_module).dvae
    if dvae is None:
        raise ValueError("drawing needs the dVAE: give its folder as model.dvae")
    return dvae


def prior_tokenizer(trainer: Trainer) -> CaptionTokenizer:
    """Return the tokenizer of the run's data module.

    Raises:
        ValueError: There is no data module, or it reads no text.
    """
    data: Any = getattr(trainer, "datamodule", None)
    tokenizer = cast(TokenizingData, data).tokenizer if data is not None else None
    if tokenizer is None:
        raise ValueError("there is no tokenizer: train with a data module that has one")
    return tokenizer

"""The pipeline of a prior that is being trained: what callbacks that draw have in common."""

from copy import deepcopy
from typing import Any, Protocol, cast

import torch
from lightning.pytorch import LightningModule, Trainer

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

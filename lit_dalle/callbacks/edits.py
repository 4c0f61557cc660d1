"""Validation pictures with a region repainted, in TensorBoard while the prior learns."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from torch import Tensor

from lit_dalle.callbacks.drawing import frozen_dvae, prior_tokenizer, trained_pipeline
from lit_dalle.callbacks.rhythm import EveryNthValidation
from lit_dalle.data.notes import RowError
from lit_dalle.generation.hardware import DTYPES, Precision
from lit_dalle.generation.pictures import to_pictures
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.generation.region import Rectangle
from lit_dalle.generation.rerank import to_bytes
from lit_dalle.generation.settings import GenerationSettings


class EditLogger(EveryNthValidation):
    """Repaints the middle of the first validation pictures, as ``lit-dalle edit`` does.

    It draws before the first validation batch, with the averaged weights, as ``SampleLogger`` does:
    the same pictures, rectangle and noise at every validation. The prior must be of order ``any``.
    """

    def __init__(
        self,
        pictures: int = 4,
        rectangle: list[int] | None = None,
        every_n_validations: int = 1,
        candidates: int = 4,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        guidance: float = 1.0,
        seed: int = 0,
        precision: Precision = "auto",
    ) -> None:
        """Take the settings.

        Args:
            pictures: How many pictures, with their captions.
            rectangle: X, Y, width and height in pixels; by default the middle quarter of the area.
            every_n_validations: Draw at every n-th validation, beginning with the first.
            candidates: Fillings of each, shown in the order in which they fit what is around.
            temperature: Divides the logits.
            top_k: Draw from the k most likely tokens.
            top_p: Draw from the most likely tokens with this total probability.
            guidance: Scale of classifier-free guidance; 1 is off.
            seed: Seed of the noise.
            precision: Format the prior draws in; auto: bf16 where the device computes in it.

        Raises:
            ValueError: A setting is out of range.
        """
        if min(pictures, every_n_validations) < 1:
            raise ValueError(
                "pictures and every_n_validations must be at least 1, got "
                f"{pictures} and {every_n_validations}"
            )
        if rectangle is not None and len(rectangle) != 4:
            raise ValueError(f"rectangle is X, Y, width and height, got {rectangle}")
        super().__init__(every_n_validations)
        self.pictures = pictures
        self.rectangle = None if rectangle is None else Rectangle(*rectangle)
        self.settings = GenerationSettings(
            temperature, top_k, top_p, guidance, candidates=candidates, keep=candidates, seed=seed
        )
        self.precision = precision

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See that there is all that drawing needs, before hours of training.

        Raises:
            ValueError: The module has no dVAE, the data no tokenizer, or the prior reads in raster
                order alone.
        """
        frozen_dvae(pl_module)
        prior_tokenizer(trainer)
        order = pl_module.net.config.order  # type: ignore[union-attr]
        if order != "any":
            raise ValueError(
                f"EditLogger needs a prior of order any, and this one's is {order}: leave it out"
            )

    def at_validation(self, trainer: Trainer, pl_module: LightningModule, batch: Any) -> None:
        """Draw the edits; the first process does."""
        if trainer.is_global_zero:
            self._draw(trainer, pl_module, batch)

    def _draw(self, trainer: Trainer, pl_module: LightningModule, batch: Any) -> None:
        boards = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        if not boards:
            return
        pipeline = trained_pipeline(trainer, pl_module, dtype=DTYPES.get(self.precision))
        for number, (picture, caption) in enumerate(
            islice(_captioned(pipeline, batch), self.pictures)
        ):
            edit = pipeline.edit(
                picture,
                caption,
                [self.rectangle or middle_of(picture)],
                candidates=self.settings.candidates,
                keep=self.settings.keep,
                temperature=self.settings.temperature,
                top_k=self.settings.top_k,
                top_p=self.settings.top_p,
                guidance=self.settings.guidance,
                seed=self.settings.seed,
            )
            sheet = np.asarray(edit.grid())
            for board in boards:
                board.experiment.add_image(
                    f"edits/{number}", sheet, trainer.global_step, dataformats="HWC"
                )


def middle_of(picture: Image.Image) -> Rectangle:
    """The middle of a picture, half as wide and high."""
    width, height = picture.width // 2, picture.height // 2
    return Rectangle((picture.width - width) // 2, (picture.height - height) // 2, width, height)


def _captioned(pipeline: DallePipeline, batch: Any) -> Iterator[tuple[Image.Image, str]]:
    """Pictures of a batch with captions that fit; of image tokens as the dVAE decodes them."""
    for row, caption in enumerate(batch.get("captions", ())):
        with suppress(RowError):
            pipeline.prior_tokenizer.encode([caption])
            yield to_pictures(_picture(pipeline, batch, row))[0], caption


def _picture(pipeline: DallePipeline, batch: Any, row: int) -> Tensor:
    """One picture, uint8 ``1 3 h w``."""
    if "images" in batch:
        return to_bytes(batch["images"][row : row + 1])
    with torch.no_grad():
        return pipeline.decode(batch["image_tokens"][row : row + 1].to(pipeline.device))

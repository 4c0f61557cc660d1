"""Pictures of fixed prompts in TensorBoard while the prior learns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from lit_dalle.callbacks.drawing import (
    check_room,
    checked_prompts,
    frozen_dvae,
    prior_tokenizer,
    prompts_at,
    trained_pipeline,
)
from lit_dalle.callbacks.rhythm import EveryNthValidation
from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.generation.export import load_model, load_tokenizer
from lit_dalle.generation.hardware import DTYPES, Precision
from lit_dalle.generation.settings import GenerationSettings
from lit_dalle.models.clip import Clip


class SampleLogger(EveryNthValidation):
    """Draws fixed prompts at validation, through the same pipeline as ``lit-dalle generate``.

    It draws before the first validation batch. Lightning's weight averaging has then swapped the
    averaged weights in, and not yet out again, wherever it stands in the list of callbacks: what
    is shown is the EMA model. The draws are a function of the seed alone and leave the global
    random state as it is, so training goes on as if nothing had been drawn.

    Only the first process draws, from a copy of the net; sharded nets are not supported.
    """

    def __init__(
        self,
        prompts: Sequence[str] | int,
        every_n_validations: int = 1,
        candidates: int = 8,
        keep: int = 8,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        guidance: float = 1.0,
        seed: int = 0,
        clip: str | None = None,
        precision: Precision = "auto",
    ) -> None:
        """Take the settings.

        Args:
            prompts: What to draw, one contact sheet each; a number takes so many captions of the
                first validation batch.
            every_n_validations: Draw at every n-th validation, beginning with the first.
            candidates: Pictures drawn of each prompt.
            keep: Pictures shown: CLIP's best, or the first without a CLIP.
            temperature: Divides the logits.
            top_k: Draw from the k most likely tokens.
            top_p: Draw from the most likely tokens with this total probability.
            guidance: Scale of classifier-free guidance; 1 is off.
            seed: Seed of the noise, the same at every validation so that pictures compare.
            clip: Folder of an exported CLIP that ranks.
            precision: Format the prior draws in; auto: bf16 where the device computes in it.

        Raises:
            ValueError: A setting is out of range, or there is no prompt.
        """
        if every_n_validations < 1:
            raise ValueError(f"every_n_validations must be at least 1, got {every_n_validations}")
        super().__init__(every_n_validations)
        self.prompts = checked_prompts(prompts)
        self.settings = GenerationSettings(
            temperature, top_k, top_p, guidance, candidates=candidates, keep=keep, seed=seed
        )
        self.clip_folder, self.precision = clip, precision
        self._clip: Clip | None = None
        self._clip_tokenizer: CaptionTokenizer | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Load CLIP and see that there is all that drawing needs, before hours of training.

        Raises:
            ValueError: The module has no dVAE, the data no tokenizer, or a prompt is too long.
        """
        if self.clip_folder is not None and self._clip is None:
            self._clip = load_model(self.clip_folder, kind="clip")
            self._clip_tokenizer = load_tokenizer(self.clip_folder)
        frozen_dvae(pl_module)
        check_room(self.prompts, prior_tokenizer(trainer), self._clip_tokenizer)

    def at_validation(self, trainer: Trainer, pl_module: LightningModule, batch: Any) -> None:
        """Draw the prompts; the first process does."""
        if trainer.is_global_zero:
            tokenizers = (prior_tokenizer(trainer), self._clip_tokenizer)
            self._draw(trainer, pl_module, prompts_at(self.prompts, batch, *tokenizers))

    def _draw(self, trainer: Trainer, pl_module: LightningModule, prompts: Sequence[str]) -> None:
        boards = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        if not boards:
            return
        dtype, settings = DTYPES.get(self.precision), self.settings
        pipeline = trained_pipeline(trainer, pl_module, self._clip, self._clip_tokenizer, dtype)
        for prompt in prompts:
            generation = pipeline.generate(
                prompt,
                candidates=settings.candidates,
                keep=settings.keep,
                temperature=settings.temperature,
                top_k=settings.top_k,
                top_p=settings.top_p,
                guidance=settings.guidance,
                seed=settings.seed,
            )
            sheet = np.asarray(generation.grid())
            for board in boards:
                board.experiment.add_image(
                    f"samples/{prompt}", sheet, trainer.global_step, dataformats="HWC"
                )

"""CLIP's score of what the prior draws, while it learns."""

from collections.abc import Sequence
from typing import Any

from lightning.pytorch import LightningModule, Trainer

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
from lit_dalle.evaluation.clip_score import ClipScore
from lit_dalle.generation.export import load_model, load_tokenizer
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.models.clip import Clip, at_size


class ClipScoreLogger(EveryNthValidation):
    """Draws fixed prompts at validation and logs how well they fit, as ``val/clip_score``.

    The pictures come from the pipeline of ``lit-dalle generate``, unranked, and are scored by an
    exported CLIP (see :class:`ClipScore`: 100·cosine, mean over pictures). As in
    :class:`SampleLogger` they are drawn before the first validation batch, when the averaged
    weights are in place, and are a function of the seed alone. The processes share the prompts.
    """

    def __init__(
        self,
        prompts: Sequence[str] | int,
        clip: str,
        every_n_validations: int = 1,
        candidates: int = 8,
        guidance: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Take the settings.

        Args:
            prompts: What to draw; a number takes so many captions of the first validation batch.
            clip: Folder of an exported CLIP.
            every_n_validations: Draw at every n-th validation, beginning with the first.
            candidates: Pictures drawn and scored of each prompt.
            guidance: Scale of classifier-free guidance; 1 is off.
            seed: Seed of the noise.

        Raises:
            ValueError: There is no prompt, or a count below 1.
        """
        if min(every_n_validations, candidates) < 1:
            raise ValueError(
                "the CLIP score needs every_n_validations and candidates of at least 1, got "
                f"{every_n_validations} and {candidates}"
            )
        super().__init__(every_n_validations)
        self.prompts, self.clip_folder = checked_prompts(prompts), clip
        self.candidates = candidates
        self.guidance, self.seed = guidance, seed
        self._clip: Clip | None = None
        self._tokenizer: CaptionTokenizer | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Load CLIP and see that there is all that drawing needs, before hours of training.

        Raises:
            FileNotFoundError: There is no exported CLIP in the folder.
            ValueError: The module has no dVAE, the data no tokenizer, or a prompt is too long.
        """
        self._clip = load_model(self.clip_folder, kind="clip")
        self._tokenizer = load_tokenizer(self.clip_folder)
        frozen_dvae(pl_module)
        check_room(self.prompts, self._tokenizer, prior_tokenizer(trainer))

    @property
    def is_ready(self) -> bool:
        """Whether CLIP is loaded: training has begun."""
        return self._clip is not None

    def at_validation(self, trainer: Trainer, pl_module: LightningModule, batch: Any) -> None:
        """Draw and score."""
        pipeline = trained_pipeline(trainer, pl_module)
        tokenizers = (prior_tokenizer(trainer), self._tokenizer)
        prompts = prompts_at(self.prompts, batch, *tokenizers)
        own = prompts[trainer.global_rank :: trainer.world_size]
        pl_module.log("val/clip_score", self._score(pipeline, own), batch_size=1)

    def _score(self, pipeline: DallePipeline, prompts: Sequence[str]) -> float:
        """Mean over the pictures of all processes."""
        assert self._clip is not None
        assert self._tokenizer is not None
        clip = self._clip.to(pipeline.device)
        metric = ClipScore(clip).to(pipeline.device)
        for prompt in prompts:
            drawn = pipeline.generate(
                prompt,
                candidates=self.candidates,
                keep=self.candidates,
                guidance=self.guidance,
                seed=self.seed,
            )
            images = drawn.images.to(pipeline.device).float() / 255
            text_tokens = self._tokenizer.encode([prompt]).to(pipeline.device)
            metric.update(at_size(images, clip.config.image_size), text_tokens)
        return float(metric.compute())

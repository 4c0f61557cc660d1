"""How many pictures show exactly what was asked for, while the prior learns."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from lit_dalle.callbacks.drawing import frozen_dvae, prior_tokenizer, trained_pipeline
from lit_dalle.data.world import FAMILIES
from lit_dalle.evaluation.composition.prompts import Prompt, world_prompts
from lit_dalle.evaluation.grading import grade
from lit_dalle.generation.decode import generate_image_tokens
from lit_dalle.generation.pipeline import DallePipeline, pictures_together

LOGGED = {"iid": "val/composition", "held-out": "val/composition_held_out"}
"""Split of the benchmark's prompts → what its mean is logged as."""


class CompositionLogger(Callback):
    """Draws fixed prompts of the world, grades the pictures, and logs the share that is right.

    Logs ``val/composition/FAMILY`` for compositions that are trained and
    ``val/composition_held_out/FAMILY`` for those that never are, and the means over families as
    ``val/composition`` and ``val/composition_held_out``. A picture is right when the grader finds
    nothing wrong, see :func:`lit_dalle.evaluation.grading.grade`; no CLIP selects.

    The prompts are the first of the benchmark's, the same every time, and so is the noise: the
    scores are a function of the weights and the seed alone. All pictures are drawn together, from
    a copy of the net, and the global random state is left as it is. The averaged weights are in
    the net only during validation (before its first batch, as in :class:`SampleLogger`), so it is
    graded at the first validation after every n steps, not at the very step. The processes share
    the prompts; sharded nets are not supported. A prompt that does not fit the prior's text is cut,
    as captions are in training.
    """

    def __init__(
        self,
        every_n_steps: int = 400,
        prompts: int = 4,
        samples: int = 2,
        families: Sequence[str] = FAMILIES,
        temperature: float = 1.0,
        guidance: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Take the settings.

        Args:
            every_n_steps: Grade at the first validation at or after each multiple of so many
                training steps; 1 grades at every validation. At the defaults a grading takes 2 to
                3 seconds of two CPU cores (the first one 7); 400 steps of the world's recipe take
                at least 140.
            prompts: Scenes a family, of those that are trained and of those that are held out.
            samples: Pictures drawn of each.
            families: Which of the world's.
            temperature: Divides the logits.
            guidance: Scale of classifier-free guidance; 1 is off.
            seed: Seed of the noise.

        Raises:
            ValueError: A count below 1, or an unknown family.
        """
        unknown = [family for family in families if family not in FAMILIES]
        if min(every_n_steps, prompts, samples) < 1 or not families or unknown:
            raise ValueError(
                "composition needs every_n_steps, prompts and samples of at least 1 and families "
                f"of {', '.join(FAMILIES)}; got {every_n_steps}, {prompts}, {samples} and "
                f"{', '.join(families) or 'no family'}"
            )
        self.every_n_steps, self.samples = every_n_steps, samples
        self.temperature, self.guidance, self.seed = temperature, guidance, seed
        self.families, self.prompts_a_family = tuple(families), prompts
        self._prompts: list[Prompt] = []
        self._graded_at = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See that there is all that drawing needs, before hours of training.

        Raises:
            ValueError: The module has no dVAE, or the data no tokenizer.
        """
        frozen_dvae(pl_module)
        prior_tokenizer(trainer)
        self._prompts = world_prompts(self.families, tuple(LOGGED), self.prompts_a_family)

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Grade once a validation where it is due, while the averaged weights are in place."""
        if trainer.sanity_checking or batch_idx or dataloader_idx or not self._prompts:
            return
        step = trainer.global_step
        if step // self.every_n_steps > self._graded_at // self.every_n_steps:
            self._graded_at = step
            pl_module.log_dict(self._scores(trainer, pl_module), batch_size=1, sync_dist=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the step of the last grading."""
        return {"graded_at": self._graded_at}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the checkpoint stopped."""
        self._graded_at = state_dict["graded_at"]

    def _scores(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, float]:
        """Name of what is logged → share of right pictures, over the pictures of all processes."""
        begin, end = own_part(len(self._prompts), trainer.global_rank, trainer.world_size)
        right = torch.zeros(len(self._prompts), device=pl_module.device)
        if begin < end:
            pipeline = trained_pipeline(trainer, pl_module)
            right[begin:end] = self._right(pipeline, begin, end).to(right)
        right = trainer.strategy.reduce(right, reduce_op="sum")
        return shares(self._prompts, (right / self.samples).tolist())

    def _right(self, pipeline: DallePipeline, begin: int, end: int) -> Tensor:
        """Number of right pictures of each prompt from ``begin`` to ``end``, int64.

        A picture's noise belongs to its place among those of all prompts, in any process.
        """
        prompts = self._prompts[begin:end]
        texts = [prompt.text for prompt in prompts]
        text_tokens = pipeline.prior_tokenizer.encode(texts, long="truncate")
        image_tokens = generate_image_tokens(
            pipeline.prior,
            text_tokens,
            self.samples,
            temperature=self.temperature,
            guidance=self.guidance,
            seed=self.seed,
            first_candidate=[place * self.samples for place in range(begin, end)],
        )
        tiles = torch.split(image_tokens, pictures_together(pipeline.dvae.config))
        pictures = torch.cat([pipeline.decode(tile) for tile in tiles]).permute(0, 2, 3, 1)
        asked = [prompt.asked for prompt in prompts for _ in range(self.samples)]
        graded = zip(pictures.cpu().numpy(), asked, strict=True)
        right = [grade(picture, scene).right for picture, scene in graded]
        return torch.tensor(right).reshape(-1, self.samples).sum(1)


def own_part(count: int, rank: int, processes: int) -> tuple[int, int]:
    """Begin and end of the part of ``count`` things that a process does; parts are contiguous."""
    return count * rank // processes, count * (rank + 1) // processes


def shares(prompts: Sequence[Prompt], values: Sequence[float]) -> dict[str, float]:
    """Mean of the prompts' values for each family and split, and over the families of a split."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in LOGGED.values()}
    for prompt, value in zip(prompts, values, strict=True):
        families = found[LOGGED[prompt.case["split"]]]
        families.setdefault(prompt.case["family"], []).append(value)
    logged: dict[str, float] = {}
    for name, families in found.items():
        means = {family: fmean(part) for family, part in families.items()}
        logged |= {f"{name}/{family}": mean for family, mean in means.items()}
        logged[name] = fmean(means.values())
    return logged

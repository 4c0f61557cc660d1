"""CLIP's binding, while it learns: which attribute belongs to which object?"""

from collections.abc import Iterator
from typing import Any, Protocol, cast

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from lit_dalle.callbacks.drawing import prior_tokenizer
from lit_dalle.callbacks.rhythm import EveryNthValidation
from lit_dalle.evaluation.binding.scoring import (
    ACCURACY,
    ALL,
    GROUP,
    IMAGE,
    TEXT,
    BindingTest,
    score_binding,
)
from lit_dalle.evaluation.binding.tests import (
    KINDS,
    REARRANGED,
    sugarcrepe_tests,
    winoground_tests,
)
from lit_dalle.models.clip import Clip, at_size

WINOGROUND = "winoground"
LOGGED = {TEXT: "text", IMAGE: "image", GROUP: "group"}


class EncodingModule(Protocol):
    """What is asked of the LightningModule of a CLIP."""

    net: Clip


class BindingLogger(EveryNthValidation):
    """Scores small fixed tests of binding at validation, made of the world's scenes.

    Logs ``val/winoground/text``, ``image`` and ``group`` (chance 1/4, 1/4, 1/6) and
    ``val/sugarcrepe/replace``, ``swap`` and ``add`` (chance 1/2); see
    :mod:`lit_dalle.evaluation.binding`. The tests are drawn once, when training starts. As in
    :class:`SampleLogger` the net is looked at before the first validation batch, when the averaged
    weights are in place. Every process scores all tests: with the world's CLIP that takes 0.3 s of
    two CPU cores. Captions that do not fit CLIP's text are cut, as in training.
    """

    def __init__(
        self,
        tests: int = 100,
        split: str = "validation",
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        """Take the settings.

        Args:
            tests: Winoground-form pairs, and SugarCrepe-form tests of each kind: about so many,
                equally many of every family that has them.
            split: ``validation``, or ``held_out`` for compositions that are never trained.
            every_n_validations: Score at every n-th validation, beginning with the first.
            seed: Seed of the tests.

        Raises:
            ValueError: A count below 1, or an unknown split.
        """
        if min(tests, every_n_validations) < 1 or split not in ("validation", "test", "held_out"):
            raise ValueError(
                "binding tests need tests and every_n_validations of at least 1 and the split "
                f"validation, test or held_out; got {tests}, {every_n_validations} and {split!r}"
            )
        super().__init__(every_n_validations)
        self.tests, self.split, self.seed = tests, split, seed
        self._made: dict[str, list[BindingTest]] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the tests.

        Raises:
            ValueError: The data has no tokenizer.
        """
        prior_tokenizer(trainer)
        if not self._made:
            self._made = dict(self._make())

    @property
    def is_ready(self) -> bool:
        """Whether the tests are drawn: training has begun."""
        return bool(self._made)

    def at_validation(self, trainer: Trainer, pl_module: LightningModule, batch: Any) -> None:
        """Score the tests."""
        pl_module.log_dict(self._scores(trainer, pl_module), batch_size=1, sync_dist=True)

    def _make(self) -> Iterator[tuple[str, list[BindingTest]]]:
        pairs = max(1, round(self.tests / len(REARRANGED)))
        yield WINOGROUND, list(winoground_tests(self.split, pairs, seed=self.seed))
        for kind, (_, families) in KINDS.items():
            each = max(1, round(self.tests / len(families)))
            yield kind, list(sugarcrepe_tests(kind, self.split, each, seed=self.seed))

    def _scores(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, float]:
        """Name of what is logged → share of right tests over all families."""
        clip, tokenizer = cast(EncodingModule, pl_module).net, prior_tokenizer(trainer)
        device = pl_module.device

        def encode_image(images: Tensor) -> Tensor:
            return clip.encode_image(at_size(images.to(device), clip.config.image_size))

        def encode_text(captions: list[str]) -> Tensor:
            return clip.encode_text(tokenizer.encode(captions, long="truncate").to(device))

        with torch.no_grad(), trainer.precision_plugin.val_step_context():
            return {
                name_of(form, score.metric): score.share
                for form, tests in self._made.items()
                for score in score_binding(tests, encode_image, encode_text)
                if score.family == ALL
            }


def name_of(form: str, metric: str) -> str:
    """What a score is logged as; ``form`` is `WINOGROUND` or a kind of SugarCrepe-form tests."""
    return f"val/sugarcrepe/{form}" if metric == ACCURACY else f"val/{form}/{LOGGED[metric]}"

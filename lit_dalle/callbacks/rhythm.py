"""When a callback looks at a net: before the first batch of every n-th validation."""

from abc import ABC, abstractmethod
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


class EveryNthValidation(Callback, ABC):
    """Does something once a validation, while Lightning's averaged weights are in place.

    The count is kept in checkpoints, so that a resumed run keeps the rhythm.

    Args:
        every_n_validations: At every n-th validation, beginning with the first.
    """

    def __init__(self, every_n_validations: int) -> None:
        self.every_n_validations = every_n_validations
        self._validations = 0

    @abstractmethod
    def at_validation(self, trainer: Trainer, pl_module: LightningModule, batch: Any) -> None:
        """Do it; ``batch`` is the validation's first."""

    @property
    def is_ready(self) -> bool:
        """Whether there is all that it needs; a validation without it does not count."""
        return True

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Do it where it is due; the check before training does not count."""
        if trainer.sanity_checking or batch_idx or dataloader_idx or not self.is_ready:
            return
        due = self._validations % self.every_n_validations == 0
        self._validations += 1
        if due:
            self.at_validation(trainer, pl_module, batch)

    def state_dict(self) -> dict[str, Any]:
        """Return how many validations there were."""
        return {"validations": self._validations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting where the checkpoint stopped."""
        self._validations = state_dict["validations"]

"""How many pictures survive the tokens, while the dVAE learns."""

from typing import Any, Protocol, cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from lit_dalle.data.world import FAMILIES
from lit_dalle.evaluation.reconstruction import shows_scenes
from lit_dalle.models.dvae import DiscreteVAE


class TokenizingModule(Protocol):
    """What is asked of the LightningModule of a dVAE."""

    net: DiscreteVAE


class CeilingLogger(Callback):
    """Grades what comes back from hard tokens: the most that any prior over them can reach.

    Logs the share of validation pictures that still show their scene exactly as ``val/ceiling``,
    and by family as ``val/ceiling/FAMILY``. The data must be the world's and keep the scenes
    (``data.keep_scenes``); batches without scenes are not graded. Averaged weights are in the net
    during validation, so what is graded is the EMA model. The processes grade their own batches;
    the means are over all of them.

    Args:
        batches: Validation batches that are graded, the first ones. Two cores grade a thousand
            pictures a second.

    Raises:
        ValueError: The number is below 1.
    """

    def __init__(self, batches: int = 8) -> None:
        if batches < 1:
            raise ValueError(f"the ceiling needs at least 1 batch, got {batches}")
        self.batches = batches
        self._found = torch.zeros(len(FAMILIES), 2)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the last validation's pictures."""
        self._found = torch.zeros(len(FAMILIES), 2, device=pl_module.device)

    @torch.no_grad()
    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Grade a batch."""
        late = batch_idx >= self.batches or dataloader_idx
        if trainer.sanity_checking or late or "scenes" not in batch:
            return
        net = cast(TokenizingModule, pl_module).net
        right = shows_scenes(net.decode(net.encode(batch["images"])), batch["scenes"])
        for family, one in zip(batch["family"], right, strict=True):
            self._found[FAMILIES.index(family)] += torch.tensor([one, 1], device=pl_module.device)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the shares over the pictures of all processes, the same in each."""
        found = trainer.strategy.reduce(self._found, reduce_op="sum")
        right, graded = found.sum(dim=0).tolist()
        if not graded:
            return
        shares = {"val/ceiling": right / graded}
        for family, (right, graded) in zip(FAMILIES, found.tolist(), strict=True):
            if graded:
                shares[f"val/ceiling/{family}"] = right / graded
        pl_module.log_dict(shares, batch_size=1)

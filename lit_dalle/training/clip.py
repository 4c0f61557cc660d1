"""LitClip: the training of a CLIP."""

from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from lit_dalle.functional.contrastive import (
    MAX_LOGIT_SCALE,
    chance_level,
    contrastive_loss,
    matches,
)
from lit_dalle.models.clip import INITIAL_LOGIT_SCALE, Clip, ClipConfig, ClipOutput
from lit_dalle.training.optimization import OptimizerConfig, as_config, build_optimizer, plain

OPTIMIZER = OptimizerConfig()


class LitClip(L.LightningModule):
    """Trains a :class:`Clip` on pairs of ``images`` and ``text_tokens``.

    ``group_ids``, where the batch has them, name rows that are not negatives of each other. Logs
    ``train/loss``, ``train/logit_scale`` (log space), ``val/loss``, ``val/top1`` (share of pictures
    whose nearest caption in the validation batch is their own) and ``val/chance``, the loss at
    which nothing has been learned.

    Args:
        config: Sizes of the towers.
        optimizer: Optimiser settings.
        initial_logit_scale: Where the logit_scale starts, in log space ([C] 2.5: ln(1/0.07)). Adam
            moves it by at most the learning rate an update, so a run of a thousand updates never
            reaches the scale it needs: start those higher (our choice).
        seed: Seed of the initial weights.

    Raises:
        ValueError: The initial logit_scale is above its bound, ln 100.
    """

    def __init__(
        self,
        config: ClipConfig | dict[str, Any],
        optimizer: OptimizerConfig | dict[str, Any] = OPTIMIZER,
        initial_logit_scale: float = INITIAL_LOGIT_SCALE,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if initial_logit_scale > MAX_LOGIT_SCALE:
            raise ValueError(
                f"initial_logit_scale is {initial_logit_scale}, the bound is ln 100 = 4.605"
            )
        self.config = as_config(ClipConfig, config)
        self.optimizer_config = as_config(OptimizerConfig, optimizer)
        self.save_hyperparameters()
        self.save_hyperparameters(
            {"config": plain(self.config), "optimizer": plain(self.optimizer_config)}
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.net = Clip(self.config)
        nn.init.constant_(self.net.logit_scale, initial_logit_scale)

    def forward(self, images: Tensor, text_tokens: Tensor) -> ClipOutput:
        """Encode pairs; see :meth:`Clip.forward`."""
        output: ClipOutput = self.net(images, text_tokens)
        return output

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Loss of the rows of all processes."""
        output: ClipOutput = self(batch["images"], batch["text_tokens"])
        loss = contrastive_loss(*output, group_ids=batch.get("group_ids"))
        self.log("train/loss", loss, prog_bar=True)
        self.log("train/logit_scale", output.logit_scale.detach())
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Log loss and matches among the batch of this process."""
        self._evaluate(batch, "val")

    def test_step(self, batch: dict[str, Any], batch_idx: int, dataloader_idx: int = 0) -> None:
        """Log the same for the test splits."""
        self._evaluate(batch, "test")

    def configure_optimizers(self) -> Any:
        """AdamW; its learning rate is a function of the update."""
        return build_optimizer(
            self.net, self.optimizer_config, int(self.trainer.estimated_stepping_batches)
        )

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Update, then clamp logit_scale to ln 100 ([C] 2.5), before any average sees it."""
        super().optimizer_step(*args, **kwargs)
        with torch.no_grad():
            self.net.logit_scale.clamp_(max=MAX_LOGIT_SCALE)

    def _evaluate(self, batch: dict[str, Any], stage: str) -> None:
        output: ClipOutput = self(batch["images"], batch["text_tokens"])
        rows, group_ids = len(output.image_features), batch.get("group_ids")
        found = matches(output.image_features, output.text_features, group_ids)
        scores = {
            f"{stage}/loss": contrastive_loss(*output, group_ids=group_ids, gather=False),
            f"{stage}/top1": found.float().mean(),
            f"{stage}/chance": torch.tensor(chance_level(rows)),
        }
        self.log_dict(scores, prog_bar=True, sync_dist=True, batch_size=rows)

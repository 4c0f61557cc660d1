"""LitClassifier: the supervised network that stands beside CLIP."""

from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.nn import functional as F

from lit_dalle.models.resnet import ResNet, ResNetConfig
from lit_dalle.training.optimization import OptimizerConfig, as_config, build_optimizer, plain

OPTIMIZER = OptimizerConfig()


class LitClassifier(L.LightningModule):
    """Trains a :class:`ResNet` on ``images`` and ``labels`` by cross-entropy.

    Logs ``train/loss``, ``val/loss``, ``val/top1`` and ``val/top5`` (shares of pictures whose class
    is the likeliest, or among the five likeliest).

    Args:
        config: Sizes of the network.
        optimizer: Optimiser settings.
        label_smoothing: Share of the target that is spread over all classes (0 in He et al. 2015).
        seed: Seed of the initial weights.

    Raises:
        ValueError: The share is none.
    """

    def __init__(
        self,
        config: ResNetConfig | dict[str, Any],
        optimizer: OptimizerConfig | dict[str, Any] = OPTIMIZER,
        label_smoothing: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing}")
        self.config = as_config(ResNetConfig, config)
        self.optimizer_config = as_config(OptimizerConfig, optimizer)
        self.label_smoothing = label_smoothing
        self.save_hyperparameters()
        self.save_hyperparameters(
            {"config": plain(self.config), "optimizer": plain(self.optimizer_config)}
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.net = ResNet(self.config)

    def setup(self, stage: str) -> None:
        """Compare the classes of the data with those of the network.

        Raises:
            ValueError: Their numbers differ, or the data names no classes.
        """
        names = self.class_names()
        if names is not None and len(names) != self.config.classes:
            raise ValueError(
                f"the network tells {self.config.classes} classes apart, the data has "
                f"{len(names)}: set model.init_args.config.classes to {len(names)}"
            )

    def class_names(self) -> list[str] | None:
        """Names of the data's classes, by label; None without a data module of ours."""
        source: Any = getattr(getattr(self._trainer, "datamodule", None), "source", None)
        return list(source.label_names()) if hasattr(source, "label_names") else None

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the classes' names beside the weights."""
        checkpoint["classes"] = self.class_names()

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Loss of a batch."""
        smooth = self.label_smoothing
        loss = F.cross_entropy(self.net(batch["images"]), _labels(batch), label_smoothing=smooth)
        self.log("train/loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Log loss and accuracy."""
        self._evaluate(batch, "val")

    def test_step(self, batch: dict[str, Any], batch_idx: int, dataloader_idx: int = 0) -> None:
        """Log the same for the test splits."""
        self._evaluate(batch, "test")

    def configure_optimizers(self) -> Any:
        """Optimise as the settings say; the learning rate is a function of the update."""
        steps = int(self.trainer.estimated_stepping_batches)
        return build_optimizer(self.net, self.optimizer_config, steps)

    def _evaluate(self, batch: dict[str, Any], stage: str) -> None:
        logits, labels = self.net(batch["images"]), _labels(batch)
        nearest = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
        scores = {
            f"{stage}/loss": F.cross_entropy(logits, labels),
            f"{stage}/top1": nearest[:, 0].float().mean(),
            f"{stage}/top5": nearest.any(dim=1).float().mean(),
        }
        self.log_dict(scores, prog_bar=True, sync_dist=True, batch_size=len(labels))


def _labels(batch: dict[str, Any]) -> Tensor:
    if "labels" not in batch:
        raise ValueError(
            "the pictures have no labels: name their column with data.source.init_args.label_column"
        )
    labels: Tensor = batch["labels"]
    return labels

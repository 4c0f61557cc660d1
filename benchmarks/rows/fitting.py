"""A training process on a stream that writes down which rows each step has seen."""

import json
from pathlib import Path
from typing import Any

import lightning
import torch

from lit_dalle.cli.trainer import LastCheckpoint
from lit_dalle.data import ImageTextDataModule, ParquetSource
from rows.plan import argument_of_module

BUFFER = 64
"""Rows that are shuffled together."""
SIDE = 16
"""Of the pictures, in pixels."""


class Noting(lightning.LightningModule):
    """A line of (epoch, step, rows) for each step, in a file of its process.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.net = torch.nn.Linear(3, 1)
        self.folder = folder

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """Note the rows, and return something to minimise."""
        line = json.dumps([self.current_epoch, self.global_step, batch["index"].tolist()])
        with (self.folder / f"{self.global_rank}.jsonl").open("a") as file:
            file.write(line + "\n")
        return self.net(batch["images"].mean((2, 3))).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(folder: Path, settings: dict[str, Any]) -> None:
    """Train; go on from the last checkpoint where there is one.

    Args:
        folder: Where the rows are noted; made anew.
        settings: ``files``, ``saved``, ``processes``, ``workers``, ``batch``, ``epochs``,
            ``share_rows`` and ``every``, the steps between two checkpoints.
    """
    folder.mkdir(parents=True)
    saved = Path(settings["saved"])
    source = ParquetSource({"train": settings["files"]}, streaming=True)
    data = ImageTextDataModule(
        source,
        SIDE,
        batch_size=settings["batch"],
        num_workers=settings["workers"],
        shuffle_buffer=BUFFER,
        share_rows=settings["share_rows"],
    )
    keeping = LastCheckpoint(
        saved, "last", every_n_train_steps=settings["every"], enable_version_counter=False
    )
    many = {"strategy": "ddp_fork"} if settings["processes"] > 1 else {}
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=settings["processes"],
        max_epochs=settings["epochs"],
        limit_val_batches=0,
        callbacks=[keeping],
        use_distributed_sampler=False,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **many,
    )
    last = saved / "last.ckpt"
    trainer.fit(Noting(folder), data, ckpt_path=last if last.exists() else None, weights_only=True)


if __name__ == "__main__":
    given = argument_of_module()
    fit(Path(given.pop("folder")), given)

"""Pictures and their reconstructions in TensorBoard while the dVAE learns."""

from typing import Any, Protocol, cast

import torch
import torch.nn.functional as F
from einops import rearrange
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from lit_dalle.models.dvae import DiscreteVAE, to_images

GAP = 2
"""Pixels of white around each picture."""
SMALLEST = 128
"""A picture is shown at least this wide, by whole-number enlargement."""


class ReconstructingModule(Protocol):
    """What is asked of the LightningModule of a dVAE."""

    net: DiscreteVAE

    def relaxed_maps(self, images: Tensor, index: Tensor) -> Tensor:
        """Return what training would make of pictures at this update."""
        ...


class ReconstructionLogger(Callback):
    """Shows, at each validation, the first validation pictures in three rows.

    The rows are the originals, the reconstructions from the relaxed codes of training, and those
    from hard tokens, which the later stages see. It draws before the first validation batch:
    Lightning's weight averaging has then swapped the averaged weights in, so what is shown is the
    EMA model.
    """

    def __init__(self, pictures: int = 12) -> None:
        """Take the number of pictures shown (at most the validation batch).

        Raises:
            ValueError: The number is below 1.
        """
        if pictures < 1:
            raise ValueError(f"reconstruction logging needs at least 1 picture, got {pictures}")
        self.pictures = pictures

    def on_validation_batch_start(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw once a validation."""
        if trainer.sanity_checking or batch_idx or dataloader_idx or not trainer.is_global_zero:
            return
        boards = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        if not boards:
            return
        module = cast(ReconstructingModule, pl_module)
        images, index = batch["images"][: self.pictures], batch["index"][: self.pictures]
        sheet = reconstruction_sheet(module, images, index)
        for board in boards:
            board.experiment.add_image("reconstruction", sheet, trainer.global_step)


@torch.no_grad()
def reconstruction_sheet(module: ReconstructingModule, images: Tensor, index: Tensor) -> Tensor:
    """Lay originals, relaxed and hard reconstructions out in three rows.

    Args:
        module: A dVAE in training.
        images: ``b 3 h w`` in [0, 1].
        index: int64 ``b``, for the noise of training.

    Returns:
        fp32 ``3 H W`` in [0, 1], on the CPU.
    """
    net = module.net
    relaxed = to_images(module.relaxed_maps(images, index))
    hard = net.decode(net.encode(images))
    rows = torch.stack([images.float(), relaxed, hard]).cpu()
    rows = F.pad(rows, (GAP, GAP, GAP, GAP), value=1.0)
    sheet = rearrange(rows, "r b c h w -> c (r h) (b w)")
    scale = -(-SMALLEST // images.shape[-1])
    return sheet.repeat_interleave(scale, dim=1).repeat_interleave(scale, dim=2)

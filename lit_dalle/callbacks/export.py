"""The trained net as a folder, when training ends."""

from pathlib import Path
from typing import Any, Literal, Protocol, cast

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from lit_dalle.callbacks.drawing import prior_tokenizer
from lit_dalle.data.writing import check_replaceable
from lit_dalle.generation.checkpoint import export_checkpoint
from lit_dalle.generation.export import CONFIG, READERS, kind_of, save_model
from lit_dalle.generation.hardware import DTYPES


class NetModule(Protocol):
    """What is asked of any LightningModule of ours."""

    net: nn.Module


class PriorModule(Protocol):
    """What is asked of the LightningModule of a prior besides."""

    dvae_hash: str | None


class ClassifierModule(Protocol):
    """What is asked of the LightningModule of a classifier besides."""

    def class_names(self) -> list[str] | None:
        """Names of the classes, by label."""


class ExportCallback(Callback):
    """Exports the net at the end of ``fit``: config, EMA weights, tokenizer and words.

    Lightning's weight averaging copies the averaged weights into the net in ``on_train_end``; the
    export follows in ``on_fit_end``, when all callbacks have had that hook. A run that is
    interrupted, or resumed when it was already over, exports nothing. A net sharded over several
    processes is not gathered here: use ``lit-dalle export`` on its checkpoint.
    """

    def __init__(
        self,
        folder: str,
        which: Literal["last", "best"] = "last",
        dtype: Literal["float32", "bfloat16"] = "float32",
    ) -> None:
        """Take the settings.

        Args:
            folder: Where to; an earlier export there is replaced, whole or not at all.
            which: The net as training left it, or the checkpoint with the best monitored value.
            dtype: Stored type of the matrices; gains and biases stay in fp32.
        """
        self.folder, self.which, self.dtype = Path(folder), which, DTYPES[dtype]
        self._trained = False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """See that the folder may be written, before hours of training.

        Raises:
            ValueError: The folder holds something else, or there is no best checkpoint to come.
        """
        if stage != "fit":
            return
        check_replaceable(self.folder, CONFIG)
        if self.which == "best" and trainer.checkpoint_callback is None:
            raise ValueError("export of the best checkpoint needs a ModelCheckpoint callback")

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """See that the net can be exported and has its tokenizer.

        Raises:
            ValueError: The net is none of ours, or reads text and the data has no tokenizer.
        """
        if kind_of(cast(NetModule, pl_module).net) in READERS:
            prior_tokenizer(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note that there was training."""
        self._trained = True

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the folder, in the first process only."""
        if not self._trained:
            return
        if trainer.is_global_zero:
            if self.which == "best":
                self._export_best(trainer)
            else:
                self._export_last(trainer, pl_module)
        trainer.strategy.barrier("export")

    def _export_best(self, trainer: Trainer) -> None:
        best: Any = trainer.checkpoint_callback
        export_checkpoint(best.best_model_path, self.folder, dtype=self.dtype)

    def _export_last(self, trainer: Trainer, pl_module: LightningModule) -> None:
        net = cast(NetModule, pl_module).net
        kind = kind_of(net)
        tokenizer = prior_tokenizer(trainer) if kind in READERS else None
        extra: dict[str, Any] = {}
        if kind == "dalle":
            extra["dvae_hash"] = cast(PriorModule, pl_module).dvae_hash
        elif kind == "resnet":
            extra["classes"] = cast(ClassifierModule, pl_module).class_names()
        save_model(net, self.folder, tokenizer=tokenizer, extra=extra, dtype=self.dtype)

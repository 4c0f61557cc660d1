"""What was read and what could not be used, in the logs and on the screen."""

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console

from lit_dalle.data.datamodule import SPLITS_OF, ImageTextDataModule
from lit_dalle.data.ledger import Ledger
from lit_dalle.functional.processes import all_objects


class DataReport(Callback):
    """Logs rows by what happened to them, as ``data/SPLIT/ACTION/KIND``, and tells in the end.

    Numbers are those of the epoch of which most was read, over all processes; they are logged after
    each validation and at the end of training, and told when the trainer has done its work, where
    there is anything but rows read. The command line always has this callback.
    """

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the counts so far."""
        if not trainer.sanity_checking:
            self._log(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the last counts."""
        self._log(trainer)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Say which rows of the splits that were read now were not as they should be."""
        of_stage = SPLITS_OF.get(stage, ())
        reports = [whole.report() for whole in over_processes(trainer) if whole.split in of_stage]
        if any(reports) and trainer.is_global_zero:
            told = "\n".join(filter(None, reports))
            Console().print(told, highlight=False, markup=False, soft_wrap=True)

    def _log(self, trainer: Trainer) -> None:
        noted = {
            f"data/{whole.split}/{name}": float(number)
            for whole in over_processes(trainer)
            for name, number in whole.counts.items()
            if name != "read"
        }
        if noted and trainer.logger is not None:
            trainer.logger.log_metrics(noted, step=trainer.global_step)


def over_processes(trainer: Trainer) -> list[Ledger]:
    """What all processes have read of each split; each has to ask."""
    data = getattr(trainer, "datamodule", None)
    if not isinstance(data, ImageTextDataModule):
        return []
    return [Ledger.together(all_objects(ledger)) for ledger in data.ledgers.values()]

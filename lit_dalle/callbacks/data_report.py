"""What was read and what could not be used, in the logs."""

from collections import Counter

from lightning.pytorch import Callback, LightningModule, Trainer

from lit_dalle.data.datamodule import ImageTextDataModule
from lit_dalle.data.ledger import Ledger
from lit_dalle.functional.processes import all_objects


class DataReport(Callback):
    """Logs rows by what happened to them, as ``data/SPLIT/ACTION/KIND``, and tells in the end.

    Numbers are those of the epoch of which most was read, over all processes; they are logged after
    each validation and in the end, where there is anything but rows read. The command line always
    has this callback.
    """

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the counts so far."""
        if not trainer.sanity_checking:
            self._log(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the last counts."""
        self._log(trainer)

    def _log(self, trainer: Trainer) -> None:
        data = getattr(trainer, "datamodule", None)
        if not isinstance(data, ImageTextDataModule):
            return
        noted = {
            f"data/{split}/{name}": float(number)
            for split, ledger in data.ledgers.items()
            for name, number in over_processes(ledger).items()
            if name != "read"
        }
        if noted and trainer.logger is not None:
            trainer.logger.log_metrics(noted, step=trainer.global_step)


def over_processes(ledger: Ledger) -> Counter[str]:
    """Counts of a split over all processes; each has to ask."""
    total: Counter[str] = Counter()
    for counts in all_objects(dict(ledger.fullest)):
        total.update(counts)
    return total

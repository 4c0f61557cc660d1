"""A callback that writes down which rows training saw, and what was counted of the others."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from lit_dalle.data.ledger import Ledger
from lit_dalle.data.notes import Note


class Recorder(Callback):
    """Writes ``shown``, ``notes`` and ``ledger`` of the training split at the end.

    Args:
        file: Where to.
    """

    def __init__(self, file: str) -> None:
        self.file = Path(file)
        self.shown: Counter[int] = Counter()
        self.notes: list[tuple[str, str]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to what the ledger counts."""
        ledger: Ledger = trainer.datamodule.ledgers["train"]  # type: ignore[attr-defined]
        add = ledger.add

        def heard(read: int, notes: Iterable[Note]) -> None:
            notes = list(notes)
            self.notes += [(f"{action}/{kind}", place) for action, kind, place, _ in notes]
            add(read, notes)

        ledger.add = heard  # type: ignore[method-assign]

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note the rows of a batch."""
        self.shown.update(batch["index"].tolist())

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write."""
        ledger: Ledger = trainer.datamodule.ledgers["train"]  # type: ignore[attr-defined]
        found = {"shown": list(self.shown.elements()), "notes": self.notes}
        self.file.write_text(json.dumps(found | {"ledger": dict(ledger.fullest)}))

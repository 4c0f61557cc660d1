"""Parquet shards whose rows tell their numbers, and a module that notes what it sees."""

import json
from pathlib import Path
from typing import Any

import lightning
import torch
from datasets import Dataset, Features, Image, Value
from number_source import picture_of

from lit_dalle.data import ImageTextDataModule, ParquetSource


def write_shards(folder: Path, sizes: tuple[int, ...]) -> str:
    """Write a parquet file for each size; return their pattern."""
    first = 0
    for shard, size in enumerate(sizes):
        numbers = range(first, first + size)
        columns = {
            "image": [picture_of(number) for number in numbers],
            "text": [f"picture {number}" for number in numbers],
        }
        features = Features({"image": Image(), "text": Value("string")})
        part = Dataset.from_dict(columns, features=features)
        part.to_parquet(str(folder / f"{shard:02}.parquet"))
        first += size
    return str(folder / "*.parquet")


def streamed(pattern: str, batch_size: int, workers: int = 0, **options: Any) -> Any:
    """Return a data module that streams shards."""
    source = ParquetSource({"train": pattern}, streaming=True)
    return ImageTextDataModule(
        source,
        image_size=16,
        batch_size=batch_size,
        num_workers=workers,
        shuffle_buffer=options.pop("buffer", 7),
        **options,
    )


class Noting(lightning.LightningModule):
    """Notes (epoch, step, rows) of each step, in memory and in a file of its process.

    Args:
        folder: Where the files are.
        kill: Step that raises KilledError instead.
    """

    def __init__(self, folder: Path, kill: int | None = None) -> None:
        super().__init__()
        self.net = torch.nn.Linear(3, 1)
        self.folder, self.kill = folder, kill
        self.seen: list[tuple[int, int, list[int]]] = []

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        if self.global_step == self.kill:
            raise KilledError
        rows = [int(caption.split()[1]) for caption in batch["captions"]]
        reds = (batch["images"][:, 0, 0, 0] * 255).round().int().tolist()
        assert reds == [row % 256 for row in rows]
        self.seen.append((self.current_epoch, self.global_step, rows))
        with (self.folder / f"{self.global_rank}.jsonl").open("a") as file:
            file.write(json.dumps(self.seen[-1]) + "\n")
        return self.net(batch["images"].mean((2, 3))).square().mean()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        pass

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class KilledError(Exception):
    """A run that was stopped without ceremony."""

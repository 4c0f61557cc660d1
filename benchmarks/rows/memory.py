"""The resident size while rows are streamed by the data module in one process.

A shard is written once and linked as often as needed, for tiny pictures cost little to read and a
million of them much to write.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from rows.drawings import encoded, write_parquet, write_tar
from rows.plan import Plan, argument_of_module, run_module

SHARDS = 20
BATCH = 256
EVERY = 10
"""Batches between two looks at the resident size."""
SIDE = 8
"""Of the pictures, in pixels."""
STATUS = Path("/proc/self/status")


def run(plan: Plan) -> None:
    """Measure and add rows."""
    if not STATUS.exists():
        plan.leave_out("memory", "the system does not tell the resident size")
        return
    rows = plan.amount(1_000_000, 60_000)
    for source in ("parquet", "tar"):
        plan.say(f"memory: {rows:,} rows of {source} …")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            files = write_shards(folder, source, rows // SHARDS)
            argument: dict[str, Any] = {"files": files, "source": source}
            argument["out"] = str(folder / "sizes.json")
            argument |= {"workers": plan.workers or 0, "batch": min(BATCH, rows // SHARDS)}
            run_module("rows.memory", argument, folder / "cache", folder / "log.txt")
            sizes: list[tuple[int, float]] = json.loads((folder / "sizes.json").read_text())
        case = {"what": "memory", "source": source, "rows": sizes[-1][0]}
        early = next(size for read, size in sizes if read >= sizes[-1][0] / 10)
        plan.row(case | {"at": "10 %"}, "resident_mb", early, unit="MB")
        plan.row(case | {"at": "end"}, "resident_mb", sizes[-1][1], unit="MB")
        plan.row(case, "most_resident_mb", max(size for _, size in sizes), unit="MB")
        plan.row(case, "growth", sizes[-1][1] / early)


def write_shards(folder: Path, source: str, rows: int) -> str:
    """Write a shard and link it; return the pattern of all."""
    contents = [encoded(Image.new("RGB", (SIDE, SIDE), (n, 0, 0))) for n in range(64)]
    files = [(f"{n:07}.png", contents[n % 64], f"a picture, number {n}") for n in range(rows)]
    first = folder / f"00.{source}"
    (write_parquet if source == "parquet" else write_tar)(first, files)
    for shard in range(1, SHARDS):
        os.link(first, folder / f"{shard:02}.{source}")
    return str(folder / f"*.{source}")


def resident() -> float:
    """Resident size of this process in MB."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024 / 1e6


def stream(files: str, source: str, workers: int, batch: int) -> list[tuple[int, float]]:
    """Read an epoch of training; return rows read and resident size on the way."""
    from lit_dalle.data import ImageTextDataModule, ParquetSource, WebDatasetSource

    kinds: dict[str, Any] = {"parquet": ParquetSource, "tar": WebDatasetSource}
    some = kinds[source]({"train": files}, streaming=True)
    module = ImageTextDataModule(some, SIDE, batch_size=batch, num_workers=workers)
    found: list[tuple[int, float]] = []
    read = 0
    for number, rows in enumerate(module.train_dataloader()):
        read += len(rows["index"])
        if number % EVERY == 0:
            found.append((read, resident()))
    return [*found, (read, resident())]


if __name__ == "__main__":
    from lit_dalle.cli.main import keep_freed_memory

    keep_freed_memory()
    given = argument_of_module()
    out = Path(given.pop("out"))
    out.write_text(json.dumps(stream(**given)))

"""Rows a second in batches of pictures, in turns with ``datasets`` alone doing the same work."""

import random
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import datasets
from speed.clock import median, median_interval

from lit_dalle.data import FolderSource, ImageTextDataModule, ParquetSource, WebDatasetSource
from rows import peer
from rows.drawings import drawn_files, write_parquet, write_tar
from rows.plan import Plan, silence

SIDE, BATCH, WORKERS = 64, 64, 2
SHARDS = 4
REPEATS, QUICK_REPEATS = 11, 3
"""Epochs of each; the first, which warms the page cache, is left out."""
Reader = Callable[[], Iterator[dict[str, Any]]]
"""Gives the batches of an epoch."""


def run(plan: Plan) -> None:
    """Measure and add rows."""
    count = plan.amount(4_000, 640)
    workers = WORKERS if plan.workers is None else plan.workers
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        datasets.config.HF_DATASETS_CACHE = folder / "cache"
        datasets.disable_progress_bars()
        datasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN = 0  # five seconds an epoch, of a stream
        plan.say(f"speed: drawing {count} pictures …")
        write(folder, count, plan.seed)
        for source in SOURCES:
            plan.say(f"speed: {source} …")
            with silence():
                readers = SOURCES[source](folder, workers)
                seconds = in_turns(readers, QUICK_REPEATS if plan.quick else REPEATS)
            add_rows(plan, source, workers, seconds)


def write(folder: Path, count: int, seed: int) -> None:
    """Write the same pictures as parquet, tar shards and a folder."""
    files = drawn_files(count, seed)
    size = -(-count // SHARDS)
    for shard in range(SHARDS):
        part = files[shard * size : (shard + 1) * size]
        write_parquet(folder / f"{shard:02}.parquet", part)
        # `datasets` wants files of a shard to have one ending; what they are, their content says
        write_tar(folder / f"{shard:02}.tar", [(f"{n[:-3]}jpg", c, text) for n, c, text in part])
    art = folder / "art" / "train"
    art.mkdir(parents=True)
    for name, content, _ in files:
        (art / name).write_bytes(content)
    lines = [f'{{"file_name": "{name}", "text": "{text}"}}' for name, _, text in files]
    (art / "metadata.jsonl").write_text("\n".join(lines))


def in_turns(readers: dict[str, Reader], repeats: int) -> dict[str, list[float]]:
    """Rows a second of each reader, epoch by epoch in turns, in an order drawn anew.

    An epoch begins when its first batch is asked for, so that it holds the start of the workers
    where they do not live on, and ends with its last batch.
    """
    draws = random.Random(0)
    rates: dict[str, list[float]] = {name: [] for name in readers}
    for repeat in range(repeats + 1):
        for name in draws.sample(list(readers), len(readers)):
            begin, rows, end = perf_counter(), 0, 0.0
            for batch in readers[name]():
                assert batch["images"].shape[1:] == (3, SIDE, SIDE)
                assert len(batch["captions"]) == len(batch["images"])
                rows, end = rows + len(batch["images"]), perf_counter()
            if repeat:
                rates[name].append(rows / (end - begin))
    return rates


def add_rows(plan: Plan, source: str, workers: int, rates: dict[str, list[float]]) -> None:
    """Add both rates and their ratio."""
    case = {"what": "speed", "source": source, "workers": workers}
    for who, found in rates.items():
        plan.row(
            case | {"by": who},
            "rows_per_second",
            median(found),
            *median_interval(found),
            unit="rows/s",
        )
    pairs = [ours / theirs for ours, theirs in zip(rates["ours"], rates["datasets"], strict=True)]
    plan.row(case, "ratio", median(pairs), *median_interval(pairs))


def _module(source: Any, workers: int) -> ImageTextDataModule:
    return ImageTextDataModule(
        source, SIDE, batch_size=BATCH, num_workers=workers, augmentation="none"
    )


def _epoch(loader: Any) -> Iterator[dict[str, Any]]:
    yield from loader


def _readers(ours: Any, theirs: Any, workers: int) -> dict[str, Reader]:
    loader = _module(ours, workers).train_dataloader()
    other = peer.loader(theirs, SIDE, BATCH, workers)
    return {"ours": partial(_epoch, loader), "datasets": partial(_epoch, other)}


def _parquet(folder: Path, workers: int, streaming: bool = False) -> dict[str, Reader]:
    files = str(folder / "*.parquet")
    ours = ParquetSource({"train": files}, streaming=streaming, validation_share=0.0)
    theirs = datasets.load_dataset("parquet", data_files=files, split="train", streaming=streaming)
    return _readers(ours, theirs, workers)


def _tar(folder: Path, workers: int, streaming: bool = False) -> dict[str, Reader]:
    files = sorted(map(str, folder.glob("*.tar")))
    ours = WebDatasetSource({"train": files}, streaming=streaming, validation_share=0.0)
    theirs = datasets.load_dataset(
        "webdataset", data_files=files, split="train", streaming=streaming
    )
    return _readers(ours, theirs, workers)


def _folder(folder: Path, workers: int) -> dict[str, Reader]:
    ours = FolderSource(str(folder / "art"), validation_share=0.0)
    theirs = datasets.load_dataset("imagefolder", data_dir=str(folder / "art"), split="train")
    return _readers(ours, theirs, workers)


SOURCES: dict[str, Callable[[Path, int], dict[str, Reader]]] = {
    "parquet": _parquet,
    "tar": _tar,
    "folder": _folder,
    "parquet, streamed": partial(_parquet, streaming=True),
    "tar, streamed": partial(_tar, streaming=True),
}

"""Rows of every kind of damage, in every kind of source, are counted as planned."""

import importlib
import io
import json
import tarfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lit_dalle.data import FolderSource, ImageTextDataModule, ParquetSource, WebDatasetSource
from lit_dalle.data.streaming import ROW_BITS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
COUNT, OF_EACH = 80, 3


@pytest.fixture
def kinds(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("rows.kinds")


@pytest.fixture
def rows(kinds):
    return kinds.rows(COUNT, OF_EACH)


def write_parquet(path, rows):
    """Captions are texts there: a number is its digits, and what was unreadable a replacement."""
    texts = [json.loads(row.caption.decode("utf-8", "replace")) for row in rows]
    table = {
        "image": [{"bytes": row.content, "path": None} for row in rows],
        "text": [text if text is None else str(text) for text in texts],
    }
    table["text"] = [text and text.encode("utf-8", "replace").decode() for text in table["text"]]
    pq.write_table(pa.table(table), path, row_group_size=16)


def write_tar(path, rows):
    with tarfile.open(path, "w") as archive:
        for row in rows:
            files = {row.file: row.content, f"{row.file[:6]}.json": b'{"text": %s}' % row.caption}
            for name, content in files.items():
                if content is not None:
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))


def check(kinds, source, rows, *, workers=0, **instead):
    """Read an epoch; what was counted and shown is what was planned.

    Args:
        kinds: Module of the kinds.
        source: Where the rows are.
        rows: As they were made.
        workers: Processes that load.
        **instead: What is noted in this source, by kind, where it differs.
    """
    noted = {name: kind.noted for name, kind in kinds.KINDS.items()} | {"": ()} | instead
    module = ImageTextDataModule(
        source, 16, batch_size=8, eval_batch_size=7, num_workers=workers, max_bad_share=1.0
    )
    split = "train" if "train" in source.splits() else "validation"
    loader = module.train_dataloader() if split == "train" else module.val_dataloader()
    batches = list(loader)
    planned = Counter(name for row in rows for name in noted[row.kind])
    counted = Counter(module.ledgers[split].counts)
    assert counted.pop("read") == COUNT
    assert counted == planned
    used = [
        n for n, row in enumerate(rows) if not any("skipped" in name for name in noted[row.kind])
    ]
    shown = [index % (1 << ROW_BITS) for batch in batches for index in batch["index"].tolist()]
    if split == "train":  # where others take the places of those that cannot be used
        assert (set(shown), len(shown)) == (set(used), COUNT)
    else:
        assert sorted(shown) == used
    assert all(0 <= batch["images"].min() <= batch["images"].max() <= 1 for batch in batches)
    for batch in batches:
        assert len(batch["captions"]) == len(batch["images"]) == len(batch["index"])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_folder(kinds, rows, tmp_path, workers):
    kinds.write_folder(tmp_path / "art", rows)
    source = FolderSource(str(tmp_path / "art"), validation_share=0.0)
    check(kinds, source, rows, workers=workers)


@pytest.mark.parametrize("streaming", [False, True])
def test_parquet(kinds, rows, tmp_path, streaming):
    write_parquet(tmp_path / "one.parquet", rows)
    files = {"validation" if streaming else "train": str(tmp_path / "one.parquet")}
    source = ParquetSource(files, streaming=streaming, validation_share=0.0)
    instead = {"missing file": ("skipped/no picture",), "number for a caption": ()}
    check(kinds, source, rows, **instead)


@pytest.mark.parametrize("streaming", [False, True])
def test_tar_shards(kinds, rows, tmp_path, streaming):
    write_tar(tmp_path / "one.tar", rows)
    files = {"validation" if streaming else "train": str(tmp_path / "one.tar")}
    source = WebDatasetSource(files, streaming=streaming, validation_share=0.0)
    check(kinds, source, rows, **{"missing file": ("skipped/no picture",)})

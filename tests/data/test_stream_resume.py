"""A run on a stream that is killed goes on as if it had not been; also of two processes."""

import json
from collections import Counter
from contextlib import nullcontext

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from number_parquet import KilledError, Noting, streamed, write_shards

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*`isinstance.treespec, LeafSpec.` is deprecated"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists"),
]
SIZES = (9, 14, 7)
ROWS, BATCH = sum(SIZES), 5
EPOCH = ROWS // BATCH


def trained(folder, data, kill=None, ckpt_path=None, expected=None, **options):
    """Train for two epochs and return what was seen."""
    settings = {
        "accelerator": "cpu",
        "devices": 1,
        "max_epochs": 2,
        "limit_val_batches": 0,
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "use_distributed_sampler": False,
    }
    trainer = lightning.Trainer(**(settings | options))
    module = Noting(folder, kill)
    with nullcontext() if kill is None else pytest.raises(expected or KilledError):
        trainer.fit(module, data, ckpt_path=ckpt_path, weights_only=True)
    return module.seen


def saving(folder, **options):
    return ModelCheckpoint(dirpath=folder, save_last=True, save_top_k=1, **options)


@pytest.fixture
def pattern(tmp_path):
    (tmp_path / "shards").mkdir()
    return write_shards(tmp_path / "shards", SIZES)


def rows_of(seen, epoch):
    return [row for of, _, rows in seen if of == epoch for row in rows]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("every", [1, 3, EPOCH])
def test_killed_in_mid_epoch(pattern, tmp_path, workers, every):
    whole = trained(tmp_path, streamed(pattern, BATCH, workers), enable_checkpointing=False)
    assert [sorted(rows_of(whole, epoch)) for epoch in range(2)] == [list(range(ROWS))] * 2
    options = {"callbacks": [saving(tmp_path, every_n_train_steps=every)]}
    for kill in (4, EPOCH, EPOCH + 2):
        if kill < every:
            continue
        folder = tmp_path / str(kill)
        options = {"callbacks": [saving(folder, every_n_train_steps=every)]}
        killed = trained(tmp_path, streamed(pattern, BATCH, workers), kill=kill, **options)
        assert killed == whole[:kill]
        options["ckpt_path"] = folder / "last.ckpt"
        resumed = trained(tmp_path, streamed(pattern, BATCH, workers), **options)
        assert resumed == whole[kill // every * every :], kill


def by_process(folder):
    """What each of two processes has seen: (epoch, step, rows) of its steps."""
    files = [folder / f"{rank}.jsonl" for rank in range(2)]
    return [[tuple(json.loads(line)) for line in file.read_text().splitlines()] for file in files]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("sizes", "used", "share_rows"),  # an epoch ends when one process has no further batch
    [((10, 14, 6), 30, False), ((12, 6), 10, False), ((20, 10), 30, True)],
)
def test_two_processes(tmp_path, sizes, used, share_rows, workers):
    (tmp_path / "shards").mkdir()
    pattern = write_shards(tmp_path / "shards", sizes)
    options = {"devices": 2, "strategy": "ddp_fork"}

    def run(name, kill=None, **more):
        (tmp_path / name).mkdir()
        data = streamed(pattern, BATCH, workers, share_rows=share_rows)
        error = torch.multiprocessing.ProcessRaisedException
        trained(tmp_path / name, data, kill=kill, expected=error, **options, **more)
        return by_process(tmp_path / name)

    whole = run("whole", enable_checkpointing=False)
    steps = used // (2 * BATCH)
    assert [len(seen) for seen in whole] == [2 * steps] * 2
    for epoch in range(2):
        shown = Counter(row for seen in whole for row in rows_of(seen, epoch))
        assert set(shown.values()) == {1}
        assert len(shown) == used
    for kill in {1, steps, 2 * steps - 1}:
        saved = saving(tmp_path / f"saved{kill}", every_n_train_steps=1)
        killed = run(f"killed{kill}", kill, callbacks=[saved])
        assert killed == [seen[:kill] for seen in whole]
        last = tmp_path / f"saved{kill}" / "last.ckpt"
        resumed = run(f"resumed{kill}", callbacks=[saved], ckpt_path=last)
        assert resumed == [seen[kill:] for seen in whole], kill

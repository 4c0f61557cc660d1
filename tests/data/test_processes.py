"""Two processes (gloo) share an epoch without Lightning's own sampler in between."""

import datetime
import json

import lightning
import pytest
import torch
from lightning.pytorch.strategies import DDPStrategy
from number_parquet import write_shards
from number_source import NumberSource, picture_of
from torch import distributed as dist

from lit_dalle.data import FolderSource, ImageTextDataModule, ParquetSource
from lit_dalle.functional.processes import gather_rows

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*`isinstance.treespec, LeafSpec.` is deprecated"),
]


class Noting(lightning.LightningModule):
    def __init__(self, folder):
        super().__init__()
        self.net = torch.nn.Linear(1, 1)
        self.folder, self.seen = folder, {"train": [], "validation": []}

    def training_step(self, batch, batch_idx):
        self.seen["train"] += batch["index"].tolist()
        dist.barrier()  # as CLIP's loss, which gathers the rows of all processes
        assert len(gather_rows(batch["images"])) == 2 * len(batch["images"])
        return self.net(batch["images"].mean((1, 2, 3))[:, None]).square().mean()

    def validation_step(self, batch, batch_idx):
        dist.barrier()  # as FSDP's forward, which gathers weights
        rows = [int(caption.split()[1]) for caption in batch["captions"]]
        self.seen["validation"].append(rows)

    def on_train_end(self):
        (self.folder / f"{self.global_rank}.json").write_text(json.dumps(self.seen))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fitted(folder, data, *, lightnings_own=False, epochs=1):
    """What each of two processes has seen."""
    patience = datetime.timedelta(minutes=5)
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=2,
        strategy=DDPStrategy(start_method="fork", timeout=patience),
        use_distributed_sampler=lightnings_own,
        max_epochs=epochs,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Noting(folder), data)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def rows_of(batches):
    return [row for batch in batches for row in batch]


@pytest.mark.parametrize("lightnings_own", [False, True])
def test_processes_share_rows(tmp_path, lightnings_own):
    data = ImageTextDataModule(NumberSource(rows=40), 16, batch_size=5)
    ranks = fitted(tmp_path, data, lightnings_own=lightnings_own, epochs=2)
    for epoch in range(2):
        shares = [rank["train"][20 * epoch : 20 * epoch + 20] for rank in ranks]
        assert sorted(shares[0] + shares[1]) == list(range(40))
    assert ranks[0]["train"][:20] != ranks[0]["train"][20:]
    seen = [rows_of(rank["validation"]) for rank in ranks]
    assert sorted(seen[0] + seen[1]) == sorted(list(range(40)) * 2)


def write_folder(folder, sizes, bad):
    """Pictures of train and validation; some of each cannot be read."""
    for split, size in sizes.items():
        (folder / split).mkdir(parents=True)
        for number in range(size):
            picture_of(number).save(folder / split / f"{number:02}.png")
            (folder / split / f"{number:02}.txt").write_text(f"picture {number}")
            if number in bad:
                (folder / split / f"{number:02}.png").write_bytes(b"no picture")


@pytest.mark.parametrize("bad", [{0, 5}, set(range(0, 15, 2))])
def test_processes_keep_step_where_rows_cannot_be_used(tmp_path, bad):
    """One of a batch; and of validation nearly all that one of the processes reads."""
    write_folder(tmp_path / "art", {"train": 20, "validation": 21}, bad)
    source = FolderSource(str(tmp_path / "art"))
    data = ImageTextDataModule(source, 16, batch_size=2, max_bad_share=1.0)
    (tmp_path / "seen").mkdir()
    ranks = fitted(tmp_path / "seen", data)
    assert [len(rank["train"]) for rank in ranks] == [10, 10]
    assert set(ranks[0]["train"] + ranks[1]["train"]) == set(range(20)) - bad
    seen = [rank["validation"] for rank in ranks]
    assert len(seen[0]) == len(seen[1])
    assert sorted(rows_of(seen[0] + seen[1])) == sorted(set(range(20)) - bad)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("sizes", [(30, 10), (9,), (7, 1, 1)])
def test_streams_are_evaluated_in_step_and_whole(tmp_path, sizes, workers):
    patterns = {}
    for split, some in (("train", (8,)), ("validation", sizes)):
        (tmp_path / split).mkdir()
        patterns[split] = write_shards(tmp_path / split, some)
    source = ParquetSource(patterns, streaming=True)
    data = ImageTextDataModule(source, 16, batch_size=4, num_workers=workers)
    seen = [rank["validation"] for rank in fitted(tmp_path, data)]
    assert len(seen[0]) == len(seen[1])
    assert sorted(rows_of(seen[0] + seen[1])) == list(range(sum(sizes)))

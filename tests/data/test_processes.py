"""Two processes (gloo) share an epoch without Lightning's own sampler in between."""

import json

import lightning
import pytest
import torch
from number_source import NumberSource

from lit_dalle.data import ImageTextDataModule

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
        return self.net(batch["images"].mean((1, 2, 3))[:, None]).square().mean()

    def validation_step(self, batch, batch_idx):
        self.seen["validation"] += batch["index"].tolist()

    def on_train_end(self):
        (self.folder / f"{self.global_rank}.json").write_text(json.dumps(self.seen))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize("lightnings_own", [False, True])
def test_processes_share_rows(tmp_path, lightnings_own):
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=2,
        strategy="ddp_fork",
        use_distributed_sampler=lightnings_own,
        max_epochs=2,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Noting(tmp_path), ImageTextDataModule(NumberSource(rows=40), 16, batch_size=5))
    ranks = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    for epoch in range(2):
        shares = [rank["train"][20 * epoch : 20 * epoch + 20] for rank in ranks]
        assert sorted(shares[0] + shares[1]) == list(range(40))
    assert ranks[0]["train"][:20] != ranks[0]["train"][20:]
    seen = [rank["validation"] for rank in ranks]
    assert sorted(seen[0] + seen[1]) == sorted(list(range(40)) * 2)

"""A training that is killed and resumed sees the same batches and has the same losses."""

from contextlib import nullcontext

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from number_source import NumberSource

from lit_dalle.data import ImageTextDataModule

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*`isinstance.treespec, LeafSpec.` is deprecated"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists"),
    pytest.mark.filterwarnings("ignore:You requested to overfit but enabled"),
]
BATCHES = 5  # an epoch


class KilledError(Exception):
    pass


class Kill(Callback):
    """Stops the run without ceremony when so many steps are done."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        if trainer.global_step == self.step:
            raise KilledError


class Tiny(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(3, 1)
        torch.nn.init.constant_(self.net.weight, 0.5)
        torch.nn.init.zeros_(self.net.bias)
        self.losses, self.seen = [], []

    def training_step(self, batch, batch_idx):
        wanted = batch["text_tokens"].float().mean(dim=1)
        features = batch["images"].mean(dim=(2, 3))
        loss = (self.net(features)[:, 0] - wanted / 300).square().mean()
        self.losses.append(loss.item())
        self.seen.append((self.current_epoch, batch["index"].tolist(), batch["captions"]))
        return loss

    def validation_step(self, batch, batch_idx):
        pass

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-2)


def data(tokenizer_path, workers, **options):
    return ImageTextDataModule(
        NumberSource(rows=8 * BATCHES),
        image_size=12,
        batch_size=8,
        num_workers=workers,
        augmentation="dvae",
        tokenizer=tokenizer_path,
        text_len=16,
        bpe_dropout=0.3,
        **options,
    )


def trained(module, datamodule, folder, kill=None, ckpt_path=None, steps=12, **options):
    trainer = lightning.Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        max_steps=steps,
        callbacks=[*options.pop("callbacks", []), Kill(kill)],
        **options,
    )
    expected = nullcontext() if kill is None else pytest.raises(KilledError)
    with expected:
        trainer.fit(module, datamodule, ckpt_path=ckpt_path, weights_only=True)
    return module


def saving(folder, **options):
    """A checkpoint callback; without options it saves after each validation."""
    return ModelCheckpoint(dirpath=folder, save_last=True, save_top_k=1, **options)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("every", [1, 3, BATCHES])
def test_killed_in_mid_epoch(tokenizer_path, tmp_path, workers, every):
    whole = trained(Tiny(), data(tokenizer_path, 0), tmp_path, enable_checkpointing=False)
    assert len(whole.losses) == 12
    options = {"callbacks": [saving(tmp_path, every_n_train_steps=every)]}
    killed = trained(Tiny(), data(tokenizer_path, workers), tmp_path, kill=8, **options)
    assert killed.losses == whole.losses[:8]
    options["ckpt_path"] = tmp_path / "last.ckpt"
    resumed = trained(Tiny(), data(tokenizer_path, workers), tmp_path, **options)
    saved = 8 // every * every
    assert resumed.seen == whole.seen[saved:]
    assert resumed.losses == whole.losses[saved:]


def test_killed_again_and_again(tokenizer_path, tmp_path):
    whole = trained(Tiny(), data(tokenizer_path, 0), tmp_path, enable_checkpointing=False)
    options = {"callbacks": [saving(tmp_path, every_n_train_steps=1)]}
    losses = []
    for kill in (3, 5, 7, 10, None):
        module = trained(Tiny(), data(tokenizer_path, 0), tmp_path, kill=kill, **options)
        losses += module.losses
        options["ckpt_path"] = tmp_path / "last.ckpt"
    assert losses == whole.losses


@pytest.mark.parametrize(
    ("options", "epoch"),
    [
        ({"steps": 12}, BATCHES),
        ({"steps": -1, "max_epochs": 3}, BATCHES),
        ({"steps": 12, "limit_train_batches": 4}, 4),
    ],
)
def test_saved_when_an_epoch_ended(tokenizer_path, tmp_path, options, epoch):
    whole = trained(
        Tiny(), data(tokenizer_path, 0), tmp_path, enable_checkpointing=False, **options
    )
    for moment in (True, False):  # after the training epoch, after its validation
        folder = tmp_path / str(moment)
        options["callbacks"] = [saving(folder, save_on_train_epoch_end=moment)]
        trained(Tiny(), data(tokenizer_path, 0), tmp_path, kill=epoch + 2, **options)
        last = folder / "last.ckpt"
        resumed = trained(Tiny(), data(tokenizer_path, 0), tmp_path, ckpt_path=last, **options)
        assert [row[1:] for row in resumed.seen] == [row[1:] for row in whole.seen[epoch:]]
        assert resumed.losses == whole.losses[epoch:]


def test_validation_in_mid_epoch_changes_nothing(tokenizer_path, tmp_path):
    options = {"val_check_interval": 2, "check_val_every_n_epoch": None}
    whole = trained(Tiny(), data(tokenizer_path, 0), tmp_path, enable_checkpointing=False)
    options["callbacks"] = [saving(tmp_path)]
    trained(Tiny(), data(tokenizer_path, 2), tmp_path, kill=9, **options)
    last = tmp_path / "last.ckpt"
    resumed = trained(Tiny(), data(tokenizer_path, 2), tmp_path, ckpt_path=last, **options)
    assert resumed.losses == whole.losses[8:]


def test_one_batch_can_be_overfitted(tokenizer_path, tmp_path):
    module = trained(
        Tiny(),
        data(tokenizer_path, 0),
        tmp_path,
        steps=4,
        overfit_batches=1,
        enable_checkpointing=False,
    )
    assert {tuple(index) for _, index, _ in module.seen} == {tuple(range(8))}

"""What could not be used stands in the log, at the end on the screen, or ends the run."""

import re

import datasets
import lightning
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
from PIL import Image

from lit_dalle.callbacks.data_report import DataReport
from lit_dalle.cli.main import main
from lit_dalle.data import FolderSource, ImageTextDataModule

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*`isinstance.treespec, LeafSpec.` is deprecated"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
]
RECIPE = """
seed_everything: 0
run: {folder}/run
trainer: {{max_epochs: 2, limit_val_batches: 1, accelerator: cpu, devices: 1,
          enable_progress_bar: false, enable_model_summary: false}}
model:
  class_path: lit_dalle.training.LitDiscreteVAE
  init_args:
    config: {{image_size: "${{data.image_size}}", codebook_size: 8, codebook_dim: 4, hidden: 4,
             widths: [1, 1, 1, 1]}}
data:
  image_size: 16
  batch_size: 4
  max_bad_share: {share}
  source:
    class_path: lit_dalle.data.FolderSource
    init_args: {{path: {folder}/art}}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Twelve pictures of training, two that cannot be read and three grey; four of validation."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for split, count in (("train", 12), ("validation", 4)):
        (tmp_path / "art" / split).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (16, 16), (number, 0, 0)).save(
                tmp_path / "art" / split / f"{number:02}.png"
            )
    for number in (3, 8):
        (tmp_path / "art" / "train" / f"{number:02}.png").write_bytes(b"no picture")
    for split, number in (("train", 0), ("train", 1), ("train", 11), ("validation", 2)):
        Image.new("L", (16, 16)).save(tmp_path / "art" / split / f"{number:02}.png")
    return tmp_path


class Tiny(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(3, 1)

    def training_step(self, batch, batch_idx):
        return self.net(batch["images"].mean((2, 3))).square().mean()

    def validation_step(self, batch, batch_idx):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fitted(folder, logger, devices=1, **options):
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp_fork" if devices > 1 else "auto",
        use_distributed_sampler=False,
        max_epochs=2,
        num_sanity_val_steps=0,
        logger=logger,
        callbacks=[DataReport()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    data = ImageTextDataModule(
        FolderSource(str(folder / "art")), 16, batch_size=2, max_bad_share=0.5, **options
    )
    trainer.fit(Tiny(), datamodule=data)
    return trainer, data


class Kept(CSVLogger):
    """Keeps what is logged."""

    def __init__(self, folder):
        super().__init__(folder)
        self.kept = []

    def log_metrics(self, metrics, step=None):
        self.kept.append((step, {n: v for n, v in metrics.items() if n.startswith("data/")}))


@pytest.mark.parametrize("workers", [0, 1])
def test_the_numbers_are_logged_and_told_in_the_end(folder, capsys, workers):
    logger = Kept(folder / "logs")
    fitted(folder, logger, num_workers=workers)
    noted = {
        "data/train/skipped/not a picture": 2.0,
        "data/train/converted/grey": 3.0,
        "data/validation/converted/grey": 1.0,
    }
    logged = [(step, numbers) for step, numbers in logger.kept if numbers]
    assert logged == [(6, noted), (12, noted), (12, noted)], "after each validation and in the end"
    told = capsys.readouterr().out
    assert told.count("train: 12 rows read, of which") == 1
    assert "2 skipped: not a picture — cannot read the picture" in told
    assert "validation: 4 rows read, of which" in told


def test_several_processes_tell_once_of_the_rows_of_all(folder, capfd):
    fitted(folder, False, devices=2)
    told = capfd.readouterr().out
    assert told.count("rows read, of which") == 2
    assert "train: 12 rows read, of which" in told
    assert re.search(r"3 converted: grey — .*\n +2 skipped: not a picture — cannot read", told)
    assert "validation: 4 rows read, of which" in told


def test_what_was_told_of_training_is_not_told_again(folder, capsys):
    trainer, data = fitted(folder, False)
    capsys.readouterr()
    trainer.validate(Tiny(), datamodule=data)
    told = capsys.readouterr().out
    assert "validation: 4 rows read" in told
    assert "train:" not in told


def test_nothing_is_said_where_all_is_well(folder, capsys):
    for path in (folder / "art" / "train").glob("*"):
        Image.new("RGB", (16, 16)).save(path)
    (folder / "art" / "validation" / "02.png").unlink()
    logger = Kept(folder / "logs")
    fitted(folder, logger)
    assert not any(numbers for _, numbers in logger.kept)
    assert "rows read" not in capsys.readouterr().out


def test_a_run_without_a_logger_or_our_data_is_left_alone(folder, capsys):
    fitted(folder, logger=False)
    assert "train: 12 rows read, of which" in capsys.readouterr().out
    trainer = lightning.Trainer(logger=False, barebones=True)
    DataReport().on_fit_end(trainer, Tiny())


def fit(folder, share):
    (folder / "recipe.yaml").write_text(RECIPE.format(folder=folder, share=share))
    main(["fit", "--config", str(folder / "recipe.yaml")])


def test_the_command_line_has_the_report(folder, capsys):
    fit(folder, 0.5)
    assert "train: 12 rows read, of which" in capsys.readouterr().out


def test_too_many_bad_rows_end_a_run_with_one_line(folder, capsys):
    with pytest.raises(SystemExit) as caught:
        fit(folder, 0.1)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith(
        "lit-dalle: 2 rows of train cannot be used, more than the share of 0.1 that "
        "data.max_bad_share allows; most often not a picture: cannot read the picture"
    )

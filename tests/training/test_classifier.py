"""The supervised network: it learns a batch, fits its data's classes, and is exported with them."""

import lightning
import pytest
import torch
from datasets import Dataset, Features, Image, Value
from PIL import Image as Pillow
from torch.nn import functional as F
from torch.utils.data import DataLoader

from lit_dalle.callbacks import ExportCallback
from lit_dalle.data import ImageTextDataModule, ParquetSource
from lit_dalle.functional.schedules import Schedule
from lit_dalle.generation.checkpoint import export_checkpoint
from lit_dalle.generation.export import load_model, read_config
from lit_dalle.models.resnet import ResNetConfig
from lit_dalle.training.classifier import LitClassifier
from lit_dalle.training.optimization import OptimizerConfig

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
)
TINY = ResNetConfig(classes=3, image_size=16, width=4, stages=(1, 1), small_stem=True)
OPTIMIZER = OptimizerConfig(lr=Schedule(start=1e-2, end=1e-3))
COLOURS = {"sky": (90, 160, 250), "leaf": (30, 170, 40), "brick": (170, 60, 40)}


def batch():
    torch.manual_seed(0)
    return {"images": torch.rand(6, 3, 16, 16), "labels": torch.arange(6) % 3}


def fit(module, folder, data=None, steps=30, callbacks=(), **settings):
    trainer = lightning.Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=list(callbacks),
        **({"enable_checkpointing": False} | settings),
    )
    rows = DataLoader([batch()] * steps, batch_size=None)
    if data is None:
        trainer.fit(module, rows, DataLoader([batch()], batch_size=None))
    else:
        trainer.fit(module, data)
    return trainer


def coloured(folder):
    """Labels are words: every third picture has the same."""
    names = list(COLOURS) * 4
    rows = [{"image": Pillow.new("RGB", (16, 16), COLOURS[name]), "kind": name} for name in names]
    features = Features({"image": Image(), "kind": Value("string")})
    path = folder / "coloured.parquet"
    Dataset.from_list(rows, features=features).to_parquet(path)
    source = ParquetSource({"train": str(path)}, label_column="kind", validation_share=0.25)
    return ImageTextDataModule(source, image_size=16, batch_size=3)


def test_one_batch_is_learned_by_heart(tmp_path):
    trainer = fit(LitClassifier(TINY, OPTIMIZER), tmp_path, steps=60)
    assert trainer.callback_metrics["val/top1"] == 1
    assert trainer.callback_metrics["val/top5"] == 1


def test_the_loss_is_the_cross_entropy_with_smoothed_targets():
    module = LitClassifier(TINY, OPTIMIZER, label_smoothing=0.3)
    module.log = lambda *_, **__: None
    rows = batch()
    with torch.no_grad():
        loss = module.training_step(rows, 0)
        module.net.train()
        spread = F.one_hot(rows["labels"], 3) * 0.7 + 0.1
        expected = -(F.log_softmax(module.net(rows["images"]), dim=1) * spread).sum(dim=1).mean()
    torch.testing.assert_close(loss, expected)


def test_labels_that_are_words_are_numbered_and_stored_with_the_weights(tmp_path):
    export = ExportCallback(folder=str(tmp_path / "export"))
    module = LitClassifier(TINY, OPTIMIZER)
    trainer = fit(module, tmp_path, coloured(tmp_path), 4, [export], enable_checkpointing=True)
    assert module.class_names() == ["brick", "leaf", "sky"]
    net = load_model(tmp_path / "export", kind="resnet")
    assert read_config(tmp_path / "export")["extra"]["classes"] == ["brick", "leaf", "sky"]
    images = batch()["images"]
    with torch.no_grad():
        torch.testing.assert_close(net(images), module.net.eval()(images))
    export_checkpoint(trainer.checkpoint_callback.best_model_path, tmp_path / "again")
    assert read_config(tmp_path / "again")["extra"]["classes"] == ["brick", "leaf", "sky"]


def test_other_numbers_of_classes_are_refused(tmp_path):
    four = ResNetConfig(classes=4, image_size=16, width=4, stages=(1,), small_stem=True)
    with pytest.raises(ValueError, match=r"tells 4 classes apart, the data has 3: set model"):
        fit(LitClassifier(four, OPTIMIZER), tmp_path, coloured(tmp_path), 1)


def test_pictures_without_labels_are_refused(tmp_path):
    module = LitClassifier(TINY, OPTIMIZER)
    with pytest.raises(ValueError, match="the pictures have no labels: name their column"):
        module.training_step({"images": batch()["images"]}, 0)
    with pytest.raises(ValueError, match=r"label_smoothing must be in \[0, 1\), got 1.0"):
        LitClassifier(TINY, OPTIMIZER, label_smoothing=1.0)

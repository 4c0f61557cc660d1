"""A prior learns the same from tokens that were encoded before and from pictures."""

import datasets
import lightning
import pytest

from lit_dalle.data import CaptionTokenizer, ImageTextDataModule, WorldSource
from lit_dalle.data.image_tokens import ImageTokens
from lit_dalle.functional.schedules import Schedule
from lit_dalle.generation.encode_dataset import encode_dataset
from lit_dalle.generation.encode_parts import FrozenEncoder
from lit_dalle.generation.export import save_model
from lit_dalle.training.dalle import LitDalle
from lit_dalle.training.optimization import OptimizerConfig

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
)
SOURCE = WorldSource(size=24, eval_size=8)


class Losses(lightning.Callback):
    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.seen.append(outputs["loss"].item())
        assert ("images" in batch) != ("image_tokens" in batch)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
def test_losses_are_those_of_encoding_on_the_fly(tmp_path, tiny_nets, monkeypatch, precision):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    save_model(tiny_nets.dvae, tmp_path / "dvae")
    CaptionTokenizer.train(SOURCE.captions("train"), 280).save(tmp_path / "tokenizer.json")
    encode_dataset(SOURCE, FrozenEncoder.of(tmp_path / "dvae"), tmp_path / "tokens", batch_size=7)
    tokens = ImageTokens(tmp_path / "tokens/train")
    assert len(tokens[range(24)].unique()) > 2, "there is something to tell apart"
    optimizer = OptimizerConfig(lr=Schedule(start=0.01, end=0.01))
    found = []
    for image_tokens in (str(tmp_path / "tokens"), None):
        data = ImageTextDataModule(
            SOURCE,
            image_size=16,
            batch_size=8,
            tokenizer=str(tmp_path / "tokenizer.json"),
            text_len=12,
            image_tokens=image_tokens,
        )
        lightning.seed_everything(0, verbose=False)
        module = LitDalle(tiny_nets.prior.config, optimizer, dvae=str(tmp_path / "dvae"))
        losses = Losses()
        trainer = lightning.Trainer(
            accelerator="cpu",
            precision=precision,
            max_epochs=2,
            callbacks=[losses],
            default_root_dir=tmp_path,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        )
        trainer.fit(module, datamodule=data)
        found.append((losses.seen, trainer.callback_metrics["val/loss"].item()))
    assert len(found[0][0]) == 6
    assert found[0] == found[1]

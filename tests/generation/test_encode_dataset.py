import datasets
import pytest
import torch
from torch import nn

from lit_dalle.data import ImageTextDataModule, WorldSource
from lit_dalle.data.image_tokens import ImageTokens
from lit_dalle.generation.encode_dataset import encode_dataset

SOURCE = WorldSource(size=30, eval_size=20)
SETTINGS = {"image_size": 64, "batch_size": 8}


class Grey(nn.Module):
    """A "dVAE" of 8×8 tokens: the mean brightness of each field."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(255.0))
        self.calls = 0

    def encode(self, images):
        self.calls += 1
        grey = nn.functional.avg_pool2d(images.mean(1, keepdim=True), 8)
        return (grey * self.weight).long().flatten(1)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def test_tokens_are_those_of_encoding_on_the_fly(tmp_path):
    dvae = Grey()
    counts = encode_dataset(
        SOURCE, dvae, tmp_path / "tokens", dvae_hash="a", eval_limit=10, **SETTINGS
    )
    assert counts == {"train": 30, "validation": 10}
    module = ImageTextDataModule(
        SOURCE,
        batch_size=10,
        image_tokens=str(tmp_path / "tokens"),
        keep_images=True,
        eval_limit=10,
    )
    for loader in (module.train_dataloader(), module.val_dataloader()):
        for batch in loader:
            assert torch.equal(batch["image_tokens"], dvae.encode(batch["images"]))
    assert module.dvae_hash == "a"


def test_what_is_there_is_not_encoded_again_unless_it_is_stale(tmp_path):
    dvae = Grey()
    options = {"splits": ["validation"]} | SETTINGS
    encode_dataset(SOURCE, dvae, tmp_path, dvae_hash="a", **options)
    assert dvae.calls == 3
    encode_dataset(SOURCE, dvae, tmp_path, dvae_hash="a", **options)
    assert dvae.calls == 3
    encode_dataset(SOURCE, dvae, tmp_path, dvae_hash="b", **options)
    assert dvae.calls == 6
    assert ImageTokens(tmp_path / "validation").encoding.dvae_hash == "b"


def test_an_interrupted_run_leaves_what_was_there(tmp_path):
    encode_dataset(SOURCE, Grey(), tmp_path, dvae_hash="a", splits=["test"], **SETTINGS)

    class Stops(Grey):
        def encode(self, images):
            if self.calls == 2:
                raise KeyboardInterrupt
            return super().encode(images)

    with pytest.raises(KeyboardInterrupt):
        encode_dataset(
            SOURCE, Stops(), tmp_path, dvae_hash="b", splits=["train", "test"], **SETTINGS
        )
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["test"]
    assert ImageTokens(tmp_path / "test").encoding.dvae_hash == "a"


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match="holds something else"):
        encode_dataset(SOURCE, Grey(), tmp_path, dvae_hash="a", splits=["train"], **SETTINGS)


def test_a_split_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ValueError, match="has no dev split"):
        encode_dataset(SOURCE, Grey(), tmp_path, dvae_hash="a", splits=["dev"], **SETTINGS)

from pathlib import Path

import datasets
import pytest
from number_source import NumberSource

from lit_dalle.data import CaptionTokenizer


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder)
    return folder


@pytest.fixture
def source() -> NumberSource:
    return NumberSource()


@pytest.fixture
def tokenizer_path(tmp_path: Path) -> str:
    captions = [f"{word} {number}" for number in range(100) for word in ("picture", "number")]
    path = tmp_path / "tokenizer" / "tokenizer.json"
    CaptionTokenizer.train(captions, 300).save(path)
    return str(path)

"""The emoji recipes run tiny, in their order, on tables drawn on the spot."""

import pytest
from datasets import Dataset, Features, Image, List, Value
from PIL import Image as Pictures
from recipes import ROOT, lay_out

from lit_dalle.cli.main import main

STYLES = ("noto", "twemoji", "openmoji-black")
COLOURS = ("red", "green", "blue", "orange")
TEXTS = ("style", "medium", "hexcode", "label")
LANGUAGES = ("zh", "de", "fr", "es", "ja")
CONFIG = ["--config", "configs/overlays/tiny-{net}.yaml", "--trainer.enable_progress_bar=false"]


def table(start, rows):
    numbers = range(start, start + rows)
    names = [f"{COLOURS[n % 4]} thing {n // 4}" for n in numbers]
    columns = {
        "image": [Pictures.new("RGB", (64, 64), COLOURS[n % 4]) for n in numbers],
        "style": [STYLES[n % 3] for n in numbers],
        "medium": ["line" if n % 3 == 2 else "color" for n in numbers],
        "hexcode": [f"{n // 2:X}" for n in numbers],
        "label": names,
        "tags": [["thing", COLOURS[n % 4]][: n % 3] for n in numbers],
    } | {f"label_{language}": [f"{name} {language}" for name in names] for language in LANGUAGES}
    features = {name: Value("string") for name in columns}
    return Dataset.from_dict(
        columns, features=Features(features | {"image": Image(), "tags": List(Value("string"))})
    )


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    for split, rows in (("train", 40), ("validation", 8), ("test_iid", 8), ("test_comp", 8)):
        (tmp_path / "data/emoji").mkdir(parents=True, exist_ok=True)
        table(rows, rows).to_parquet(tmp_path / f"data/emoji/{split}.parquet")
    clip = tmp_path / "runs/emoji/clip"
    clip.mkdir(parents=True)
    (clip / "export").symlink_to(ROOT / "lit_dalle/pretrained/emoji/clip")
    return tmp_path


def fit(net):
    overlay = [argument.format(net=net) for argument in CONFIG]
    main(["fit", "--config", f"configs/emoji/{net}.yaml", *overlay])


@pytest.mark.filterwarnings("default")
def test_dvae_tokens_and_prior(here):
    main(["prepare", "tokenizer", "--config", "configs/emoji/tokenizer.yaml"])
    fit("dvae")
    main(["prepare", "tokens", "--config", "configs/emoji/tokens.yaml"])
    fit("dalle")
    assert (here / "runs/emoji/dalle/export/model.safetensors").is_file()

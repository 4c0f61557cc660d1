import json

import pytest
import torch
from datasets import Dataset, Features, Image, List, Value
from PIL import Image as Pillow

from lit_dalle.cli import retrieval as command
from lit_dalle.cli.main import main
from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.evaluation.zero_shot.measure import Reader
from lit_dalle.generation.export import save_model
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig

COLOURS = {"red": (230, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 230)}
CLIP = ClipConfig(
    image_size=16,
    patch_size=8,
    embed_dim=8,
    vision_dim=16,
    vision_depth=1,
    vision_heads=2,
    text_vocab_size=300,
    text_len=24,
    eos_id=2,
    text_dim=16,
    text_depth=1,
    text_heads=2,
)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A small random CLIP, and a picture of each of three colours."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    tokenizer = CaptionTokenizer.train(["a red", "a green", "a blue"], 270)
    save_model(Clip(CLIP), tmp_path / "clip", tokenizer=tokenizer.framed(24, append_eos=True))
    return tmp_path


@pytest.fixture
def seeing(monkeypatch):
    """A CLIP that knows colours."""
    table = torch.tensor(list(COLOURS.values()), dtype=torch.float32) / 255

    def encode_image(images):
        return images.mean(dim=(2, 3)) @ torch.linalg.pinv(table)

    def encode_text(captions):
        return torch.tensor([[float(name in text) for name in COLOURS] for text in captions])

    reader = Reader(encode_image, encode_text, 16)
    monkeypatch.setattr(command, "reader_of", lambda clip, tokenizer: reader)


TEXT = Value("string")


def write(path, captions, kind=TEXT):
    pictures = [Pillow.new("RGB", (20, 16), colour) for colour in COLOURS.values()]
    rows = [{"image": p, "text": text} for p, text in zip(pictures, captions, strict=True)]
    Dataset.from_list(rows, Features({"image": Image(), "text": kind})).to_parquet(path)


def ask(*more):
    main(["retrieval", "--model=clip", "--caption_column=text", "--out=found.json", *more])


def shares(path):
    facts = json.loads(path.read_text())
    return facts["setting"], {
        (row["case"]["direction"], row["metric"], row["case"].get("row", "")): row["value"]
        for row in facts["rows"]
    }


def test_pictures_and_captions_find_each_other(place, seeing, capsys):
    captions = [["red", "a red thing"], ["green"], ["blue"]]
    write(place / "sets.parquet", captions, List(TEXT))
    ask("--data", "sets.parquet")
    setting, found = shares(place / "found.json")
    assert found["image-to-text", "R@1", ""] == found["text-to-image", "R@1", ""] == 1
    assert found["text-to-image", "R@1", "chance"] == pytest.approx(1 / 3)
    assert found["image-to-text", "R@1", "chance"] == pytest.approx((2 / 4 + 1 / 4 + 1 / 4) / 3)
    assert found["text-to-image", "R@5", "chance"] == 1  # three pictures are all among five
    (data,) = setting["data"]
    assert (data["pictures"], data["captions"]) == (3, 4)
    assert "image-to-text" in capsys.readouterr().out


def test_wrong_captions_are_not_found_first(place, seeing):
    write(place / "sets.parquet", ["green", "red", "blue"])
    ask("--data", "sets.parquet")
    _, found = shares(place / "found.json")
    assert found["image-to-text", "R@1", ""] == pytest.approx(1 / 3)


def test_fewer_pictures_are_searched_when_asked(place):
    write(place / "sets.parquet", ["red", "green", "blue"])
    ask("--data", "sets.parquet", "--limit=2")
    setting, _ = shares(place / "found.json")
    assert setting["data"][0]["pictures"] == 2


@pytest.mark.parametrize(
    ("captions", "more", "message"),
    [
        (["red", "", "blue"], [], "row 1 of sets.parquet has no caption in the column 'text'"),
        (["red"] * 3, ["--caption_column=words"], "no column 'words'; it has image, text"),
        (["red"] * 3, ["--limit=0"], "a data set needs rows: limit is 0"),
    ],
)
def test_data_without_captions_is_refused_in_one_line(place, capsys, captions, more, message):
    write(place / "sets.parquet", captions)
    with pytest.raises(SystemExit):
        ask("--data", "sets.parquet", *more)
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "lit-dalle:" in one]
    assert message in line
    assert not (place / "found.json").exists()

"""The benchmark on tables of the emoji's form, drawn on the spot, with nets of a few weights."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from datasets import Dataset, Features, Image, Value
from PIL import Image as Pillow

from lit_dalle.data.tokenizer import EOS_ID, CaptionTokenizer
from lit_dalle.generation.export import save_model
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.resnet import ResNet, ResNetConfig

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "robustness.py"
SUBGROUPS = (
    *("animal-mammal", "transport-ground", "person-role"),
    *("food-fruit", "sky-weather", "clothing"),
)
TRAINED = [f"thing {number}" for number in range(12)]
NEVER = ["other 0", "other 1"]
LABELS = sorted([*TRAINED, *NEVER])
STYLES = ("fluent-flat", "fluent-3d", "fluent-high-contrast")


def write(path, rows):
    features = Features(
        {
            "image": Image(),
            **{name: Value("string") for name in ("label", "style", "subgroup")},
            "near_dup_in_train": Value("bool"),
        }
    )
    Dataset.from_list(rows, features=features).to_parquet(path)


def row(label, style):
    number = LABELS.index(label)
    return {
        "image": Pillow.new("RGB", (64, 64), (20 * number, 255 - 20 * number, 90)),
        "label": label,
        "style": style,
        "subgroup": SUBGROUPS[int(label.split()[1]) % len(SUBGROUPS)],
        "near_dup_in_train": label == "other 1",
    }


@pytest.fixture
def place(tmp_path):
    data, classes = tmp_path / "emoji", tmp_path / "classes"
    data.mkdir()
    classes.mkdir()
    write(data / "train.parquet", [row(label, "noto") for label in TRAINED])
    write(data / "test_iid.parquet", [row(label, "openmoji") for label in TRAINED[:5]])
    write(data / "test_style.parquet", [row(x, style) for style in STYLES for x in TRAINED])
    write(data / "test_comp.parquet", [row(label, "noto") for label in NEVER])
    (classes / "all.txt").write_text("\n".join(LABELS))
    for name in ("toneless", *STYLES):
        (classes / f"{name}.txt").write_text("\n".join(TRAINED))
    torch.manual_seed(0)
    sizes = {"image_size": 64, "patch_size": 32, "embed_dim": 8, "vision_depth": 1, "text_depth": 1}
    sizes |= {"vision_dim": 16, "vision_heads": 2, "text_dim": 16, "text_heads": 2}
    config = ClipConfig(**sizes, text_vocab_size=300, text_len=24, eos_id=EOS_ID)
    letters = CaptionTokenizer.train(LABELS, 280).framed(24, append_eos=True)
    for stage in ("a", "b"):
        save_model(Clip(config), tmp_path / "clip" / stage, tokenizer=letters)
        net = ResNet(ResNetConfig(len(LABELS), 64, width=2, stages=(1, 1)))
        shuffled = LABELS[::-1]  # the network's own order of the labels
        save_model(net, tmp_path / "resnet" / stage, extra={"classes": shuffled})
    return tmp_path


def run(place, *more):
    options = ["--data", place / "emoji", "--classes", place / "classes", *more]
    return subprocess.run([sys.executable, SCRIPT, *options], capture_output=True, text=True)


def test_all_models_shifts_and_classes_are_measured(place):
    stages = {kind: [place / kind / stage for stage in "ab"] for kind in ("clip", "resnet")}
    out = ["--out", place / "x.json"]
    done = run(place, "--clip", *stages["clip"], "--resnet", *stages["resnet"], *out)
    assert done.returncode == 0, done.stderr
    rows = json.loads((place / "x.json").read_text())["rows"]
    top1 = {
        (*(x["case"][name] for name in ("model", "row", "checkpoint", "shift", "classes")),): x
        for x in rows
        if x["metric"] == "accuracy"
    }
    trials = {key[3:] for key in top1}
    assert len(trials) == 2 + 4 + 3 * (1 + len(SUBGROUPS)) + 1
    assert {key[:2] for key in top1} >= {
        *((kind, row) for kind in ("clip", "resnet101") for row in ("matched", "final")),
        ("pixel-nn", "floor"),
    }
    floor = {key[3:]: x["value"] for key, x in top1.items() if key[0] == "pixel-nn"}
    assert floor["home", "all labels"] == 1  # one colour a label
    assert floor["compositions", "all labels"] == 0
    assert all(x["low"] <= x["value"] <= x["high"] for x in top1.values())
    above = [x for x in rows if x["metric"] == "effective robustness"]
    assert {x["case"]["shift"] for x in above} == {*STYLES, "blur", "noise", "rotation", "inverted"}


def test_a_network_of_other_labels_is_told(place):
    net = ResNet(ResNetConfig(3, 64, width=2, stages=(1, 1)))
    save_model(net, place / "odd", extra={"classes": ["x", "y", "z"]})
    done = run(place, "--clip", place / "clip/a", "--resnet", place / "odd")
    assert done.returncode
    assert "tells 3 classes apart that are not the 14 labels" in done.stderr

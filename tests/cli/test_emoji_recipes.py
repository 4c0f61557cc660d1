"""The training commands of docs/emoji.md run tiny, in their order, on tables drawn on the spot."""

import re
import shlex
from pathlib import Path

import pytest
from datasets import Dataset, Features, Image, List, Value
from PIL import Image as Pictures
from recipes import QUIET, ROOT, lay_out

from lit_dalle.cli.main import main

DOCS = (ROOT / "docs/emoji.md").read_text()
COMMANDS = [
    line.partition("#")[0]
    for block in re.findall(r"```\n(.*?)```", DOCS.partition("## Training on them")[2], re.S)
    for line in block.splitlines()
    if line.startswith("lit-dalle ")
]
OVERLAYS = {"dvae": "dvae", "dalle": "dalle", "clip": "clip", "ranker": "clip", "judge": "clip"}
SEEN = ("noto", "twemoji", "openmoji-black")
UNSEEN = ("fluent-flat", "fluent-3d", "fluent-high-contrast")
ROWS = {"train": 40, "validation": 8, "test_iid": 8, "test_comp": 8, "test_style": 12}
COLOURS = ("red", "green", "blue", "orange")
LANGUAGES = ("zh", "de", "fr", "es", "ja")
CLASSES = [
    set((ROOT / f"configs/emoji/classes/{style}.txt").read_text().splitlines()) for style in UNSEEN
]
NAMES = sorted(set.intersection(*CLASSES))


def table(rows, styles):
    numbers = range(rows)
    names = [NAMES[n // 3] for n in numbers]
    columns = {
        "image": [Pictures.new("RGB", (64, 64), COLOURS[n % 4]) for n in numbers],
        "style": [styles[n % 3] for n in numbers],
        "medium": ["line" if n % 3 == 2 else "color" for n in numbers],
        "hexcode": [f"{n // 3:X}" for n in numbers],
        "skin_tone": ["dark" if n % 4 == 3 else "" for n in numbers],
        "label": names,
        "tags": [["thing", COLOURS[n % 4]][: n % 3] for n in numbers],
        "near_dup_in_train": [False] * rows,
    } | {f"label_{language}": [f"{name} {language}" for name in names] for language in LANGUAGES}
    features = {name: Value("string") for name in columns}
    features |= {"image": Image(), "tags": List(Value("string"))}
    features["near_dup_in_train"] = Value("bool")
    return Dataset.from_dict(columns, features=Features(features))


def tiny(command):
    _, *arguments = shlex.split(command)
    if arguments[0] == "fit":
        net = Path(arguments[arguments.index("--config") + 1]).stem
        arguments += ["--config", f"configs/overlays/tiny-{OVERLAYS[net]}.yaml", *QUIET]
    return arguments


@pytest.mark.filterwarnings("default")
def test_from_tables_to_a_pipeline_and_its_judge(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    (tmp_path / "data/emoji").mkdir(parents=True)
    for split, rows in ROWS.items():
        styles = UNSEEN if split == "test_style" else SEEN
        table(rows, styles).to_parquet(tmp_path / f"data/emoji/{split}.parquet")
    nets = [Path(part).stem for line in COMMANDS for part in line.split() if "configs/" in part]
    assert nets == ["tokenizer", "english", "dvae", "clip", "ranker", "tokens", "dalle", "judge"]
    for command in COMMANDS:
        main(tiny(command))
    assert (tmp_path / "runs/emoji/pipeline/pipeline.json").is_file()
    assert (tmp_path / "runs/emoji/judge/export/model.safetensors").is_file()

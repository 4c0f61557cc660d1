import json

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Image, Value
from PIL import Image as Pillow

from lit_dalle.cli import zero_shot as command
from lit_dalle.cli.main import main
from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.evaluation.zero_shot.measure import Reader
from lit_dalle.generation.export import save_model
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig

COLOURS = {"red": (230, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 230)}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A small random CLIP and pictures of three colours, wide and tall, some of them wrong."""
    monkeypatch.chdir(tmp_path)
    config = ClipConfig(
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
    torch.manual_seed(0)
    captions = ["a photo of a red", "a photo of a green", "a photo of a blue"]
    tokenizer = CaptionTokenizer.train(captions, 280).framed(24, append_eos=True)
    save_model(Clip(config), tmp_path / "clip", tokenizer=tokenizer)
    write(tmp_path / "colours.parquet", ClassLabel(names=list(COLOURS)), [0, 1, 2] * 4)
    return tmp_path


def write(path, feature, labels, column="label"):
    names = list(COLOURS)
    rows = []
    for number, label in enumerate(labels):
        colour = COLOURS[names[label] if isinstance(label, int) else label]
        size = [(20, 16), (16, 30), (16, 16)][number % 3]
        rows.append({"image": Pillow.new("RGB", size, colour), column: label})
    features = Features({"image": Image(), column: feature})
    Dataset.from_list(rows, features=features).to_parquet(path)


@pytest.fixture
def seeing(monkeypatch):
    """A CLIP that knows colours: what a picture and a caption have in common is their colour."""
    table = torch.tensor(list(COLOURS.values()), dtype=torch.float32) / 255

    def encode_image(images):
        return images.mean(dim=(2, 3)) @ torch.linalg.pinv(table)

    def encode_text(captions):
        return torch.tensor([[float(name in text) for name in COLOURS] for text in captions])

    reader = Reader(encode_image, encode_text, 16)
    monkeypatch.setattr(command, "reader_of", lambda clip, tokenizer: reader)


def rows_of(path):
    facts = json.loads(path.read_text())
    return facts["setting"], {
        (row["metric"], row["case"].get("row"), row["case"].get("shots")): row
        for row in facts["rows"]
    }


def test_a_clip_that_sees_is_right_and_everything_is_pinned(place, seeing):
    main(
        [
            *("zero-shot", "--model", "clip", "--data", "colours.parquet"),
            *("--out", "a.json", "--confusions", "seen", "--batch_size", "5"),
        ]
    )
    setting, rows = rows_of(place / "a.json")
    assert rows["accuracy", None, None]["value"] == 1
    assert rows["accuracy", None, None]["low"] < 1
    assert rows["recall", None, None]["value"] == 1
    assert rows["chance", None, None]["value"] == pytest.approx(1 / 3)
    assert rows["pictures", None, None]["value"] == 12
    (data,) = setting["data"]
    assert data["classes"] == {name: [name] for name in COLOURS}
    assert (data["template_set"], data["templates"]) == ("photo", ["a photo of a {}."])
    assert setting["model"]["form"] == "lit_dalle"
    assert len(setting["model"]["hash"]) == 64
    assert setting["precision"] == "float32"
    assert "bicubic" in setting["preprocessing"]["resize"]
    with Pillow.open(place / "seen" / "colours.parquet.png") as picture:
        assert picture.size[0] > 900


def test_the_command_runs_a_real_clip_on_several_data_sets(place, capsys):
    for name, rotated in (("red", 1), ("green", 2), ("blue", 0)):
        folder = place / "folder" / "test" / name
        folder.mkdir(parents=True)
        Pillow.new("RGB", (20, 20), list(COLOURS.values())[rotated]).save(folder / "a.png")
    main(["zero-shot", "--model", "clip", "--data", "colours.parquet", "folder", "--out", "a.json"])
    facts = json.loads((place / "a.json").read_text())
    found = {row["case"]["data"]: row["value"] for row in facts["rows"] if "pictures" in str(row)}
    assert set(found) == {"colours.parquet", "folder"}
    shown = capsys.readouterr().out
    assert "folder" in shown
    assert "top-1" in shown


def test_descriptions_name_classes_that_names_do_not(place, seeing):
    entries = [
        {"name": "rose", "descriptions": "the red one"},
        {"name": "leaf", "descriptions": ["the green one", "what is green"]},
        {"name": "sea", "descriptions": "the blue one"},
    ]
    (place / "classes.json").write_text(json.dumps(entries))
    write(place / "named.parquet", ClassLabel(names=["rose", "leaf", "sea"]), [0, 1, 2] * 2)
    common = ["zero-shot", "--model", "clip", "--data", "named.parquet"]
    main([*common, "--classes", "classes.json", "--by", "description", "--out", "b.json"])
    setting, rows = rows_of(place / "b.json")
    assert rows["accuracy", None, None]["value"] == 1
    assert setting["data"][0]["classes"]["leaf"] == ["the green one", "what is green"]
    assert setting["data"][0]["templates"] == ["{}"]
    main([*common, "--out", "c.json"])
    assert rows_of(place / "c.json")[1]["accuracy", None, None]["value"] < 1


def test_probes_stand_beside_the_zero_shot_line(place, seeing):
    (place / "data").mkdir()
    for split, count in (("train", 8), ("test", 2)):
        for name, colour in COLOURS.items():
            folder = place / "data" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                noise = np.random.default_rng(number).integers(-19, 20, (16, 16, 3))
                pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
                Pillow.fromarray(pixels).save(folder / f"{number}.png")
    command_line = ["zero-shot", "--model", "clip", "--data", "data", "--probe"]
    main([*command_line, "--shots", "1", "4", "--out", "a.json"])
    rows = rows_of(place / "a.json")[1]
    assert [key[2] for key in rows if key[1] == "probe"] == [1, 4, "all"]
    assert rows["accuracy", "probe", "all"]["value"] == 1


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--data", "gone.parquet"], "there is no data set at gone.parquet"),
        (["--split", "train"], "'test'"),
        (["--label_column", "kind"], "has no column 'kind'; it has image, label"),
        (["--data", "numbers.parquet"], "are numbers without names: give a class file"),
        (["--classes", "two.txt"], "the class file has 2 classes, the data set 3"),
        (["--templates", "gone.txt"], "no templates gone.txt"),
        (["--by", "description"], "red has none"),
        (["--model", "gone"], "no CLIP gone"),
        (["--data", "text.parquet", "--classes", "two.txt"], "'blue' of text.parquet is no class"),
    ],
)
def test_bad_input_is_one_line(place, capsys, more, what):
    write(place / "numbers.parquet", Value("int64"), [0, 1, 2])
    write(place / "text.parquet", Value("string"), list(COLOURS))
    (place / "two.txt").write_text("red\ngreen\n")
    arguments = ["--model", "clip", "--data", "colours.parquet", *more, "--out", "a.json"]
    if "--split" in more:
        (place / "folder" / "test").mkdir(parents=True)
        Pillow.new("RGB", (9, 9)).save(place / "folder" / "test" / "a.png")
        arguments[3], what = "folder", "has no train split"
    with pytest.raises(SystemExit) as left:
        main(["zero-shot", *arguments])
    assert left.value.code == 2
    *_, last = capsys.readouterr().err.strip().splitlines()  # before it, bars of datasets
    assert last.startswith("lit-dalle: ")
    assert what in last
    assert not (place / "a.json").exists()


def test_labels_may_be_words(place, seeing):
    write(place / "text.parquet", Value("string"), list(COLOURS), column="colour")
    command_line = ["zero-shot", "--model", "clip", "--data", "text.parquet"]
    main([*command_line, "--label_column", "colour", "--out", "a.json"])
    assert rows_of(place / "a.json")[1]["accuracy", None, None]["value"] == 1


def test_rows_are_chosen_by_a_column_and_by_the_classes(place, seeing):
    rows = [
        {"image": Pillow.new("RGB", (16, 16), colour), "label": name, "style": style, "old": old}
        for style, old in (("flat", True), ("flat", False), ("line", False))
        for name, colour in COLOURS.items()
    ]
    features = Features(
        {"image": Image(), "label": Value("string"), "style": Value("string"), "old": Value("bool")}
    )
    Dataset.from_list(rows, features=features).to_parquet(place / "styles.parquet")
    (place / "two.txt").write_text("green\nblue\n")
    common = ["zero-shot", "--model", "clip", "--out", "a.json"]

    def pictures(*more):
        main([*common, *more])
        found = rows_of(place / "a.json")[1]
        assert found["accuracy", None, None]["value"] == 1
        return found["pictures", None, None]["value"], found["chance", None, None]["value"]

    assert pictures("--data", "styles.parquet") == (9, pytest.approx(1 / 3))
    assert pictures("--data", "styles.parquet", "--where", "style=flat")[0] == 6
    where = ["--where", "style=flat", "old=False"]
    assert pictures("--data", "styles.parquet", *where)[0] == 3
    case = json.loads((place / "a.json").read_text())["rows"][0]["case"]
    assert case["where"] == "style=flat, old=False"
    kept = [*where, "--classes", "two.txt", "--only-classes"]
    assert pictures("--data", "styles.parquet", *kept) == (2, 0.5)
    kept = ["--classes", "two.txt", "--only-classes"]
    assert pictures("--data", "colours.parquet", *kept) == (8, 0.5)


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--where", "label"], "--where takes COLUMN=VALUE, each column once; got 'label'"),
        (["--where", "style=flat"], "has no column 'style'; it has image, label"),
        (["--where", "label=7"], "no row of colours.parquet has '7' as its label"),
        (["--only-classes"], "only_classes keeps the rows of a class file"),
        (["--only-classes", "--classes", "odd.txt"], "has a label that odd.txt names"),
    ],
)
def test_rows_that_are_not_there_are_told(place, capsys, more, what):
    (place / "odd.txt").write_text("mauve\n")
    with pytest.raises(SystemExit):
        main(["zero-shot", "--model", "clip", "--data", "colours.parquet", *more])
    assert what in capsys.readouterr().err.strip().splitlines()[-1]

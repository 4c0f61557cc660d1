"""Folders of pictures: what is said of them, and where."""

import json

import pytest
from PIL import Image

from lit_dalle.data import FolderSource


def save(path, number=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    return path


def load(folder, split="train", **options):
    options = {"validation_share": 0.0} | options
    return list(FolderSource(str(folder), **options).load(split))


def kinds_of(row):
    return [f"{note.action}/{note.kind}" for note in row["notes"]]


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("train", "val"), ("train", "validation")),
        (("Training", "dev", "eval"), ("train", "validation", "test")),
        (("train", "valid", "testing", "held_out"), ("train", "validation", "test", "held_out")),
        (("val", ".others"), ("validation",)),
    ],
)
def test_folders_named_after_splits_are_splits(tmp_path, names, splits):
    for number, name in enumerate(names):
        save(tmp_path / name / "a.png", number)
    source = FolderSource(str(tmp_path), validation_share=0.0)
    assert source.splits() == splits
    for number, split in enumerate(splits):
        assert load(tmp_path, split)[0]["image"].getpixel((0, 0))[0] == number


def test_a_text_file_beside_a_picture_has_a_caption_a_line(tmp_path):
    for name in ("a.png", "b.jpg", "c.png", "d.png"):
        save(tmp_path / name)
    (tmp_path / "a.txt").write_text("a red star\n\n  two stars \n")
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "c.txt").write_text("\n")
    rows = load(tmp_path)
    assert [row["caption"] for row in rows] == [["a red star", "two stars"], None, None, None]
    assert [kinds_of(row) for row in rows] == [
        [],
        ["skipped/caption is no text"],
        ["skipped/no caption"],
        ["skipped/no caption"],
    ]


def test_folders_are_classes_where_there_are_no_captions(tmp_path):
    for split in ("train", "test"):
        for number, name in enumerate(("cat", "dog", "emu")):
            if (split, name) != ("train", "dog"):
                save(tmp_path / split / name / "deep.png", number)
    source = FolderSource(str(tmp_path), validation_share=0.0, caption_template="a {label}")
    assert source.label_names() == ["cat", "dog", "emu"]
    assert [row["label"] for row in source.load("train")] == [0, 2]
    assert [row["caption"] for row in source.load("test")] == [["a cat"], ["a dog"], ["a emu"]]


def test_pictures_that_no_list_names_have_no_caption(tmp_path):
    for name in ("a.png", "b.png", "sub/c.png", ".hidden.png"):
        save(tmp_path / name)
    facts = [{"file_name": "b.png", "text": "a star"}, {"file_name": "sub/c.png", "text": "two"}]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, facts)))
    rows = load(tmp_path)
    assert [row["caption"] for row in rows] == [["a star"], ["two"], None]
    assert kinds_of(rows[2]) == ["skipped/no caption"]


def test_each_folder_may_have_its_list(tmp_path):
    for name in ("one", "two"):
        save(tmp_path / name / "a.png")
    (tmp_path / "one" / "metadata.csv").write_text("file_name,text\na.png,first\n")
    (tmp_path / "two" / "metadata.tsv").write_text("file_name\ttext\na.png\tsecond\n")
    assert [row["caption"] for row in load(tmp_path)] == [["first"], ["second"]]


def test_without_captions_and_classes_there_are_pictures(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "sub" / "b.png")
    rows = load(tmp_path)
    assert len(rows) == 2
    assert not {"caption", "label"} & set(rows[0])


@pytest.mark.parametrize("beside", ["cats/b.png", "c.png", "metadata.csv", "cats/metadata.jsonl"])
def test_nothing_lies_beside_the_folders_of_splits(tmp_path, beside):
    save(tmp_path / "train" / "a.png")
    (tmp_path / "LICENSE.txt").write_text("free")
    (tmp_path / ".cache").mkdir()
    save(tmp_path / ".cache" / "a.png")
    assert len(load(tmp_path)) == 1
    path = tmp_path / beside
    path.parent.mkdir(exist_ok=True)
    path.write_text("file_name,text\ntrain/a.png,a star\n")
    with pytest.raises(ValueError, match=rf"{beside} lies beside \S*train, which by their names"):
        load(tmp_path)


def test_two_folders_of_one_split(tmp_path):
    for name in ("train", "val", "dev"):
        save(tmp_path / name / "a.png")
    with pytest.raises(ValueError, match=r"dev and \S*val both mean validation: join them"):
        load(tmp_path)


def test_classes_in_one_split_and_a_list_in_another(tmp_path):
    for name in ("train/cat/a.png", "train/dog/b.png", "test/a.png", "test/b.png"):
        save(tmp_path / name)
    lines = "file_name,text,label\na.png,a cat,cat\nb.png,an emu,emu\n"
    (tmp_path / "test" / "metadata.csv").write_text(lines)
    options = {"label_column": "label"}
    assert [row["label"] for row in load(tmp_path, **options)] == [0, 1]
    known, unknown = load(tmp_path, "test", caption_column=[], **options)
    assert known["label"] == 0
    assert kinds_of(unknown) == ["skipped/no label"]
    assert "has 'emu' for a label, which is no class" in unknown["notes"][0].message

import gc
import json
import re

import pytest
from datasets import ClassLabel, Dataset, Features, Image, Sequence, Value
from PIL import Image as Pictures

from lit_dalle.data import FolderSource, HubSource, ParquetSource
from lit_dalle.data.holdout import hold_out


def picture(number):
    return Pictures.new("RGB", (9, 7), (number, 0, 0))


def write_folder(folder, count=6, captions="text", **more):
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(count):
        picture(number).save(folder / f"{number}.png")
        facts = {name: value(number) for name, value in more.items()}
        lines.append({"file_name": f"{number}.png", captions: f"picture {number}"} | facts)
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return str(folder)


def write_parquet(path, **columns):
    """Ten rows of pictures, with columns given as functions of the row."""
    types = {"image": Image()}
    content = {"image": [picture(number) for number in range(10)]}
    for name, (kind, value) in columns.items():
        types[name], content[name] = kind, [value(number) for number in range(10)]
    Dataset.from_dict(content, features=Features(types)).to_parquet(str(path))
    return str(path)


class Matching(str):
    """Equal to texts that a pattern is found in."""

    __hash__ = str.__hash__

    def __eq__(self, pattern):
        return re.search(pattern, str(self)) is not None


def noted(row):
    """Messages of a row by what was done and why; compare them with patterns."""
    return {f"{note.action}/{note.kind}": Matching(note.message) for note in row["notes"]}


def numbers(rows):
    return [row["image"].getpixel((0, 0))[0] for row in rows]


@pytest.mark.parametrize("captions", ["text", "caption"])
def test_a_folder_with_metadata(tmp_path, captions):
    path = write_folder(tmp_path / "art", captions=captions)
    source = FolderSource(path, validation_share=0.3)
    assert source.splits() == ("train", "validation")
    rows = [*source.load("train"), *source.load("validation")]
    assert sorted(numbers(rows)) == list(range(6))
    assert all(row["caption"] == [f"picture {row['image'].getpixel((0, 0))[0]}"] for row in rows)
    texts = source.load("train", pictures=False)
    assert "image" not in texts[0]
    assert texts[0]["caption"] == source.load("train")[0]["caption"]


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # left by `datasets`
def test_a_folder_with_a_csv_and_splits(tmp_path):
    for split, count in (("train", 4), ("validation", 2), ("test", 3)):
        write_folder(tmp_path / "art" / split, count)
        (tmp_path / "art" / split / "metadata.jsonl").unlink()
        lines = [f"{number}.png,red {number}" for number in range(count)]
        (tmp_path / "art" / split / "metadata.csv").write_text(
            "\n".join(["file_name,caption", *lines])
        )
    source = FolderSource(str(tmp_path / "art"))
    assert source.splits() == ("train", "validation", "test")
    assert [len(source.load(split)) for split in source.splits()] == [4, 2, 3]
    assert source.load("test")[2]["caption"] == ["red 2"]
    gc.collect()  # of these files, while the warning is off


def test_labels_that_are_words_are_numbered_over_all_splits(tmp_path):
    kinds = (Value("string"), lambda number: ["cat", "dog", "emu"][number % 3])
    one = write_parquet(tmp_path / "one.parquet", kind=kinds)
    other = write_parquet(tmp_path / "two.parquet", kind=(Value("string"), lambda number: "ape"))
    files = {"train": one, "test": other}
    source = ParquetSource(files, label_column="kind", caption_template="a {label}")
    assert source.label_names() == ["ape", "cat", "dog", "emu"]
    for row in source.load("train"):
        assert row["label"] == 1 + row["image"].getpixel((0, 0))[0] % 3
        assert row["caption"] == [f"a {source.label_names()[row['label']]}"]
    assert {row["label"] for row in source.load("test")} == {0}


def test_captions_are_made_of_several_columns(tmp_path):
    kinds = (Value("string"), lambda number: f"thing {number}")
    tags = (Sequence(Value("string")), lambda number: ["one", "two"][: number % 3])
    path = write_parquet(tmp_path / "one.parquet", label=kinds, tags=tags)
    source = ParquetSource(
        {"train": path},
        label_column="label",
        caption_template=["{label}", "{label}, {tags}"],
        validation_share=0.0,
    )
    rows = source.load("train", pictures=False)
    assert [rows[number]["caption"] for number in (0, 1, 2)] == [
        ["thing 0"],
        ["thing 1", "thing 1, one"],
        ["thing 2", "thing 2, one, two"],
    ]
    empty = ParquetSource({"train": path}, caption_template="{tags}", validation_share=0.0)
    assert noted(empty.load("train", pictures=False)[0]) == {
        "skipped/no caption": r"row 0 of .* has nothing in tags to make a caption of"
    }
    with pytest.raises(ValueError, match="no column 'words'; it has"):
        ParquetSource({"train": path}, caption_template="{words}").load("train")
    both = ParquetSource({"train": path}, caption_template="{tags}", caption_column="label")
    with pytest.raises(ValueError, match="both say where captions come from"):
        both.load("train")


def test_a_row_without_a_label_is_named(tmp_path):
    kinds = (Value("string"), lambda number: None if number == 4 else "cat")
    path = write_parquet(tmp_path / "one.parquet", kind=kinds)
    source = ParquetSource({"train": path}, label_column="kind", caption_template="a {label}")
    rows = source.load("train")
    assert source.label_names() == ["cat"]
    (without,) = (row for row in rows if row["label"] is None)
    assert noted(without) == {"skipped/no label": "has no label: give it one, or remove it"}
    assert without["caption"] is None


def test_label_folders(tmp_path):
    for label, number in (("cat", 1), ("dog", 2)):
        write_folder(tmp_path / "art" / label, 1)
        (tmp_path / "art" / label / "metadata.jsonl").unlink()
        picture(number).save(tmp_path / "art" / label / "0.png")
    path = str(tmp_path / "art")
    source = FolderSource(path, validation_share=0.0)
    assert source.splits() == ("train",)
    assert source.label_names() == ["cat", "dog"]
    rows = source.load("train")
    assert [row["label"] for row in rows] == [0, 1]
    assert "caption" not in rows[0]
    source = FolderSource(path, validation_share=0.0, caption_template="a photo of a {label}")
    assert source.load("train")[1]["caption"] == ["a photo of a dog"]


def test_the_fingerprint_follows_the_content(tmp_path):
    path = write_folder(tmp_path / "art")
    first = FolderSource(path).fingerprint("train")
    assert FolderSource(path).fingerprint("train") == first
    assert FolderSource(path).fingerprint("validation") != first
    assert FolderSource(path, validation_share=0.4).fingerprint("train") != first
    picture(200).save(tmp_path / "art" / "3.png")
    assert FolderSource(path).fingerprint("train") != first


def test_parquet_with_named_columns(tmp_path):
    path = write_parquet(
        tmp_path / "rows.parquet",
        name=(Value("string"), lambda number: f"name {number}"),
        others=(Sequence(Value("string")), lambda number: [f"also {number}", ""]),
        kind=(ClassLabel(names=["a", "b"]), lambda number: number % 2),
        code=(Value("string"), lambda number: f"code {number // 2}"),
        style=(Value("string"), lambda number: "flat"),
    )
    source = ParquetSource(
        {"train": path, "test_iid": path},
        caption_column=["name", "others"],
        label_column="kind",
        group_column="code",
        family_column="style",
        split_names={"test": "test_iid"},
        validation_share=0.4,
    )
    assert source.splits() == ("train", "validation", "test")
    row = source.load("test")[3]
    assert row["caption"] == ["name 3", "also 3"]
    assert (row["label"], row["group"], row["family"]) == (1, "code 1", "flat")
    sides = [{row["group"] for row in source.load(side)} for side in ("train", "validation")]
    assert not sides[0] & sides[1], "a group lies on one side"


def test_a_local_data_set_by_name(tmp_path):
    (tmp_path / "set").mkdir()
    write_parquet(
        tmp_path / "set" / "train.parquet",
        text=(Value("string"), lambda number: f"text {number}"),
    )
    source = HubSource(str(tmp_path / "set"), validation_share=0.0)
    assert source.load("train")[9]["caption"] == ["text 9"]


def test_a_held_out_row_stays_held_out():
    few, many = hold_out(1000, 0.1), hold_out(5000, 0.1)
    assert many[:1000] == few
    assert 400 < sum(many) < 600
    assert sum(hold_out(3, 0.01)) == 1
    assert sum(hold_out(1000, 0.0)) == 0
    with pytest.raises(ValueError, match=r"validation_share is 1\.0"):
        hold_out(10, 1.0)


def test_folders_that_cannot_be_used_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        FolderSource(str(tmp_path / "nowhere")).splits()
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty holds no pictures: put \.png"):
        FolderSource(str(tmp_path / "empty")).splits()
    path = write_folder(tmp_path / "art")
    with pytest.raises(ValueError, match="art has no test split; it has train"):
        FolderSource(path).load("test")


def test_an_unreadable_picture_is_named_with_its_file(tmp_path):
    path = write_folder(tmp_path / "art")
    (tmp_path / "art" / "2.png").write_bytes(b"not a picture")
    rows = FolderSource(path, validation_share=0.0).load("train")
    message = r"cannot read the picture .*art/2\.png \(row 2 of "
    assert noted(rows[2]) == {"skipped/not a picture": message}
    assert rows[2]["image"] is None
    assert numbers([rows[1], rows[3]]) == [1, 3]


def test_a_file_that_is_listed_and_not_there_is_named(tmp_path):
    path = write_folder(tmp_path / "art")
    (tmp_path / "art" / "2.png").unlink()
    rows = FolderSource(path, validation_share=0.0).load("train")
    assert noted(rows[2]) == {"skipped/missing file": r"there is no file .*2\.png"}


def test_a_damaged_line_of_metadata_is_a_row_that_cannot_be_used(tmp_path):
    path = write_folder(tmp_path / "art", count=3)
    with (tmp_path / "art" / "metadata.jsonl").open("a") as metadata:
        metadata.write('\n{"file_name": "0.png", "te\n[1, 2]')
    rows = FolderSource(path, validation_share=0.0).load("train")
    assert [row["caption"] for row in rows][:3] == [[f"picture {n}"] for n in range(3)]
    for row, line in ((rows[3], 4), (rows[4], 5)):
        message = rf"line {line} of .*metadata\.jsonl is no JSON object"
        assert noted(row) == {"skipped/damaged picture": message}


def test_columns_that_are_not_there_are_told_with_those_that_are(tmp_path):
    path = write_parquet(
        tmp_path / "rows.parquet", name=(Value("string"), str), size=(Value("int64"), int)
    )
    files = {"train": path}
    with pytest.raises(ValueError, match=r"no column 'text'; it has image, name, size"):
        ParquetSource(files, caption_column="text").load("train")
    with pytest.raises(ValueError, match="no column 'picture'; it has image, name, size"):
        ParquetSource(files, image_column="picture").load("train")
    with pytest.raises(ValueError, match=r"'size' of .* holds int64, no pictures"):
        ParquetSource(files, image_column="size").load("train")
    with pytest.raises(ValueError, match=r"split_names says test: tset; .* are train"):
        ParquetSource(files, split_names={"test": "tset"}).splits()
    with pytest.raises(ValueError, match=r"'size' of .* holds int64, .* columns of text: name"):
        ParquetSource(files, caption_column="size").load("train")
    with pytest.raises(ValueError, match="no named labels to fill caption_template"):
        ParquetSource(files, caption_template="a {label}").load("train")
    with pytest.raises((ValueError, FileNotFoundError), match="nowhere"):
        ParquetSource({"train": str(tmp_path / "nowhere.parquet")}).splits()


def test_a_row_without_a_caption_is_named(tmp_path):
    captions = (Value("string"), lambda number: None if number == 4 else "a star")
    path = write_parquet(tmp_path / "rows.parquet", text=captions)
    rows = ParquetSource({"train": path}, validation_share=0.0).load("train", pictures=False)
    assert noted(rows[4]) == {"skipped/no caption": r"row 4 of .*rows\.parquet has no caption"}


def test_a_row_without_a_group_is_a_group_of_its_own(tmp_path):
    groups = (Value("string"), lambda number: None if number % 2 else "even")
    path = write_parquet(tmp_path / "rows.parquet", code=groups)
    source = ParquetSource({"train": path}, group_column="code", validation_share=0.5)
    rows = [*source.load("train"), *source.load("validation")]
    found = {row["image"].getpixel((0, 0))[0]: row["group"] for row in rows}
    assert {found[number] for number in range(0, 10, 2)} == {"even"}
    assert len({found[number] for number in range(1, 10, 2)}) == 5
    sides = {number % 2 for number in numbers(source.load("train"))}
    others = {number % 2 for number in numbers(source.load("validation"))}
    assert 1 in sides & others, "they lie on both sides"


def test_a_label_that_is_no_class_is_noted(tmp_path):
    kinds = (ClassLabel(names=["cat", "dog"]), lambda number: -1 if number == 4 else number % 2)
    path = write_parquet(tmp_path / "rows.parquet", label=kinds)
    source = ParquetSource({"train": path}, caption_template="a {label}", validation_share=0.0)
    rows = source.load("train")
    assert (rows[3]["label"], rows[3]["caption"]) == (1, ["a dog"])
    assert (rows[4]["label"], rows[4]["caption"]) == (None, None)
    assert noted(rows[4]) == {"skipped/no label": "has -1 for a label, which is no class"}


def test_rows_of_pictures_say_nothing_else_and_leave_none_out_for_it(tmp_path):
    captions = (Value("string"), lambda number: None if number == 4 else "a star")
    path = write_parquet(tmp_path / "rows.parquet", text=captions)
    source = ParquetSource({"train": path}, min_caption_words=3, validation_share=0.0)
    rows = list(source.picture_rows("train"))
    assert {name for row in rows for name in row} == {"image", "notes", "_row"}
    assert numbers(rows) == list(range(10))
    assert not any(row["notes"] for row in rows)
    assert source.fields("train") == ("caption", "image", "notes")
    with pytest.raises(ValueError, match=r"has no test split; it has train"):
        source.picture_rows("test")


def test_the_picture_fingerprint_of_pictures_in_the_table_is_the_table_s(tmp_path):
    path = write_parquet(tmp_path / "rows.parquet", text=(Value("string"), str))
    source = ParquetSource({"train": path}, validation_share=0.0, max_aspect_ratio=2)
    assert source.picture_fingerprint("train") == f"{source._part('train')._fingerprint}-image-2"


def test_a_data_set_that_is_a_script_is_told(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "set.py").write_text("print('hello')")
    with pytest.raises(ValueError, match=r"cannot read \S*set: Dataset scripts are no longer"):
        HubSource(str(tmp_path / "set")).splits()

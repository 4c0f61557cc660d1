"""Lists as people write them: of all kinds, with holes."""

import datetime
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lit_dalle.data import CsvSource, ImageTextDataModule
from lit_dalle.data.listing import read_list, to_table

LINES = [("a.png", "a red star"), ("sub/b.png", "two stars, one blue"), ("c.png", "")]


def red(number):
    return Image.new("RGB", (8, 8), (number, 0, 0))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    for number, (name, _) in enumerate(LINES):
        red(number).save(tmp_path / name)
    return tmp_path


def write(path, column="file_name"):
    """Write a list in the form that its name ends in."""
    if path.suffix == ".parquet":
        names, texts = zip(*LINES, strict=True)
        pq.write_table(pa.table({column: names, "text": texts}), path)
    elif path.suffix == ".jsonl":
        lines = (f'{{"{column}": "{name}", "text": "{text}"}}' for name, text in LINES)
        path.write_text("\n\n".join(lines))
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        lines = (f'{name}{mark}"{text}"' for name, text in LINES)
        path.write_text("\n".join([f"{column}{mark}text", *lines]))
    return path


def kinds_of(row):
    return [f"{note.action}/{note.kind}" for note in row["notes"]]


def load(path, **options):
    return CsvSource({"train": str(path)}, validation_share=0.0, **options).load("train")


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "parquet"])
@pytest.mark.parametrize("column", ["file_name", "image", "path", "filepath", "image_path"])
def test_every_kind_of_list(folder, ending, column):
    rows = list(load(write(folder / f"list.{ending}", column)))
    assert [row["caption"] for row in rows] == [["a red star"], ["two stars, one blue"], None]
    assert [kinds_of(row) for row in rows] == [[], [], ["skipped/no caption"]]
    assert [row["image"].getpixel((0, 0))[0] for row in rows[:2]] == [0, 1]


def test_several_lists_and_splits(folder):
    files = [str(write(folder / "one.csv")), str(write(folder / "two.jsonl"))]
    source = CsvSource({"train": files, "test": files[0]}, validation_share=0.0)
    assert source.splits() == ("train", "test")
    assert [len(source.load(split)) for split in source.splits()] == [6, 3]


def test_paths_begin_at_the_list_s_folder_or_at_the_root(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "list.csv").write_text(f"path,text\n{folder / 'a.png'},a star\n../nowhere.png,none\n")
    rows = load(other / "list.csv")
    assert rows[0]["caption"] == ["a star"]
    assert kinds_of(rows[0]) == []
    assert kinds_of(rows[1]) == ["skipped/missing file"]


def test_a_ragged_csv(folder):
    (folder / "list.csv").write_text(
        "file_name,text\na.png,red, blue and green\nsub/b.png\nc.png,a star\n,lost\n"
    )
    rows = load(folder / "list.csv")
    assert [kinds_of(row) for row in rows] == [
        ["skipped/damaged picture"],
        ["skipped/no caption"],
        [],
        ["skipped/no picture"],
    ]
    assert "line 2 of" in rows[0]["notes"][0].message
    assert "has more columns than the first" in rows[0]["notes"][0].message


def test_damaged_json_lines(folder):
    (folder / "list.jsonl").write_bytes(
        b'{"file_name": "a.png", "text": "a star"}\n\n{"file_name": "a.pn\n["a.png"]\n'
        b'"half \\ud83d"\n{"file_name": 7, "text": "x"}\n{"text": "x"}\n'
        b'{"file_name": "c.png", "text": "b\xff\xfe"}\n'
        b'{"file_name": "c.png", "text": "half \\ud83d"}\n{"file_name": "\\ud83d.png"}\n'
        b'{"file_name": "c.png", "text": ["two", "captions"]}'
    )
    rows = load(folder / "list.jsonl")
    assert [kinds_of(row) for row in rows] == [
        [],
        ["skipped/damaged picture"],
        ["skipped/damaged picture"],
        ["skipped/damaged picture"],
        ["skipped/no picture"],
        ["skipped/no picture"],
        ["skipped/caption is no text"],
        ["skipped/caption is no text"],
        ["skipped/no picture"],
        [],
    ]
    assert "line 3 of" in rows[1]["notes"][0].message
    assert rows[9]["caption"] == ["two", "captions"]
    module = ImageTextDataModule(
        CsvSource({"train": str(folder / "list.jsonl")}, validation_share=0.0),
        8,
        batch_size=5,
        max_bad_share=1.0,
    )
    shown = [index for b in module.train_dataloader() for index in b["index"].tolist()]
    assert set(shown) == {0, 9}


def test_a_csv_with_a_mark_and_zero_bytes(folder):
    (folder / "list.csv").write_bytes(b"\xef\xbb\xbffile_name,text\na.png,a star\nc.png,a\0b\n")
    rows = load(folder / "list.csv")
    assert rows[0]["caption"] == ["a star"]
    assert kinds_of(rows[1]) == ["skipped/caption is no text"]


def test_a_caption_with_line_ends_and_quotes(folder):
    (folder / "list.csv").write_text('file_name,text\na.png,"a ""red""\nstar"\n')
    assert load(folder / "list.csv")[0]["caption"] == ['a "red"\nstar']


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "list.csv",
            b"name,text\na.png,b\n",
            "says of no picture where it is: .* it has name, text",
        ),
        ("list.txt", b"a.png b", r"is no list: it must end in \.jsonl, \.csv"),
        ("list.parquet", b"no parquet", r"cannot read .*list\.parquet"),
    ],
)
def test_lists_that_cannot_be_used_are_told(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"there is no list .*nowhere\.csv"):
        load(tmp_path / "nowhere.csv")


def test_texts_that_are_no_utf_8_in_parquet_name_the_list(tmp_path):
    texts = pa.array([b"a.png", b"\xff\xfe"], pa.binary())
    texts = pa.Array.from_buffers(pa.string(), 2, texts.buffers())
    pq.write_table(pa.table({"file_name": texts}), tmp_path / "list.parquet")
    with pytest.raises(ValueError, match=r"cannot read .*list\.parquet: 'utf-8'"):
        list(read_list(tmp_path / "list.parquet"))


def test_columns_keep_their_kind():
    rows = [
        {"image": "a", "text": "one", "size": 3, "kind": "x", "label": 1},
        {"image": "b", "text": 7, "size": None, "tags": ["u", "v"], "label": 0},
        {"image": None, "text": "three", "size": 2.5, "facts": {"a": 1}},
    ]
    table = to_table(rows, labels=["no", "yes"])
    assert table["text"] == ["one", None, "three"]
    assert table["size"] == ["3", None, "2.5"]
    assert table["tags"] == [[], ["u", "v"], []]
    assert table["facts"] == [None, None, '{"a": 1}']
    assert table["label"] == [1, 0, None]
    assert table.features["label"].names == ["no", "yes"]
    assert [len(troubles) for troubles in table["_trouble"]] == [0, 1, 0]


def write_lines(path, lines):
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([1999, 2000], [1999, 2000]),
        ([2**53 + 1, None], [2**53 + 1, None]),
        ([2**63, 1], ["9223372036854775808", "1"]),
        ([0.5, 2.0], [0.5, 2.0]),
        ([1999, 0.5], ["1999", "0.5"]),
        ([1999, 2000, "unknown"], ["1999", "2000", "unknown"]),
        ([1999, 2000, "half \ud83d"], ["1999", "2000", '"half \\ud83d"']),
        ([True, 3], ["true", "3"]),
        ([datetime.date(1999, 1, 2), 3], ["1999-01-02", "3"]),
        ([{"made": datetime.date(1999, 1, 2)}], ['{"made": "1999-01-02"}']),
        ([None, None], [None, None]),
    ],
)
def test_values_are_kept_as_they_were_written(values, kept):
    rows = [{"image": "a.png", "text": "a star", "odd": value} for value in values]
    assert to_table(rows)["odd"] == kept


def test_whole_numbers_are_whole_in_captions(folder):
    path = write_lines(folder / "list.jsonl", [{"file_name": "a.png", "text": "red", "year": 1999}])
    (row,) = load(path, caption_template="{text}, {year}")
    assert row["caption"] == ["red, 1999"]


@pytest.mark.parametrize(
    "odd",
    [
        {"number": 2**70},
        {"number": 0.5},
        {"number": [1, {"a": None}]},
        {"half \ud83d": 1},
        {"_trouble": "mine", "_row": 7},
        {"image": "https://nowhere/a.png"},
    ],
)
def test_an_odd_value_in_a_column_that_is_not_used_changes_nothing(folder, odd):
    plain = {"file_name": "a.png", "text": "a star"}
    path = write_lines(folder / "list.jsonl", [plain | {"number": 3}, plain | odd, plain])
    rows = list(load(path))
    assert [(row["caption"], kinds_of(row)) for row in rows] == [(["a star"], [])] * 3
    assert [row["image"].getpixel((0, 0))[0] for row in rows] == [0, 0, 0]


def test_dates_in_parquet(folder):
    made = pa.array([datetime.datetime(1999, 1, 2), None], pa.timestamp("us"))
    table = {"file_name": ["a.png", "c.png"], "text": ["a star", "two"], "made": made}
    pq.write_table(pa.table(table), folder / "list.parquet")
    rows = list(load(folder / "list.parquet", caption_template=["{text}", "{text}, {made}"]))
    assert rows[0]["caption"] == ["a star", "a star, 1999-01-02 00:00:00"]
    assert rows[1]["caption"] == ["two"]


def test_a_name_that_no_file_can_have_is_one_row(folder):
    names = ["a.png", "n" * 300 + ".png", "c.png"]
    path = write_lines(folder / "list.jsonl", [{"file_name": n, "text": "a star"} for n in names])
    assert [kinds_of(row) for row in load(path)] == [[], ["skipped/damaged picture"], []]


def test_a_line_that_is_nested_too_deeply_is_one_row(folder):
    lines = ['{"file_name": "a.png", "text": "a star"}', '{"a": ' * 100_000]
    (folder / "list.jsonl").write_text("\n".join(lines))
    assert [kinds_of(row) for row in load(folder / "list.jsonl")] == [
        [],
        ["skipped/damaged picture"],
    ]


def test_the_picture_fingerprint_does_not_change_with_what_is_said_of_them(folder):
    def found(text, name="a.png"):
        path = write_lines(folder / "list.jsonl", [{"file_name": name, "text": text}])
        source = CsvSource({"train": str(path)}, validation_share=0.0)
        return source.picture_fingerprint("train"), source.fingerprint("train")

    first, other, next_picture = found("a star"), found("two stars"), found("a star", "c.png")
    assert first[0] == other[0] != next_picture[0]
    assert first[1] != other[1]
    red(9).resize((5, 5)).save(folder / "a.png")
    assert found("a star")[0] != first[0]

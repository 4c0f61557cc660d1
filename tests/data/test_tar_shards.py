"""Tar shards: read by an index in any order, and from first to last, with the same rows."""

import gzip
import io
import json
import os
import tarfile

import datasets
import pytest
from PIL import Image

from lit_dalle.data import ImageTextDataModule, WebDatasetSource
from lit_dalle.data.tar_shards import find_shards


def png(number):
    content = io.BytesIO()
    Image.new("RGB", (16, 16), (number, 0, 0)).save(content, format="PNG")
    return content.getvalue()


def write_tar(path, files):
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@pytest.fixture
def shards(tmp_path):
    for shard in range(3):
        files = {}
        for row in range(5):
            number = shard * 5 + row
            files[f"some/{number:03}.png"] = png(number)
            files[f"some/{number:03}.txt"] = f"picture {number}".encode()
            files[f"some/{number:03}.json"] = json.dumps({"kind": f"kind {number % 2}"}).encode()
        write_tar(tmp_path / f"s-{shard:02}.tar", files)
    return tmp_path


def source(folder, files="s-{00..02}.tar", **options):
    return WebDatasetSource({"train": str(folder / files)}, validation_share=0.0, **options)


def shown(rows):
    return sorted((row["image"].getpixel((0, 0))[0], *row["caption"]) for row in rows)


def streamed(some):
    shards = some.shards("train")
    for number in range(len(shards)):
        numbered = list(enumerate(shards.rows(number)))
        columns = shards.read(number, numbered)
        for at in range(len(numbered)):
            yield {name: values[at] for name, values in columns.items()}


EXPECTED = [(number, f"picture {number}") for number in range(15)]


def test_both_ways_have_the_same_rows(shards):
    assert shown(source(shards).load("train")) == EXPECTED
    assert shown(streamed(source(shards, streaming=True))) == EXPECTED
    assert shown(streamed(source(shards, "*.tar", streaming=True))) == EXPECTED


def test_columns_of_the_json(shards):
    options = {"caption_column": "kind", "group_column": "text"}
    rows = source(shards, **options).load("train")
    assert rows[3]["caption"] == ["kind 1"]
    assert rows[3]["group"] == "picture 3"
    first = next(streamed(source(shards, streaming=True, **options)))
    assert (first["caption"], first["group"]) == (["kind 0"], "picture 0")


def test_classes_that_are_words(shards):
    options = {"label_column": "kind", "caption_template": "a {label}"}
    rows = source(shards, **options).load("train")
    assert (rows[3]["label"], rows[3]["caption"]) == (1, ["a kind 1"])


def test_rows_go_on_from_any(shards):
    stream = source(shards, streaming=True).shards("train")
    assert [row["text"] for row in stream.rows(1, 3)] == ["picture 8", "picture 9"]


def test_compressed_shards_are_streamed(shards):
    tar = (shards / "s-00.tar").read_bytes()
    (shards / "one.tar.gz").write_bytes(gzip.compress(tar))
    some = source(shards, "one.tar.gz", streaming=True)
    assert shown(streamed(some)) == EXPECTED[:5]
    with pytest.raises(ValueError, match=r"is no uncompressed local \.tar.*set streaming"):
        source(shards, "one.tar.gz").load("train")


@pytest.mark.parametrize("streaming", [False, True])
def test_a_shard_that_is_cut_short_says_so(shards, streaming):
    path = shards / "s-01.tar"
    path.write_bytes(path.read_bytes()[:3000])
    some = source(shards, streaming=streaming)
    rows = list(streamed(some) if streaming else some.load("train"))
    (cut,) = [row for row in rows if any("its rows end here" in n.message for n in row["notes"])]
    assert cut["image"] is None
    whole = [row for row in rows if row["image"] is not None]
    assert set(shown(whole)) >= set(EXPECTED[:5] + EXPECTED[10:])


@pytest.mark.parametrize("streaming", [False, True])
def test_a_choice_among_rows_hides_none_that_cannot_be_read(tmp_path, streaming, tokenizer_path):
    files = {"0.png": png(0), "0.json": b"{cut", "1.png": png(1), "1.json": b'{"kind": "b"}'}
    files |= {"2.png": png(2), "2.json": b'{"kind": "a"}', "3.png": png(3), "3.json": b"{}"}
    write_tar(tmp_path / "s-00.tar", {name: files[name] for name in sorted(files, reverse=True)})
    some = source(tmp_path, "s-00.tar", where={"kind": "a"}, streaming=streaming)
    module = ImageTextDataModule(some, 16, batch_size=1, max_bad_share=1.0)
    reds = [round(float(b["images"][0, 0, 0, 0]) * 255) for b in module.train_dataloader()]
    assert set(reds) == {2}
    assert module.ledgers["train"].counts["skipped/caption is no text"] == 1


@pytest.mark.parametrize("streaming", [False, True])
def test_a_caption_that_is_no_text(tmp_path, streaming):
    files = {"a.png": png(1), "a.txt": b"\xff\xfe\x00", "b.png": png(2), "b.txt": b"a star"}
    write_tar(tmp_path / "s-00.tar", files)
    some = source(tmp_path, "s-00.tar", streaming=streaming)
    bad, good = list(streamed(some) if streaming else some.load("train"))
    assert [note.kind for note in bad["notes"]] == ["caption is no text"]
    assert good["caption"] == ["a star"]


def test_batches_of_a_stream(shards):
    some = source(shards, streaming=True)
    module = ImageTextDataModule(some, 16, batch_size=4, num_workers=0, shuffle_buffer=6)
    batches = list(module.train_dataloader())
    captions = [caption for batch in batches for caption in batch["captions"]]
    assert [len(batch["index"]) for batch in batches] == [4, 4, 4]
    assert len(set(captions)) == 12
    for batch in batches:
        reds = (batch["images"][:, 0, 0, 0] * 255).round().int().tolist()
        assert batch["captions"] == [f"picture {red}" for red in reds]


def test_what_goes_by_number_is_refused_of_a_stream(shards):
    some = source(shards, streaming=True)
    with pytest.raises(ValueError, match=r"data\.cache keep rows by their numbers"):
        ImageTextDataModule(some, 16, cache=True).train_dataloader()
    with pytest.raises(ValueError, match="has no validation split"):
        ImageTextDataModule(some, 16).val_dataloader()


def test_no_shards(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no shard .*s-00\.tar"):
        find_shards([str(tmp_path / "s-{00..02}.tar")])
    with pytest.raises(FileNotFoundError, match="there is no shard"):
        find_shards([str(tmp_path / "*.tar")])


def read(some):
    return list(streamed(some) if some.streaming else some.load("train"))


def heads(path):
    """Where the heads of the files of each row begin."""
    with tarfile.open(path) as archive:
        return [member.offset for member in archive]


def damage(path, first, content):
    with path.open("r+b") as file:
        file.seek(first)
        file.write(content)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("content", [b"x" * 512, bytes(512)], ids=["overwritten", "zeros"])
@pytest.mark.parametrize("file", [0, 5, 6, 14])
def test_a_damaged_head_is_told_and_costs_no_row_before_it(shards, streaming, content, file):
    damage(shards / "s-01.tar", heads(shards / "s-01.tar")[file], content)
    rows = read(source(shards, streaming=streaming))
    (end,) = [row for row in rows if any("its rows end here" in n.message for n in row["notes"])]
    assert "s-01.tar is damaged" in end["notes"][0].message
    whole = [row for row in rows if not row["notes"]]
    before = (file + 1) // 3  # the last file of a row is its JSON, of which nothing is needed here
    assert shown(whole) == EXPECTED[: 5 + before] + EXPECTED[10:]


@pytest.mark.parametrize("streaming", [False, True])
def test_a_shard_that_ends_without_its_mark_says_so(shards, streaming):
    path = shards / "s-01.tar"
    os.truncate(path, heads(path)[6])
    rows = read(source(shards, streaming=streaming))
    assert shown(row for row in rows if not row["notes"]) == EXPECTED[:7] + EXPECTED[10:]
    assert sum("its rows end here" in n.message for row in rows for n in row["notes"]) == 1


@pytest.mark.parametrize("streaming", [False, True])
def test_keys_of_the_json_that_are_ours_change_nothing(tmp_path, streaming):
    facts = {"image": "https://nowhere/a.png", "_trouble": "mine", "_row": 7, "text": "a star"}
    for order in (("png", "json"), ("json", "png")):
        content = {"png": png(9), "json": json.dumps(facts).encode()}
        write_tar(tmp_path / "s-00.tar", {f"a.{ending}": content[ending] for ending in order})
        (row,) = read(source(tmp_path, "s-00.tar", streaming=streaming))
        assert (row["notes"], shown([row])) == ([], [(9, "a star")])


@pytest.mark.parametrize("streaming", [False, True])
def test_a_name_that_is_no_utf_8_is_no_hindrance(tmp_path, streaming):
    files = {"a\udcff.png": png(1), "a\udcff.txt": b"\xff", "b.png": png(2), "b.txt": b"a star"}
    write_tar(tmp_path / "s-00.tar", files)
    bad, good = read(source(tmp_path, "s-00.tar", streaming=streaming))
    assert [note.kind for note in bad["notes"]] == ["caption is no text"]
    assert good["caption"] == ["a star"]


def test_classes_that_are_words_are_refused_of_a_stream(shards):
    options = {"label_column": "kind", "caption_template": "a {label}", "streaming": True}
    with pytest.raises(ValueError, match="labels that are words, as in column 'kind'"):
        source(shards, **options).shards("train")


def test_fingerprints_are_those_of_the_shards_wherever_their_index_lies(
    shards, tmp_path, monkeypatch
):
    def found():
        some = source(shards)
        return some.fingerprint("train"), some.picture_fingerprint("train")

    first = found()
    for other in ("one", "two"):
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / other)
        assert found() == first
    os.utime(shards / "s-01.tar", ns=(0, 0))
    assert all(one != other for one, other in zip(found(), first, strict=True))


def test_a_change_of_a_tar_file_is_one_of_its_pictures(shards):
    first = source(shards, "s-01.tar").picture_fingerprint("train")
    assert source(shards, "s-01.tar", caption_column="kind").picture_fingerprint("train") == first
    os.utime(shards / "s-01.tar", ns=(0, 0))
    assert source(shards, "s-01.tar").picture_fingerprint("train") != first

"""Tables as streams have the rows of the same tables read by number."""

from collections import Counter

import pytest
from datasets import Dataset, Features, Image, Value
from PIL import Image as Pictures

from lit_dalle.data import HubSource, ImageTextDataModule, MixedSource, ParquetSource


def write(folder, name, numbers):
    content = {
        "image": [Pictures.new("RGB", (9, 7), (number, 0, 0)) for number in numbers],
        "text": [f"picture {number}" for number in numbers],
        "kind": ["odd" if number % 2 else "even" for number in numbers],
    }
    features = {"image": Image(), "text": Value("string"), "kind": Value("string")}
    folder.mkdir(exist_ok=True)
    Dataset.from_dict(content, features=Features(features)).to_parquet(folder / name)


@pytest.fixture
def folder(tmp_path):
    for shard in range(3):
        write(tmp_path / "set", f"train-{shard}.parquet", range(shard * 7, shard * 7 + 7))
    write(tmp_path / "set", "validation-0.parquet", range(30, 36))
    return tmp_path / "set"


def parquet(folder, **options):
    files = {split: str(folder / f"{split}-*.parquet") for split in ("train", "validation")}
    return ParquetSource(files, **options)


def captions(source, split="train", batch_size=3, **options):
    module = ImageTextDataModule(source, 16, batch_size=batch_size, **options)
    loader = module.train_dataloader() if split == "train" else module.val_dataloader()
    found = []
    for batch in loader:
        reds = (batch["images"][:, 0, 8, 8] * 255).round().int().tolist()
        assert batch["captions"] == [f"picture {red}" for red in reds]
        found += reds
    return found


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_every_row_once(folder, workers):
    streamed = parquet(folder, streaming=True)
    assert sorted(captions(streamed, num_workers=workers, shuffle_buffer=4)) == list(range(21))
    assert sorted(captions(parquet(folder), num_workers=workers)) == list(range(21))


def test_validation_is_in_order(folder):
    assert captions(parquet(folder, streaming=True), "validation") == list(range(30, 36))
    assert captions(parquet(folder, streaming=True), "validation", eval_limit=4) == [30, 31, 32, 33]


def test_a_folder_that_datasets_knows(folder):
    source = HubSource(str(folder), streaming=True)
    assert source.splits() == ("train", "validation")
    assert sorted(captions(source)) == list(range(21))


def test_captions_for_a_tokenizer(folder):
    texts = [f"picture {number}" for number in range(21)]
    assert list(parquet(folder, streaming=True).captions()) == texts
    both = MixedSource([parquet(folder, streaming=True), parquet(folder, streaming=True)])
    assert sorted(both.captions()) == sorted(texts * 2)


def test_a_mixture_of_streams(folder):
    both = MixedSource([parquet(folder, streaming=True)] * 2, weights=[1, 2])
    found = captions(both)
    assert len(found) == 63
    assert {found.count(number) for number in range(21)} == {3}


def test_no_mixture_of_streams_and_tables(folder):
    with pytest.raises(ValueError, match="of streams or of none"):
        MixedSource([parquet(folder, streaming=True), parquet(folder)])


def test_classes_that_are_words_are_refused(folder):
    source = parquet(folder, streaming=True, label_column="kind")
    with pytest.raises(ValueError, match="labels that are words, as in column 'kind'"):
        source.shards("train")


def test_a_stream_holds_nothing_out(folder):
    source = ParquetSource({"train": str(folder / "train-*.parquet")}, streaming=True)
    assert source.splits() == ("train",)
    with pytest.raises(ValueError, match="A stream holds nothing out"):
        source.shards("validation")


def test_filters(folder):
    narrow = parquet(folder, max_aspect_ratio=1.2)
    assert [note.kind for note in narrow.load("train")[0]["notes"]] == ["too narrow"]
    wordy = parquet(folder, min_caption_words=3)
    (note,) = wordy.load("train", pictures=False)[0]["notes"]
    assert (note.action, note.kind) == ("filtered", "caption too short")
    assert parquet(folder, max_aspect_ratio=1.3).load("train")[0]["notes"] == []


def test_a_stream_without_captions_is_told_before_training(folder, tokenizer_path):
    source = parquet(folder, streaming=True, image_column="image", caption_column=[])
    module = ImageTextDataModule(source, 16, tokenizer=tokenizer_path, text_len=8)
    with pytest.raises(ValueError, match="have no captions: say where they are"):
        module.train_dataloader()


def test_a_mixture_is_plain_in_a_checkpoint(folder):
    both = MixedSource([parquet(folder), parquet(folder)], weights=[1, 2])
    data = ImageTextDataModule(both, 16).hparams["data"]
    assert eval(repr(data)) == data
    part = data["source"]["init_args"]["sources"][0]
    assert part["class_path"] == "lit_dalle.data.table_sources.ParquetSource"


@pytest.mark.parametrize("streaming", [False, True])
def test_a_batch_of_a_mixture_has_the_fields_of_all_its_sources(folder, streaming):
    grouped = parquet(folder, group_column="kind", streaming=streaming)
    both = MixedSource([grouped, parquet(folder, streaming=streaming)])
    assert both.fields("train") == ("caption", "image", "notes")
    for batch in ImageTextDataModule(both, 16, batch_size=16).train_dataloader():
        assert set(batch) == {"index", "images", "captions"}
        assert len(batch["images"]) == len(batch["captions"]) == len(batch["index"])
    alike = MixedSource([grouped, parquet(folder, group_column="text", streaming=streaming)])
    for batch in ImageTextDataModule(alike, 16, batch_size=16).train_dataloader():
        assert len(batch["images"]) == len(batch["group_ids"]) == len(batch["index"])


@pytest.mark.parametrize("streaming", [False, True])
def test_a_source_of_a_mixture_without_captions_is_named(folder, tokenizer_path, streaming):
    silent = parquet(folder, caption_column=[], family_column="kind", streaming=streaming)
    both = MixedSource([parquet(folder, streaming=streaming), silent])
    module = ImageTextDataModule(both, 16, tokenizer=tokenizer_path, text_len=8)
    message = r"the rows of ParquetSource\(.*family_column='kind'.* have no captions: say where"
    with pytest.raises(ValueError, match=message):
        module.train_dataloader()
    with pytest.raises(ValueError, match=message):
        list(both.captions())


@pytest.mark.parametrize("streaming", [False, True])
def test_rows_are_chosen_by_their_columns(folder, streaming):
    odd = parquet(folder, streaming=streaming, where={"kind": "odd"})
    even = parquet(folder, streaming=streaming, where_not={"kind": ["odd", "none"]})
    assert captions(odd, "validation") == [31, 33, 35]
    assert captions(even, "validation") == [30, 32, 34]
    both = MixedSource([odd, even], weights=[2, 1])
    found = Counter(captions(both, batch_size=1, shuffle_buffer=4))
    assert found == {red: 2 if red % 2 else 1 for red in range(21)}


@pytest.mark.parametrize("streaming", [False, True])
def test_a_column_that_is_not_there_chooses_nothing(folder, streaming):
    source = parquet(folder, streaming=streaming, where={"sort": "odd"})
    with pytest.raises(ValueError, match=r"has no column 'sort'; it has image, text, kind$"):
        captions(source)


def test_a_choice_that_leaves_no_row_is_told(folder):
    with pytest.raises(ValueError, match=r"has 'blue' as its kind .* there are 'even', 'odd'$"):
        parquet(folder, where={"kind": "blue"}).load("train")
    everything = parquet(folder, where_not={"kind": ["odd", "even"]})
    with pytest.raises(ValueError, match="has something other than 'odd' or 'even' as its kind"):
        everything.load("train")

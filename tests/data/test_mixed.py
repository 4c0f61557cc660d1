"""Several sources as one: every row as often as its weight says."""

from collections import Counter

import pytest
from datasets import Dataset
from number_shards import NumberShards
from number_source import NumberSource

from lit_dalle.data import ImageTextDataModule, MixedSource, WorldSource
from lit_dalle.data.examples import BatchMaker, Shown
from lit_dalle.data.mixed import MixedShards, times
from lit_dalle.data.stream_loader import StreamLoader
from lit_dalle.data.streaming import Stream


def mixed(weights=None, sizes=(20, 8)):
    return MixedSource([NumberSource(rows=size) for size in sizes], weights=weights)


def epochs(source, count, batch_size=4):
    loader = ImageTextDataModule(source, 16, batch_size=batch_size).train_dataloader()
    found = []
    for epoch in range(count):
        loader.sampler.set_epoch(epoch)
        found.append(Counter(index for batch in loader for index in batch["index"].tolist()))
    return found


def test_without_weights_every_row_comes_once():
    assert epochs(mixed(), 1) == [Counter(range(28))]


def test_rows_are_those_of_their_source():
    rows = mixed().load("train")
    assert len(rows) == 28
    first, second = NumberSource(rows=20).load("train"), NumberSource(rows=8).load("train")
    for number, row in ((0, first[0]), (19, first[19]), (20, second[0]), (27, second[7])):
        found = rows[number]
        assert found["caption"] == row["caption"]
        assert found["image"].tobytes() == row["image"].tobytes()
        assert "label" not in found
    assert [row["caption"] for row in rows.select([21, 3])] == [
        second[1]["caption"],
        first[3]["caption"],
    ]


def test_weights_say_how_often_rows_come():
    (once,) = epochs(mixed([1, 3]), 1)
    assert once == Counter(range(20)) + Counter(dict.fromkeys(range(20, 28), 3))
    two = epochs(mixed([0.5, 1.5]), 2, batch_size=2)
    assert [sum(found.values()) for found in two] == [22, 22]
    assert two[0] + two[1] == Counter(range(20)) + Counter(dict.fromkeys(range(20, 28), 3))
    assert two[0] != two[1]


def test_validation_has_no_weights():
    module = ImageTextDataModule(mixed([1, 3]), 16, batch_size=4)
    assert sum(len(batch["index"]) for batch in module.val_dataloader()) == 28


@pytest.mark.parametrize("workers", [0, 2])
def test_streams_are_mixed_alike(workers):
    parts = [NumberShards([12, 12]), NumberShards([9])]
    shards = MixedShards(parts, [0.5, 2], ["family", "notes"])
    maker = BatchMaker(Shown(16, train=True))
    loader = StreamLoader(Stream(shards, maker, 3, buffer=7), workers)
    found = [Counter(i for batch in loader for i in batch["index"].tolist()) for _ in range(2)]
    for epoch in found:
        assert sum(epoch.values()) // 3 >= (18 + 9) // 3
    sums = found[0] + found[1]
    second = {index: count for index, count in sums.items() if index >> 40 == 2}
    assert set(second.values()) <= {3, 4}
    assert sum(second.values()) >= 4 * 9 - 4
    first = [count for index, count in sums.items() if index >> 40 < 2]
    assert set(first) == {1}
    assert len(first) >= 24 - 4


@pytest.mark.parametrize("weight", [0.25, 0.4, 1, 1.7, 3])
def test_times_are_even_over_epochs(weight):
    for offset in (0, 0.3, 0.99):
        counts = [times(weight, offset, epoch) for epoch in range(100)]
        assert abs(sum(counts) - 100 * weight) <= 1
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1], "a weight above 0 for each of its 2 sources"), ([1, 0], "got .1, 0.")],
)
def test_wrong_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        mixed(weights)


def test_no_sources():
    with pytest.raises(ValueError, match="at least one"):
        MixedSource([])


class WithoutCaptions(NumberSource):
    """Rows of which nothing is said, with notes."""

    def load(self, split, *, pictures=True):
        def read(batch):
            rows = whole[batch["number"]]
            shown = {name: rows[name] for name in ("image",) if name in rows}
            return shown | {"notes": [[] for _ in batch["number"]], "label": rows["label"]}

        whole = super().load(split, pictures=pictures)
        return Dataset.from_dict({"number": list(range(self.rows))}).with_transform(read)

    def __repr__(self):
        return "the source without captions"


def test_rows_have_the_fields_that_all_sources_have_whoever_stands_beside_them():
    both = MixedSource([NumberSource(rows=20), WithoutCaptions(rows=8)])
    assert both.fields("train") == ("image", "notes")
    rows = both.load("train")
    for some in ([0, 1], [20, 21], [0, 20]):
        assert rows[some] == {"image": rows[some]["image"], "notes": [[], []]}
    assert set(mixed().load("train", pictures=False)[0]) == {"caption", "group", "family", "scene"}


def test_a_source_without_captions_is_named_before_training(tokenizer_path):
    both = MixedSource([NumberSource(rows=20), WithoutCaptions(rows=8)])
    message = "text is needed, and the rows of the source without captions have no captions"
    with pytest.raises(ValueError, match=message):
        ImageTextDataModule(both, 16, tokenizer=tokenizer_path, text_len=8).train_dataloader()
    with pytest.raises(ValueError, match=message):
        list(both.captions())
    for batch in ImageTextDataModule(both, 16, batch_size=7).train_dataloader():
        assert set(batch) == {"index", "images"}


def test_the_first_rows_of_evaluation_are_of_all_sources():
    both = mixed([1, 3])
    rows = both.load("validation")
    assert len(rows) == 28
    reds = [row["image"].getpixel((0, 0))[0] for row in rows.select(range(7))]
    assert reds == [0, 0, 1, 2, 3, 1, 4], "five of the twenty, two of the eight"
    pictures = both.picture_rows("validation")
    assert [row["image"].tobytes() for row in pictures] == [row["image"].tobytes() for row in rows]
    assert set(pictures[0]) == {"image", "notes"}
    assert both.fingerprint("validation") != "+".join(["numbers-validation"] * 2)


def test_a_source_whose_rows_come_in_blocks_is_refused():
    with pytest.raises(ValueError, match=r"WorldSource\(.* come in blocks of 3 .* set foils to 0"):
        MixedSource([WorldSource(size=6, foils=2), WorldSource(size=6)])

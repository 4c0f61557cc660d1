import pickle

import pytest
import torch
from number_source import NumberSource

from lit_dalle.data.pictures import to_uint8
from lit_dalle.data.prepared import prepare_split


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("workers", [0, 2])
def test_pictures_and_rows_are_those_of_the_source(workers):
    source = NumberSource(rows=150)
    prepared = prepare_split(source, "train", 16, num_workers=workers)
    rows = source.load("train")
    assert len(prepared.rows) == 150
    for number in (0, 64, 149):
        row = dict(rows[number])
        assert torch.equal(prepared.pictures([number])[0], to_uint8(row.pop("image")))
        assert prepared.rows[number] == row


def test_an_interrupted_run_leaves_nothing(source, cache_folder, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lit_dalle.data.prepared._write_table", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare_split(source, "train", 16)
    assert list((cache_folder / "lit_dalle").iterdir()) == []
    assert len(prepare_split(source, "train", 16).rows) == 40


def test_what_differs_is_kept_apart(source, cache_folder):
    for options in ({}, {"rows": 10}, {"resizing": "clip"}, {"rows": 40}, {"rows": 99}):
        prepare_split(source, "train", 16, **options)
    prepare_split(source, "train", 8)
    prepare_split(source, "validation", 16)
    assert len(list((cache_folder / "lit_dalle").iterdir())) == 5


def test_it_travels_to_other_processes_as_its_folder(source):
    prepared = prepare_split(source, "train", 16)
    assert len(pickle.dumps(prepared)) < 1000
    copy = pickle.loads(pickle.dumps(prepared))
    assert torch.equal(copy.pictures([3, 1]), prepared.pictures([3, 1]))


def test_rows_without_anything_but_pictures(source):
    images = NumberSource.load(source, "train")
    read = images._format_kwargs["transform"]
    source.load = lambda split, pictures=True: images.with_transform(
        lambda batch: {"image": read(batch)["image"]}
    )
    assert len(prepare_split(source, "train", 16).rows) == 40

import json
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from number_source import SIDE, NumberSource, picture_of

from lit_dalle.data import (
    CaptionTokenizer,
    FolderSource,
    ImageTextDataModule,
    MixedSource,
    WorldSource,
)
from lit_dalle.data.draws import hashed_text
from lit_dalle.data.image_tokens import Encoding, write_image_tokens
from lit_dalle.data.loader import make_loader
from lit_dalle.data.notes import SHORT_CAPTION, Note

FORKING = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def data(source, **options):
    return ImageTextDataModule(source, **({"image_size": SIDE, "batch_size": 8} | options))


def with_text(source, path, **options):
    return data(source, tokenizer=path, text_len=12, **options)


def first(loader):
    return next(iter(loader))


def all_of(loader, key):
    return [value for batch in loader for value in batch[key]]


def test_a_batch_has_the_agreed_form(source, tokenizer_path):
    batch = first(with_text(source, tokenizer_path, append_eos=True).train_dataloader())
    assert set(batch) == {
        "images",
        "text_tokens",
        "captions",
        "index",
        "labels",
        "group_ids",
        "family",
    }
    assert (batch["images"].dtype, batch["images"].shape) == (torch.float32, (8, 3, SIDE, SIDE))
    assert (batch["text_tokens"].dtype, batch["text_tokens"].shape) == (torch.int64, (8, 12))
    for place, index in enumerate(batch["index"].tolist()):
        expected = torch.tensor([*picture_of(index).getpixel((0, 0))]) / 255
        assert torch.equal(batch["images"][place, :, 3, 4], expected)
        assert batch["captions"][place].split()[1] == str(index)
        assert batch["labels"][place] == index % 3
        assert batch["group_ids"][place] == hashed_text(str(index % 7))
        assert batch["family"][place] == ("odd" if index % 2 else "even")


def test_keys_that_neither_source_nor_stage_has_are_absent(source):
    read = NumberSource.load(source, "train")._format_kwargs["transform"]
    rows = NumberSource.load(source, "train").with_transform(
        lambda batch: {"image": read(batch)["image"]}
    )
    source.load = lambda split, pictures=True: rows
    assert set(first(data(source, keep_scenes=True).val_dataloader())) == {"images", "index"}


def test_every_row_comes_once_an_epoch_whatever_the_workers(source):
    assert sorted(all_of(data(source).train_dataloader(), "index")) == list(range(40))


@FORKING
def test_workers_change_nothing(source, tokenizer_path):
    def batches(workers):
        module = with_text(
            source, tokenizer_path, num_workers=workers, bpe_dropout=0.3, augmentation="dvae"
        )
        loader = module.train_dataloader()
        found = []
        for epoch in range(2):  # the second is read by workers that are still alive
            loader.sampler.set_epoch(epoch)
            found += list(loader)
        return found

    alone, shared = batches(0), batches(2)
    assert len(alone) == len(shared) == 10
    for one, other in zip(alone, shared, strict=True):
        assert one["captions"] == other["captions"]
        for key in ("index", "images", "text_tokens"):
            assert torch.equal(one[key], other[key])
    assert not torch.equal(alone[0]["text_tokens"], alone[5]["text_tokens"])


def test_a_row_s_draws_do_not_depend_on_its_batch(source, tokenizer_path):
    def row(batch_size):
        module = with_text(
            source, tokenizer_path, batch_size=batch_size, bpe_dropout=0.5, augmentation="prior"
        )
        for batch in module.train_dataloader():
            if 17 in batch["index"]:
                place = batch["index"].tolist().index(17)
                return batch["captions"][place], batch["text_tokens"][place]
        return None

    (caption, tokens), (other_caption, other_tokens) = row(4), row(10)
    assert caption == other_caption
    assert torch.equal(tokens, other_tokens)


def test_one_of_several_captions_is_drawn_in_training_and_the_first_elsewhere(source):
    module = data(source)
    loader = module.train_dataloader()
    drawn = set()
    for epoch in range(8):
        loader.sampler.set_epoch(epoch)
        drawn.add(tuple(sorted(all_of(loader, "captions"))))
    assert len(drawn) == 8
    words = [caption.split()[0] for captions in drawn for caption in captions]
    assert 0.4 < words.count("number") / len(words) < 0.6
    assert all_of(module.val_dataloader(), "captions") == [f"picture {i}" for i in range(40)]


def test_evaluation_is_complete_in_order_and_limited(source):
    module = data(source, eval_batch_size=6, eval_limit=15, keep_scenes=True)
    batches = list(module.val_dataloader())
    assert [len(batch["index"]) for batch in batches] == [6, 6, 3]
    assert all_of(batches, "index") == list(range(15))
    assert json.loads(batches[0]["scenes"][4]) == {"number": 4}
    assert "scenes" not in first(module.train_dataloader())


def test_test_takes_the_splits_there_are():
    names = ("train", "validation", "held_out")
    module = data(NumberSource(names=names))
    assert module.test_splits() == ("held_out",)
    assert len(module.test_dataloader()) == 1


def test_kept_pictures_are_the_drawn_ones_and_are_drawn_once(source, tokenizer_path):
    plain = list(with_text(source, tokenizer_path).train_dataloader())
    drawn = source.drawn
    for _ in range(2):
        kept = list(with_text(source, tokenizer_path, cache=True).train_dataloader())
        for one, other in zip(plain, kept, strict=True):
            assert one["captions"] == other["captions"]
            assert torch.equal(one["images"], other["images"])
            assert torch.equal(one["group_ids"], other["group_ids"])
        assert source.drawn == drawn + 40
    kept = list(data(source, cache=True, augmentation="dvae").train_dataloader())
    assert source.drawn > drawn + 40, "augmented pictures are not kept"


def encoded(folder, rows, split="train", **changes):
    facts = {"dvae_hash": "a", "source": rows.fingerprint(split), "image_size": SIDE}
    encoding = Encoding(**(facts | changes), rows=rows.rows, tokens=4)
    (folder / split).mkdir(parents=True)
    tokens = torch.arange(rows.rows * 4).reshape(-1, 4)
    write_image_tokens(folder / split, tokens.split(16), encoding)
    return str(folder)


def test_image_tokens_stand_in_for_pictures(source, tokenizer_path, tmp_path):
    folder = encoded(tmp_path / "tokens", source)
    encoded(tmp_path / "tokens", source, "validation")
    module = with_text(source, tokenizer_path, image_tokens=folder, cache=True)
    for batch in (first(module.train_dataloader()), first(module.val_dataloader())):
        assert "images" not in batch
        assert torch.equal(batch["image_tokens"], batch["index"][:, None] * 4 + torch.arange(4))
    assert source.drawn == 0
    assert module.dvae_hash == "a"
    both = data(source, image_tokens=folder, keep_images=True)
    assert {"images", "image_tokens"} <= set(first(both.train_dataloader()))


def test_image_tokens_of_two_dvaes_are_refused(source, tmp_path):
    folder = encoded(tmp_path / "tokens", source, dvae_hash="new")
    assert data(source, image_tokens=folder).dvae_hash == "new"
    encoded(tmp_path / "tokens", source, "validation", dvae_hash="old")
    with pytest.raises(ValueError, match=r"not of one dVAE: train new, validation old; encode all"):
        _ = data(source, image_tokens=folder).dvae_hash


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "other"}, "made with source other, now it is numbers-train"),
        ({"image_size": 8}, "made with image_size 8, now it is 16"),
    ],
)
def test_stale_image_tokens_are_refused(source, tmp_path, changes, message):
    folder = encoded(tmp_path / "tokens", source, **changes)
    with pytest.raises(ValueError, match=message):
        data(source, image_tokens=folder).train_dataloader()


@pytest.mark.parametrize("cache", [False, True])
def test_a_batch_holds_whole_blocks_of_a_scene_and_its_foils(cache):
    source = WorldSource(size=48, eval_size=4, families=("stack", "count"), foils=3)
    module = data(source, image_size=64, batch_size=12, cache=cache)
    for batch in module.train_dataloader():
        starts = batch["index"][::4]
        assert torch.equal(batch["index"], (starts[:, None] + torch.arange(4)).reshape(-1))
        groups = batch["group_ids"].reshape(3, 4)
        assert all(len(block.unique()) == 4 for block in groups)
        assert all(len(set(batch["family"][at : at + 4])) == 1 for at in range(0, 12, 4))


def test_image_tokens_of_other_foils_are_refused(tmp_path):
    made, wanted = (WorldSource(size=8, foils=foils) for foils in (1, 3))
    facts = Encoding("a", made.fingerprint("train"), 64, rows=8, tokens=4)
    (tmp_path / "train").mkdir()
    write_image_tokens(tmp_path / "train", [torch.zeros(8, 4)], facts)
    data(made, image_size=64, image_tokens=str(tmp_path)).train_dataloader()
    with pytest.raises(ValueError, match=r"image tokens in .* made with source"):
        data(wanted, image_size=64, image_tokens=str(tmp_path)).train_dataloader()


def test_missing_image_tokens_are_told(source, tmp_path):
    with pytest.raises(FileNotFoundError, match="lit-dalle prepare tokens"):
        data(source, image_tokens=str(tmp_path)).train_dataloader()


@pytest.mark.parametrize("path", [None, "nowhere/tokenizer.json"])
def test_a_missing_tokenizer_is_told(source, path):
    with pytest.raises(FileNotFoundError, match="lit-dalle prepare tokenizer"):
        data(source, tokenizer=path, text_len=8).train_dataloader()


def test_a_tokenizer_that_is_named_and_not_there_is_told_before_anything_is_drawn(source):
    module = data(source, tokenizer="nowhere/tokenizer.json", text_len=8, cache=True)
    module.trainer = SimpleNamespace(state=SimpleNamespace(fn=SimpleNamespace(value="fit")))
    with pytest.raises(FileNotFoundError, match="lit-dalle prepare tokenizer"):
        module.prepare_data()
    assert source.drawn == 0


def test_a_text_stage_without_captions_is_told(source, tokenizer_path):
    rows = NumberSource.load(source, "train").with_transform(
        lambda batch: {"image": [picture_of(number) for number in batch["number"]]}
    )
    source.load = lambda split, pictures=True: rows
    assert "captions" not in first(data(source).train_dataloader())
    with pytest.raises(ValueError, match=r"text is needed, .* have no captions"):
        with_text(source, tokenizer_path).train_dataloader()


def test_long_captions_are_cut_or_told(source, tokenizer_path):
    options = {"tokenizer": tokenizer_path, "text_len": 3}
    assert first(data(source, **options).train_dataloader())["text_tokens"].shape == (8, 3)
    strict = data(source, long_captions="error", **options)
    with pytest.raises(ValueError, match="there is room for 2: shorten '"):
        list(strict.train_dataloader())


@FORKING
@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("cache", [False, True])
def test_an_unreadable_picture_is_one_line_out_of_workers_too(tmp_path, workers, cache):
    for number in range(4):
        picture_of(number).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"no picture")
    source = FolderSource(str(tmp_path), validation_share=0.0)
    options = {"batch_size": 2, "num_workers": workers, "cache": cache}
    with pytest.raises(
        ValueError, match=r"^1 rows of train cannot be used, more than the share of 0 that"
    ) as caught:
        list(data(source, max_bad_share=0.0, **options).train_dataloader())
    assert "\n" not in str(caught.value)
    assert "most often not a picture: cannot read the picture" in str(caught.value)
    module = data(source, max_bad_share=0.3, **options)
    batches = list(module.train_dataloader())
    assert [len(batch["index"]) for batch in batches] == [2, 2]
    assert {index for batch in batches for index in batch["index"].tolist()} <= {0, 1, 3}
    assert all("read" not in batch for batch in batches)
    assert module.ledgers["train"].counts == {"read": 4, "skipped/not a picture": 1}


class Holed(NumberSource):
    """Of its rows some are filtered out."""

    def __init__(self, rows, bad):
        super().__init__(rows)
        self.bad = bad

    def load(self, split, *, pictures=True):
        rows = super().load(split, pictures=pictures)
        read = rows._format_kwargs["transform"]
        note = Note("filtered", SHORT_CAPTION, "there", "it says little")
        return rows.with_transform(
            lambda batch: (
                read(batch) | {"notes": [[note] * (n in self.bad) for n in batch["number"]]}
            )
        )


@FORKING
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("bad", [{3, 17}, set(range(30))])
def test_other_rows_take_the_places_of_those_that_cannot_be_used(tokenizer_path, bad, workers):
    module = with_text(Holed(40, bad), tokenizer_path, batch_size=2, num_workers=workers)
    loader = module.train_dataloader()
    batches = list(loader)
    assert len(batches) == len(loader) == 20
    shown = Counter(index for batch in batches for index in batch["index"].tolist())
    assert set(shown) == set(range(40)) - bad
    assert sum(shown.values()) == 40
    for batch in batches:
        for index, caption in zip(batch["index"].tolist(), batch["captions"], strict=True):
            assert caption.split()[1] == str(index)
        reds = (batch["images"][:, 0, 0, 0] * 255).round().long()
        assert torch.equal(reds, batch["index"])
    assert module.ledgers["train"].counts == {
        "read": 40,
        f"filtered/{SHORT_CAPTION}": len(bad),
    }
    left = all_of(with_text(Holed(40, bad), tokenizer_path).val_dataloader(), "index")
    assert left == sorted(set(range(40)) - bad)


def test_which_rows_take_places_depends_on_no_batch_and_no_process(tokenizer_path):
    def shown(batch_size, world_size):
        found = []
        for rank in range(world_size):
            module = with_text(Holed(48, set(range(0, 48, 3))), tokenizer_path, bpe_dropout=0.5)
            module.batch_size = batch_size
            module.trainer = SimpleNamespace(global_rank=rank, world_size=world_size)
            for batch in module.train_dataloader():
                fields = (batch["index"].tolist(), batch["captions"], batch["text_tokens"].tolist())
                found += list(zip(*fields, strict=True))
        return sorted(found)

    assert shown(8, 1) == shown(4, 2) == shown(16, 1)


def test_a_row_shows_something_else_each_time_that_it_comes():
    """Also within an epoch: by its weight, and in the place of a row that cannot be used."""
    often = MixedSource([NumberSource(rows=2)], weights=[16])
    for source, rows in ((often, 2), (Holed(32, set(range(2, 32))), 2)):
        loader = data(source).train_dataloader()
        captions = all_of(loader, "captions")
        for row in range(rows):
            first = captions.count(f"picture {row}")
            assert 0 < first < captions.count(f"number {row}") + first


def test_a_split_without_a_row_to_use_ends_training_with_one_line():
    module = data(Holed(40, set(range(40))))
    with pytest.raises(ValueError, match=r"^train does not fill a batch: 8 rows read, of which 8 "):
        list(module.train_dataloader())
    assert list(module.val_dataloader()) == []


def test_the_tokenizer_travels_in_the_state(source, tokenizer_path):
    state = with_text(source, tokenizer_path).state_dict()
    other = data(source, text_len=12)
    other.load_state_dict(state)
    assert other.tokenizer.to_json() == state["tokenizer"]
    assert other.tokenizer.words == state["words"] != []
    assert "text_tokens" in first(other.train_dataloader())
    assert data(source).state_dict() == {}


def test_a_checkpoint_s_other_tokenizer_is_refused(source, tokenizer_path):
    state = with_text(source, tokenizer_path).state_dict()
    longer = data(source, tokenizer=tokenizer_path, text_len=13)
    with pytest.raises(ValueError, match=r"another tokenizer than .* with text_len 13"):
        longer.load_state_dict(state)
    CaptionTokenizer.train(["something else"], 300).save(tokenizer_path)
    with pytest.raises(ValueError, match="another tokenizer"):
        with_text(source, tokenizer_path).load_state_dict(state)


def test_the_settings_in_a_checkpoint_are_plain():
    source = WorldSource(size=10, families=("stack",))
    saved = ImageTextDataModule(source, batch_size=5).hparams["data"]
    assert saved["batch_size"] == 5
    assert saved["source"]["class_path"] == "lit_dalle.data.world_source.WorldSource"
    assert saved["source"]["init_args"]["families"] == ("stack",)
    json.dumps(saved)


def test_processes_take_shares(source):
    seen = []
    for rank in range(2):
        module = data(source, batch_size=4)
        module.trainer = SimpleNamespace(global_rank=rank, world_size=2)
        seen += all_of(module.train_dataloader(), "index")
    assert sorted(seen) == list(range(40))


def test_a_missing_split_is_told():
    with pytest.raises(ValueError, match="has no validation split; it has train"):
        data(NumberSource(names=("train",))).val_dataloader()


def test_examples_make_batches_of_plain_indices_too(source):
    loader = make_loader(data(source).examples("validation"), 3, train=False)
    assert loader.dataset[5]["captions"] == ["picture 5"]

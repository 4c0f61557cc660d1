"""Encoding of a data set: what is made, what is made again, and what is kept."""

import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pytest
import torch
from encoding_process import Grey, failing, killed
from PIL import Image

from lit_dalle.data import FolderSource, ImageTextDataModule, ParquetSource, WorldSource
from lit_dalle.data.image_tokens import ImageTokens
from lit_dalle.generation import encode_dataset as encode_dataset_module
from lit_dalle.generation import encode_parts
from lit_dalle.generation.encode_dataset import Encoded, encode_dataset
from lit_dalle.generation.encode_parts import FrozenEncoder, devices_of
from lit_dalle.generation.export import save_model

SCRIPT = Path(__file__).parents[1] / "encoding_process.py"
ROWS = 30
SETTINGS = {"splits": ["train"], "batch_size": 2, "rows_per_part": 4}
"""Eight parts, the last of two rows."""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(folder))


@pytest.fixture
def pictures(tmp_path):
    """Thirty pictures in a folder; which of them are no pictures a test may decide."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    draws = np.random.default_rng(0)
    for number in range(ROWS):
        pixels = draws.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    return folder


def source_of(pictures):
    return FolderSource(str(pictures), validation_share=0.0)


def encoded(pictures, out, dvae=None, name="a", **settings):
    dvae = dvae or Grey()
    return encode_dataset(source_of(pictures), dvae.frozen(name), out, **(SETTINGS | settings))


def counted(found):
    """Rows and those without tokens, by split."""
    return {split: (done.rows, done.missing) for split, done in found.items()}


def naive(pictures):
    """Tokens of every picture, one by one."""
    paths = sorted(pictures.glob("*.png"))
    arrays = [np.array(Image.open(path)) for path in paths]
    images = [torch.from_numpy(array).permute(2, 0, 1) / 255 for array in arrays]
    return torch.cat([Grey().encode(image[None]) for image in images])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_tokens_are_those_of_a_plain_loop(pictures, tmp_path):
    out = tmp_path / "tokens"
    assert encoded(pictures, out) == {"train": Encoded(rows=ROWS, missing=0, report="")}
    assert names(out) == ["train"]
    assert names(out / "train") == ["encoding.json", *(f"part-0000{n}.arrow" for n in range(8))]
    assert torch.equal(ImageTokens(out / "train")[range(ROWS)], naive(pictures))


def test_tokens_are_those_of_encoding_on_the_fly(tmp_path):
    world, dvae = WorldSource(size=30, eval_size=20), Grey()
    frozen = FrozenEncoder(lambda device: dvae, "a", image_size=64, tokens=64, codebook_size=256)
    found = encode_dataset(world, frozen, tmp_path / "tokens", eval_limit=10, batch_size=8)
    assert counted(found) == {"train": (30, 0), "validation": (10, 0)}
    module = ImageTextDataModule(
        world,
        batch_size=10,
        image_tokens=str(tmp_path / "tokens"),
        keep_images=True,
        eval_limit=10,
    )
    for loader in (module.train_dataloader(), module.val_dataloader()):
        for batch in loader:
            assert torch.equal(batch["image_tokens"], dvae.encode(batch["images"]))
    assert module.dvae_hash == "a"


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_rows_that_cannot_be_read_have_no_tokens(pictures, tmp_path, workers):
    expected = naive(pictures)
    bad = [3, 8, 9, 10, 11, 29]  # one in a batch, all of a part, the very last
    for number in bad:
        (pictures / f"{number:02d}.png").write_bytes(b"no picture")
    found = encoded(pictures, tmp_path / "tokens", num_workers=workers)
    assert counted(found) == {"train": (ROWS, len(bad))}
    tokens = ImageTokens(tmp_path / "tokens/train")
    known = tokens.known(range(ROWS))
    assert (~known).nonzero().flatten().tolist() == bad
    assert torch.equal(tokens[known.nonzero().flatten().tolist()], expected[known])


def test_a_split_without_a_picture_is_told_and_leaves_nothing(pictures, tmp_path):
    for path in pictures.glob("*.png"):
        path.write_bytes(b"no picture")
    message = r"none of the 30 pictures of train can be used: cannot read the picture \S*00\.png"
    with pytest.raises(ValueError, match=message):
        encoded(pictures, tmp_path / "tokens")
    assert names(tmp_path / "tokens") == []


def test_a_split_whose_pictures_are_all_filtered_says_so(pictures, tmp_path):
    source = FolderSource(str(pictures), validation_share=0.0, max_aspect_ratio=0.5)
    with pytest.raises(ValueError, match=r"none of the 30 .* is 16×16, narrower than 1:0\.5"):
        encode_dataset(source, Grey().frozen(), tmp_path / "tokens", **SETTINGS)


NARROW = [1, 8, 9, 10, 11, 28]
"""Rows of :func:`narrow`; four of them are all of a part."""


@pytest.fixture
def narrow(pictures):
    """The pictures, a fifth of them narrow, one damaged, with captions of one and two words."""
    for number in NARROW:
        Image.new("RGB", (48, 16)).save(pictures / f"{number:02d}.png")
    (pictures / "03.png").write_bytes(b"no picture")
    lines = [f"{n:02d}.png,{'star' if n % 2 else 'red star'}" for n in range(ROWS)]
    (pictures / "metadata.csv").write_text("\n".join(["file_name,text", *lines]))
    return pictures


def filtering(pictures, **options):
    return FolderSource(str(pictures), validation_share=0.0, max_aspect_ratio=2, **options)


def test_captions_leave_no_row_without_tokens(narrow, tmp_path):
    dvae = Grey()
    for least in (2, 0):
        wanted = filtering(narrow, min_caption_words=least)
        encode_dataset(wanted, dvae.frozen(), tmp_path / "tokens", **SETTINGS)
        assert dvae.calls == 13, "two batches have narrow pictures alone; and once serves both"
    tokens = ImageTokens(tmp_path / "tokens/train")
    assert (~tokens.known(range(ROWS))).nonzero().flatten().tolist() == sorted([*NARROW, 3])
    (narrow / "metadata.csv").write_text("file_name,text\n29.png,another\n")
    with pytest.raises(ValueError, match="made with source"):
        tokens.check(source=filtering(narrow).picture_fingerprint("train"))  # in another order
    lines = [f"{n:02d}.png,another" for n in range(ROWS)]
    (narrow / "metadata.csv").write_text("\n".join(["file_name,text", *lines]))
    tokens.check(source=filtering(narrow).picture_fingerprint("train"))


@pytest.mark.parametrize("ranks", [1, 2])
def test_rows_without_tokens_are_told_by_kind(narrow, tmp_path, monkeypatch, ranks):
    monkeypatch.setenv("WORLD_SIZE", str(ranks))
    for rank in range(ranks):
        monkeypatch.setenv("RANK", str(rank))
        found = encode_dataset(filtering(narrow), Grey().frozen(), tmp_path / "tokens", **SETTINGS)
    assert counted(found) == {"train": (ROWS, 7)}
    whole, filtered, skipped = found["train"].report.splitlines()
    assert whole == "train: 30 rows read, of which"
    assert filtered.strip().startswith("6 filtered: too narrow — row 1 of ")
    assert filtered.endswith("is 48×16, narrower than 1:2")
    assert skipped.strip().startswith("1 skipped: not a picture — cannot read the picture")


def test_what_was_filtered_is_not_what_cannot_be_used(narrow, tmp_path):
    source = filtering(narrow)
    encode_dataset(source, Grey().frozen(), tmp_path / "tokens", **SETTINGS)
    module = ImageTextDataModule(
        source, 16, batch_size=5, image_tokens=str(tmp_path / "tokens"), max_bad_share=0.1
    )
    shown = {index for b in module.train_dataloader() for index in b["index"].tolist()}
    assert not shown & {*NARROW, 3}
    counts = dict(module.ledgers["train"].counts)
    assert counts == {"read": 30, "filtered/too narrow": 6, "skipped/not a picture": 1}


def test_parts_that_do_not_say_why_rows_have_no_tokens_are_encoded_again(narrow, tmp_path):
    source, out = filtering(narrow), tmp_path / "tokens"
    first = encode_dataset(source, Grey().frozen(), out, **SETTINGS)
    path = out / "train" / "part-00000.arrow"
    table = pa.ipc.open_file(str(path)).read_all().select(["image_tokens"])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    assert encode_dataset(source, Grey().frozen(), out, **SETTINGS) == first


def test_what_is_there_is_not_encoded_again_unless_it_is_stale(pictures, tmp_path):
    dvae = Grey()
    for name, calls in (("a", 15), ("a", 15), ("b", 30)):
        encoded(pictures, tmp_path / "tokens", dvae, name)
        assert dvae.calls == calls
        assert ImageTokens(tmp_path / "tokens/train").encoding.dvae_hash == name
    Image.new("RGB", (16, 16)).save(pictures / "30.png")
    assert counted(encoded(pictures, tmp_path / "tokens", dvae, "b")) == {"train": (31, 0)}
    assert names(tmp_path / "tokens") == ["train"]


class Stops(Grey):
    """Interrupted in the middle of the third part."""

    def encode(self, images):
        if self.calls == 5:
            raise KeyboardInterrupt
        return super().encode(images)


def test_an_interrupted_run_leaves_what_was_there_and_goes_on(pictures, tmp_path):
    out = tmp_path / "tokens"
    encoded(pictures, out, name="old")
    with pytest.raises(KeyboardInterrupt):
        encoded(pictures, out, Stops(), "stopped")
    assert ImageTokens(out / "train").encoding.dvae_hash == "old"
    with pytest.raises(KeyboardInterrupt):
        encoded(pictures, out, Stops())
    assert len(names(out)) == 3, "a work folder for each key, and the old tokens"
    dvae = Grey()
    encoded(pictures, out, dvae)
    assert dvae.calls == 15 - 4, "two parts of two batches each were there"
    assert names(out) == ["train"], "what other runs left is gone"
    assert torch.equal(ImageTokens(out / "train")[range(ROWS)], naive(pictures))


def test_damaged_parts_are_encoded_again(pictures, tmp_path):
    out = tmp_path / "tokens"
    with pytest.raises(KeyboardInterrupt):
        encoded(pictures, out, Stops())
    (work,) = out.iterdir()
    (work / "part-00001.arrow").write_bytes(b"ARROW1")
    for calls in (15 - 2, 15):
        dvae = Grey()
        encoded(pictures, out, dvae)
        assert dvae.calls == calls
        assert torch.equal(ImageTokens(out / "train")[range(ROWS)], naive(pictures))
        (out / "train" / "part-00004.arrow").write_bytes(b"")


def test_of_two_ranks_that_find_all_parts_one_finishes(pictures, tmp_path, monkeypatch):
    begun, whole_folder = [], encode_dataset_module.whole_folder

    @contextmanager
    def overtaken(target, marker):
        begun.append(target)
        if len(begun) == 1:
            encoded(pictures, tmp_path / "tokens", other)
        with whole_folder(target, marker) as new:
            yield new

    monkeypatch.setattr(encode_dataset_module, "whole_folder", overtaken)
    one, other = Grey(), Grey()
    assert counted(encoded(pictures, tmp_path / "tokens", one)) == {"train": (ROWS, 0)}
    assert (one.calls, other.calls, len(begun)) == (15, 0, 2)
    assert names(tmp_path / "tokens") == ["train"]
    assert torch.equal(ImageTokens(tmp_path / "tokens/train")[range(ROWS)], naive(pictures))


def test_a_killed_run_goes_on(pictures, tmp_path):
    out = tmp_path / "tokens"
    process = subprocess.Popen([sys.executable, SCRIPT, pictures, out])
    try:
        while not list(out.glob(".train.*.tokens/part-00001.arrow")):
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    (work,) = out.iterdir()
    there = len(list(work.glob("part-*.arrow")))
    assert 2 <= there < 8
    (work / ".part-00007.arrow.0.part").write_bytes(b"half a part")
    dvae = Grey()
    encoded(pictures, out, dvae)
    assert dvae.calls == 15 - 2 * there
    assert names(out) == ["train"]
    assert len(names(out / "train")) == 9
    assert torch.equal(ImageTokens(out / "train")[range(ROWS)], naive(pictures))


@pytest.fixture
def real(tiny_nets, tmp_path):
    """An exported dVAE of 16 tokens a picture."""
    save_model(tiny_nets.dvae, tmp_path / "dvae")
    return FrozenEncoder.of(tmp_path / "dvae")


def test_two_processes_make_the_tokens_of_one(pictures, tmp_path, real):
    (pictures / "07.png").write_bytes(b"no picture")
    source = source_of(pictures)
    found = [
        encode_dataset(source, real, tmp_path / f"{processes}", processes=processes, **SETTINGS)
        for processes in (1, 2)
    ]
    assert [counted(done) for done in found] == [{"train": (ROWS, 1)}] * 2
    for path in (tmp_path / "1/train").iterdir():
        assert path.read_bytes() == (tmp_path / "2/train" / path.name).read_bytes(), path.name


def test_the_error_of_a_process_is_that_of_the_command(pictures, tmp_path, real):
    shutil.rmtree(tmp_path / "dvae")
    with pytest.raises(FileNotFoundError, match=r"no folder \S*dvae: give the folder"):
        encode_dataset(source_of(pictures), real, tmp_path / "out", processes=2, **SETTINGS)


@pytest.mark.parametrize(
    ("load", "error", "message"),
    [
        (failing, RuntimeError, "Traceback .*in failing.*KeyError: 'a fault'"),
        (killed, ValueError, "ended with code -9, as happens when memory is short: take fewer"),
    ],
)
def test_a_process_that_fails_or_is_killed_is_told(pictures, tmp_path, load, error, message):
    frozen = FrozenEncoder(load, "a", image_size=16, tokens=4, codebook_size=256)
    with pytest.raises(error, match=f"(?s){message}"):
        encode_dataset(source_of(pictures), frozen, tmp_path / "out", processes=2, **SETTINGS)


def test_ranks_share_the_parts_and_the_last_one_finishes(pictures, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    calls = []
    for rank in (2, 0, 1):
        monkeypatch.setenv("RANK", str(rank))
        dvae = Grey()
        found = encoded(pictures, tmp_path / "tokens", dvae)
        calls.append(dvae.calls)
        assert counted(found) == ({"train": (ROWS, 0)} if rank == 1 else {})
    assert calls == [4, 6, 5], "parts 2 and 5; 0, 3 and 6; 1, 4 and the short 7"
    assert names(tmp_path / "tokens") == ["train"]
    assert torch.equal(ImageTokens(tmp_path / "tokens/train")[range(ROWS)], naive(pictures))


@pytest.mark.parametrize(("rank", "size"), [("2", "2"), ("-1", "2"), ("one", "2"), ("1", "")])
def test_ranks_that_make_no_sense_are_told(pictures, tmp_path, monkeypatch, rank, size):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", size)
    with pytest.raises(ValueError, match=f"RANK is {rank} and WORLD_SIZE is {size} in the env"):
        encoded(pictures, tmp_path / "tokens")


def test_processes_take_the_gpus_in_turn(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    cpu, cuda, second = map(torch.device, ("cpu", "cuda", "cuda:1"))
    assert devices_of(cpu, 2) == [cpu, cpu]
    assert devices_of(second, 2) == [second, second]
    assert [device.index for device in devices_of(cuda, 4)] == [0, 1, 2, 0]
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert [device.index for device in devices_of(cuda, 2)] == [2, 0]


def test_a_foreign_folder_is_left_alone(pictures, tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "letter.txt").write_text("dear")
    dvae = Grey()
    with pytest.raises(ValueError, match="holds something else"):
        encoded(pictures, tmp_path, dvae)
    assert (dvae.calls, names(tmp_path / "train")) == (0, ["letter.txt"])


def test_a_split_that_is_not_there_is_told_before_anything_is_encoded(pictures, tmp_path):
    dvae = Grey()
    with pytest.raises(ValueError, match="has no validation split"):
        encoded(pictures, tmp_path / "tokens", dvae, splits=["train", "validation"])
    assert dvae.calls == 0


def test_a_stream_is_refused(tmp_path):
    stream = ParquetSource({"train": str(tmp_path / "rows.parquet")}, streaming=True)
    with pytest.raises(ValueError, match="is a stream, and image tokens are found by the numbers"):
        encode_dataset(stream, Grey().frozen(), tmp_path / "tokens")


def test_encoding_is_not_under_autocast():
    class Tells:
        def encode(self, images):
            return (images @ images).dtype

    images = torch.rand(1, 3, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert (images @ images).dtype == torch.bfloat16
        assert encode_parts.frozen_tokens(Tells(), images) == torch.float32

import json
import os
import pickle
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

from lit_dalle.data.image_tokens import ImageTokens, write_image_tokens
from lit_dalle.data.notes import NARROW, Note
from lit_dalle.data.token_parts import (
    MOST_PARTS,
    ROWS_PER_PART,
    Encoding,
    part_length,
    write_part,
)

ENCODING = Encoding(
    dvae_hash="a", source="s", image_size=16, rows=10, tokens=4, codebook_size=8192, rows_per_part=4
)
TOKENS = torch.randint(0, 8192, (10, 4), generator=torch.Generator().manual_seed(0))
GAP = 5
"""Row without tokens."""
NOTE = Note("filtered", NARROW, "row 5 of pictures", "row 5 of pictures is 8×3, narrower than 1:2")


@pytest.fixture
def folder(tmp_path):
    write_image_tokens(tmp_path, TOKENS.split(3), ENCODING)
    return tmp_path


@pytest.fixture
def gapped(folder):
    write_part(folder, 1, TOKENS[4:8].numpy(), ENCODING, {GAP - 4: NOTE})
    return ImageTokens(folder)


def test_what_is_written_is_read(folder):
    tokens = ImageTokens(folder)
    assert (tokens.encoding, len(tokens)) == (ENCODING, 10)
    assert tokens.left_out(range(10)) == [None] * 10
    assert sorted(path.name for path in folder.glob("*.arrow")) == [
        f"part-0000{part}.arrow" for part in range(3)
    ]
    assert torch.equal(tokens[[3, 9, 0, 9]], TOKENS[[3, 9, 0, 9]])
    assert torch.equal(tokens[range(10)], TOKENS)
    assert (tokens[2].dtype, tokens[2].shape) == (torch.int64, (4,))
    assert tokens[[]].shape == (0, 4)
    assert torch.equal(tokens.known(range(10)), torch.ones(10, dtype=torch.bool))
    assert torch.equal(pickle.loads(pickle.dumps(tokens))[[5]], TOKENS[[5]])


@pytest.mark.parametrize(("codes", "dtype"), [(2**16, pa.uint16()), (2**16 + 1, pa.int32())])
def test_every_code_survives_in_the_smaller_type_that_holds_it(tmp_path, codes, dtype):
    encoding = Encoding("a", "s", 16, 2, 2, codes)
    written = torch.tensor([[0, codes - 1], [1, codes - 2]])
    write_image_tokens(tmp_path, [written], encoding)
    assert torch.equal(ImageTokens(tmp_path)[[0, 1]], written)
    table = pa.ipc.open_file(str(tmp_path / "part-00000.arrow")).read_all()
    assert table.schema.field("image_tokens").type == pa.list_(dtype, 2)


def test_a_part_is_what_a_reader_of_arrow_sees(gapped):
    table = pa.ipc.open_file(str(gapped.folder / "part-00001.arrow")).read_all()
    rows = TOKENS[4:8].tolist()
    assert table.to_pydict() == {
        "image_tokens": [rows[0], None, rows[2], rows[3]],
        "left_out": [None, NOTE._asdict(), None, None],
    }
    whole = pa.ipc.open_file(str(gapped.folder / "part-00000.arrow")).read_all()
    assert whole.schema.names == ["image_tokens"]


def test_rows_without_tokens_are_told(gapped):
    expected = torch.arange(10) != GAP
    assert torch.equal(gapped.known(range(10)), expected)
    assert gapped.known([9, GAP]).tolist() == [True, False]
    assert not gapped.known(GAP)
    assert gapped.left_out([9, GAP, 4]) == [None, NOTE, None]
    assert pickle.loads(pickle.dumps(gapped)).left_out([GAP]) == [NOTE]
    others = [row for row in range(10) if row != GAP]
    assert torch.equal(gapped[others], TOKENS[others])
    for rows in ([4, GAP, 6], GAP):
        with pytest.raises(ValueError, match="row 5 of pictures is 8×3, narrower than 1:2"):
            gapped[rows]


def test_folders_of_before_do_not_say_why_rows_have_no_tokens(gapped):
    path = gapped.folder / "part-00001.arrow"
    table = pa.ipc.open_file(str(path)).read_all().select(["image_tokens"])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    tokens = ImageTokens(gapped.folder)
    ((action, kind, place, message),) = filter(None, tokens.left_out(range(10)))
    assert (action, kind, place) == ("skipped", "no image tokens", f"row {GAP}")
    assert message == f"row {GAP} has no tokens in {gapped.folder}"
    assert tokens.known(range(10)).sum() == 9


@pytest.mark.parametrize("rows", [[10], [0, -1], 10, -1])
def test_rows_that_are_not_there_are_an_error(folder, rows):
    tokens = ImageTokens(folder)
    for read in (tokens.__getitem__, tokens.known):
        with pytest.raises(IndexError, match="of 10 in"):
            read(rows)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="Linux counts open files there")
def test_mapped_parts_keep_no_file_open(tmp_path):
    encoding = replace(ENCODING, rows=50, rows_per_part=1)
    write_image_tokens(tmp_path, [TOKENS.repeat(5, 1)], encoding)
    tokens = ImageTokens(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    assert torch.equal(tokens[range(50)], TOKENS.repeat(5, 1))
    assert len(os.listdir("/proc/self/fd")) == before


def test_random_batches_are_those_of_a_plain_array(tmp_path):
    draws = np.random.default_rng(0)
    plain = draws.integers(0, 512, (5000, 16))
    encoding = Encoding("a", "s", 16, 5000, 16, 512, rows_per_part=97)
    write_image_tokens(tmp_path, [torch.from_numpy(plain)], encoding)
    tokens = ImageTokens(tmp_path)
    for _ in range(50):
        rows = draws.integers(0, 5000, 64).tolist()
        assert np.array_equal(tokens[rows].numpy(), plain[rows])


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"dvae_hash": "b"}, "made with dvae_hash a, now it is b: encode the data set again"),
        ({"source": "t"}, "made with source s, now it is t"),
        ({"image_size": 32}, "made with image_size 16, now it is 32"),
        ({"rows": 11}, "the tokens of 10 rows, the split has 11"),
    ],
)
def test_tokens_of_something_else_are_refused(folder, wanted, message):
    tokens = ImageTokens(folder)
    tokens.check(dvae_hash="a", source="s", image_size=16, rows=9)
    with pytest.raises(ValueError, match=message):
        tokens.check(**wanted)


def test_tokens_that_do_not_fit_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="6 rows were encoded, 10 were expected"):
        write_image_tokens(tmp_path, TOKENS[:6].split(3), ENCODING)
    with pytest.raises(ValueError, match=r"of shape \(4, 4\) were expected, got \(3, 4\)"):
        write_part(tmp_path, 0, TOKENS[:3].numpy(), ENCODING)
    with pytest.raises(ValueError, match="tokens from 8192 to 8192 with 8192 codes"):
        write_part(tmp_path, 0, np.full((4, 4), 8192), ENCODING)
    assert not list(tmp_path.iterdir())


def test_damaged_folders_are_told(folder):
    (folder / "part-00000.arrow").write_bytes(b"ARROW1")
    tokens = ImageTokens(folder)
    assert torch.equal(tokens[[4]], TOKENS[[4]])
    with pytest.raises(ValueError, match=r"part-00000\.arrow cannot be read: .*; encode"):
        tokens[[0]]
    write_part(folder, 2, TOKENS[8:9].numpy(), replace(ENCODING, rows=9))
    with pytest.raises(ValueError, match=r"holds 1 rows of .*, encoding\.json says 2 of"):
        ImageTokens(folder)
    (folder / "part-00001.arrow").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no part-00001\.arrow: encode"):
        ImageTokens(folder)
    facts = folder / "encoding.json"
    facts.write_text(json.dumps({"rows": 10}))
    with pytest.raises(ValueError, match=r"encoding\.json cannot be read"):
        ImageTokens(folder)
    facts.unlink()
    with pytest.raises(FileNotFoundError, match=r"has no encoding\.json"):
        ImageTokens(folder)


def test_parts_get_longer_rather_than_too_many():
    assert part_length(1) == part_length(ROWS_PER_PART * MOST_PARTS) == ROWS_PER_PART
    assert part_length(250_000_000) == 16 * ROWS_PER_PART

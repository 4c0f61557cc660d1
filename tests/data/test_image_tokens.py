import json
import pickle

import pytest
import torch

from lit_dalle.data.image_tokens import Encoding, ImageTokens, write_image_tokens

ENCODING = Encoding(dvae_hash="a", source="s", image_size=16, rows=10, tokens=4)
TOKENS = torch.randint(0, 8192, (10, 4), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def folder(tmp_path):
    write_image_tokens(tmp_path, TOKENS.split(3), ENCODING)
    return tmp_path


def test_what_is_written_is_read(folder):
    tokens = ImageTokens(folder)
    assert tokens.encoding == ENCODING
    assert torch.equal(tokens[[3, 9, 0]], TOKENS[[3, 9, 0]])
    assert (tokens[2].dtype, tokens[2].shape) == (torch.int64, (4,))
    assert torch.equal(pickle.loads(pickle.dumps(tokens))[[5]], TOKENS[[5]])


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


def test_a_count_that_does_not_fit_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="6 rows were encoded, 10 were expected"):
        write_image_tokens(tmp_path, TOKENS[:6].split(3), ENCODING)


def test_damaged_folders_are_told(folder):
    facts = folder / "encoding.json"
    facts.write_text(json.dumps({"rows": 10}))
    with pytest.raises(ValueError, match=r"encoding\.json cannot be read"):
        ImageTokens(folder)
    facts.unlink()
    with pytest.raises(FileNotFoundError, match=r"has no encoding\.json"):
        ImageTokens(folder)

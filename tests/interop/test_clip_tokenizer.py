import gzip
import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.interop.clip_tokenizer import (
    END,
    START,
    SUFFIX,
    read_bpe_file,
    read_tokenizer_folder,
)

TEXTS = ["a photo of a cat", "a photo of two cats", "the cat's photo, of 1984!"] * 3
HARD = ["A photo of  a CAT", "the cat's 1984 photo…", "café ☕ naïve", "they're 3.5!", ""]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Merges learned from a few captions, in OpenAI's form and in that of Hugging Face."""
    folder = tmp_path_factory.mktemp("bpe")
    learned = Tokenizer(models.BPE(end_of_word_suffix=SUFFIX))
    learned.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=320, end_of_word_suffix=SUFFIX, show_progress=False)
    learned.train_from_iterator([" ".join(text.split()) for text in TEXTS], trainer)
    merges = json.loads(learned.to_str())["model"]["merges"]
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in merges]
    lines = [" ".join(pair) for pair in pairs if "Ġ" not in "".join(pair)]
    (folder / "bpe.txt.gz").write_bytes(gzip.compress("\n".join(["#v", *lines]).encode()))
    ours = read_bpe_file(folder / "bpe.txt.gz")
    (folder / "vocab.json").write_text(json.dumps(ours.vocabulary))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *lines]))
    return folder


def framed(tokenizer):
    return tokenizer.framed(24, append_eos=True)


def test_ids_are_those_of_transformers(files):
    transformers = pytest.importorskip("transformers")
    reference = transformers.CLIPTokenizer.from_pretrained(files)
    for tokenizer in (read_bpe_file(files / "bpe.txt.gz"), read_tokenizer_folder(files)):
        for text in [*TEXTS, *HARD]:
            ids = reference(text)["input_ids"]
            row = framed(tokenizer).encode([text])[0].tolist()
            assert row[: len(ids)] == ids, text
            assert not any(row[len(ids) :])


def test_ids_are_in_openai_s_order(files):
    tokenizer = read_bpe_file(files / "bpe.txt.gz")
    ids = tokenizer.vocabulary
    assert (ids["!"], ids["!" + SUFFIX], ids["Ā"]) == (0, 256, 188)
    assert (ids[START], ids[END]) == (tokenizer.vocab_size - 2, tokenizer.vocab_size - 1)
    assert (tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id) == (
        ids[START],
        ids[END],
        0,
    )


def test_a_saved_one_is_read_again_and_reads_the_text_back(files, tmp_path):
    tokenizer = framed(read_tokenizer_folder(files))
    tokenizer.save(tmp_path / "tokenizer.json")
    again = CaptionTokenizer.load(tmp_path / "tokenizer.json")
    rows = tokenizer.encode(HARD)
    assert again.encode(HARD).equal(rows)
    assert (again.text_len, again.append_eos) == (24, True)
    assert again.decode(rows[0]) == "a photo of a cat"


def test_dropout_works_with_the_suffix_too(files):
    tokenizer = framed(read_tokenizer_folder(files))
    plain = tokenizer.encode(TEXTS)
    key = [(0, number) for number in range(len(TEXTS))]
    assert tokenizer.encode(TEXTS, dropout=1e-9, keys=key).equal(plain)
    dropped = tokenizer.encode(TEXTS, dropout=0.5, keys=key)
    assert not dropped.equal(plain)
    assert tokenizer.decode(dropped[0]) == tokenizer.decode(plain[0])


def test_other_files_are_told_in_one_line(files, tmp_path):
    with pytest.raises(FileNotFoundError, match="is in OpenAI's repository, clip/"):
        read_bpe_file(tmp_path / "gone.gz")
    (tmp_path / "text.gz").write_text("hello")
    with pytest.raises(ValueError, match="is no gzipped file of merges"):
        read_bpe_file(tmp_path / "text.gz")
    (tmp_path / "one.gz").write_bytes(gzip.compress(b"#v\nhello\n"))
    with pytest.raises(ValueError, match="lines of two symbols are expected"):
        read_bpe_file(tmp_path / "one.gz")
    with pytest.raises(FileNotFoundError, match="has no tokenizer"):
        read_tokenizer_folder(tmp_path)

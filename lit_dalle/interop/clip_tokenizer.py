"""CLIP's published BPE, from the files that carry it."""

import gzip
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from lit_dalle.data.tokenizer import PUBLISHED_SPECIALS, CaptionTokenizer
from lit_dalle.data.tokenizer import PUBLISHED_SUFFIX as SUFFIX

_, START, END = PUBLISHED_SPECIALS
WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d"
    r"|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)
"""What a caption is cut into before pieces are merged (clip/simple_tokenizer.py)."""
BPE_FILE = "bpe_simple_vocab_16e6.txt.gz"
"""The file of merges in OpenAI's repository (openai/CLIP, clip/), which its weights lack."""
MERGES = 49152 - 256 - 2
"""Merges of that file that are used: the vocabulary has 49,408 tokens."""


def read_bpe_file(path: str | Path, merges: int = MERGES) -> CaptionTokenizer:
    """Read OpenAI's file of merges.

    Args:
        path: The file, gzipped.
        merges: How many of them count.

    Raises:
        FileNotFoundError: No such file.
        ValueError: It is something else.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: {BPE_FILE} is in OpenAI's repository, clip/")
    try:
        lines = gzip.decompress(path.read_bytes()).decode("utf-8").splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no gzipped file of merges: {error}") from error
    pairs = [tuple(line.split()) for line in lines[1 : merges + 1]]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{path} is no file of merges: lines of two symbols are expected")
    return CaptionTokenizer(_tokenizer(_vocabulary(pairs), pairs))


def read_tokenizer_folder(folder: str | Path) -> CaptionTokenizer:
    """Read ``tokenizer.json``, or ``vocab.json`` and ``merges.txt``, of a Hugging Face folder.

    Raises:
        FileNotFoundError: The folder has neither.
        ValueError: A file cannot be read.
    """
    folder = Path(folder)
    whole, merges, vocabulary = (
        folder / name for name in ("tokenizer.json", "merges.txt", "vocab.json")
    )
    if whole.is_file():
        return CaptionTokenizer.load(whole)
    if not (merges.is_file() and vocabulary.is_file()):
        raise FileNotFoundError(
            f"{folder} has no tokenizer: neither tokenizer.json nor vocab.json and merges.txt"
        )
    ids, pairs = models.BPE.read_file(str(vocabulary), str(merges))
    return CaptionTokenizer(_tokenizer(ids, pairs))


def _vocabulary(pairs: Sequence[tuple[str, ...]]) -> dict[str, int]:
    """Ids as OpenAI gives them: bytes, bytes that end a word, merged pairs, specials."""
    symbols = _byte_characters()
    tokens = [*symbols, *(symbol + SUFFIX for symbol in symbols)]
    tokens += ["".join(pair) for pair in pairs]
    return {token: number for number, token in enumerate([*tokens, START, END])}


def _byte_characters() -> list[str]:
    """The 256 characters that stand for bytes, printable bytes first, in OpenAI's order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + at) for at in range(len(others))]


def _tokenizer(ids: dict[str, int], pairs: Sequence[tuple[str, ...]]) -> Tokenizer:
    tokenizer = Tokenizer(
        models.BPE(
            vocab=ids,
            merges=[(first, second) for first, second in pairs],
            end_of_word_suffix=SUFFIX,
            unk_token=END,
        )
    )
    tokenizer.add_special_tokens([START, END])
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer

"""Captions to tokens: a byte-level BPE over lower-cased text, framed to a fixed length.

The whole framing ([BOS], [EOS], padding) stands in ``tokenizer.json``, so that the file alone, read
by the ``tokenizers`` library, gives the very tokens a net was trained on.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from torch import Tensor

from lit_dalle.data.merging import Merges
from lit_dalle.data.notes import RowError
from lit_dalle.data.shipped import own_or_shipped
from lit_dalle.data.writing import whole_file

PAD, BOS, EOS = "[PAD]", "[BOS]", "[EOS]"
PAD_ID, BOS_ID, EOS_ID = 0, 1, 2
SPECIALS = (PAD, BOS, EOS)
PUBLISHED_SPECIALS = ("!", "<|startoftext|>", "<|endoftext|>")
"""The same of CLIP's published BPE, which pads with the first token."""
PUBLISHED_SUFFIX = "</w>"
"""Ends every word in CLIP's published BPE."""
_SPACE = "Ġ"
"""Stands for the space that every word begins with in ours."""
SMALLEST_VOCABULARY = len(SPECIALS) + 256
"""Special tokens and one token for every byte: any text can be written."""
TOKENIZER_FILE = "tokenizer.json"
"""Where the folder of an exported net has its tokenizer."""
WORDS_SUFFIX = ".words.json"
"""Of the file beside a tokenizer.json that lists the words of its captions."""
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"([{_CJK}]|[^\W_{_CJK}]+)(?:['’]\w+)?")


def tokenizer_file(name: str | Path) -> Path:
    """Return where a tokenizer is.

    Args:
        name: A ``tokenizer.json``, the folder of an exported net, or the name of a net that comes
            with the package, such as ``emoji/prior``.
    """
    path = own_or_shipped(name, TOKENIZER_FILE)
    return path / TOKENIZER_FILE if path.is_dir() else path


class CaptionTokenizer:
    """Byte-level BPE with [PAD] 0, [BOS] 1 and [EOS] 2, or CLIP's published one with its own.

    Args:
        tokenizer: The library's tokenizer, as :meth:`train` or :meth:`load` make it.
        words: Words that stood in the captions it was trained on.
    """

    def __init__(self, tokenizer: Tokenizer, words: Iterable[str] = ()) -> None:
        self._json = str(tokenizer.to_str(pretty=True))
        self._state: dict[str, Any] = json.loads(self._json)
        self._plain = Tokenizer.from_str(self._json)
        self._plain.no_padding()
        self._plain.encode_special_tokens = True  # "[EOS]" typed by a user is text like any other
        self._merges = Merges.from_model(self._state["model"])
        self._specials = _specials(tokenizer)
        ids = self._plain.get_vocab(with_added_tokens=True)
        self.pad_id, self.bos_id, self.eos_id = (ids[mark] for mark in self._specials)
        self._words = frozenset(words)

    def __reduce__(self) -> tuple[Any, ...]:
        return CaptionTokenizer.from_json, (self._json, self.words)

    @classmethod
    def train(
        cls,
        captions: Iterable[str],
        vocab_size: int,
        *,
        min_frequency: int = 0,
        spell_rare: bool = False,
    ) -> "CaptionTokenizer":
        """Learn the merges from captions; small sets fill the vocabulary only partly.

        Args:
            captions: Texts, read once.
            vocab_size: Upper bound on the number of tokens, the 259 basic ones included.
            min_frequency: Pairs that stand together less often are not merged.
            spell_rare: Write words that are no token of their own byte by byte instead of in the
                pieces that the merges make of them: a net that has to write them letter by letter
                then finds each where it counts to (our choice).

        Raises:
            ValueError: The bound is below the number of basic tokens, or there is no caption.
        """
        if vocab_size < SMALLEST_VOCABULARY:
            raise ValueError(
                f"vocab_size is {vocab_size}, the smallest is {SMALLEST_VOCABULARY}: "
                f"{len(SPECIALS)} special tokens and 256 bytes"
            )
        tokenizer = _untrained()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            special_tokens=list(SPECIALS),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        words: set[str] = set()
        tokenizer.train_from_iterator(_gathering(captions, words, tokenizer.normalizer), trainer)
        if not words:
            raise ValueError("no captions with words in them: a tokenizer needs text to learn from")
        return cls(_without_merges(tokenizer) if spell_rare else tokenizer, words)

    def framed(self, text_len: int, append_eos: bool) -> "CaptionTokenizer":
        """Return the same vocabulary with captions made ``text_len`` tokens long.

        Args:
            text_len: Length of every row, [BOS] (and [EOS]) included; the rest is padding.
            append_eos: End the text with [EOS], where CLIP reads its feature [C] 2.4.

        Raises:
            ValueError: No room for a single token of text.
        """
        if text_len < 2 + append_eos:
            raise ValueError(f"text_len is {text_len}, the smallest is {2 + append_eos}")
        tokenizer = Tokenizer.from_str(self._json)
        pad, bos, eos = self._specials
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A {eos}" if append_eos else f"{bos} $A",
            special_tokens=[(bos, self.bos_id), (eos, self.eos_id)],
        )
        tokenizer.enable_padding(length=text_len, pad_id=self.pad_id, pad_token=pad)
        return CaptionTokenizer(tokenizer, self._words)

    def encode(
        self,
        captions: Sequence[str],
        *,
        dropout: float = 0.0,
        keys: Sequence[tuple[int, ...]] | None = None,
        long: Literal["error", "truncate"] = "error",
    ) -> Tensor:
        """Turn captions into rows of tokens.

        Args:
            captions: Texts of any length that fits.
            dropout: Chance that a possible merge is passed over (BPE dropout, [P] 2.2 uses 0.1);
                where rare words are spelled, that a word which is a token is spelled too.
            keys: One tuple of integers a caption, such as (seed, epoch, index): dropout is a
                function of it alone. Needed when ``dropout`` > 0.
            long: What to do with a caption that does not fit: raise, or cut the end of its text.

        Returns:
            int64, ``b text_len``, each in [0, vocab_size).

        Raises:
            ValueError: A caption is too long (a RowError), or the tokenizer is not framed.
        """
        if dropout and (keys is None or len(keys) != len(captions)):
            given = 0 if keys is None else len(keys)
            raise ValueError(f"dropout needs one key a caption: {len(captions)} captions, {given}")
        if dropout and keys is not None:
            pieces = [self._dropped(c, dropout, key) for c, key in zip(captions, keys, strict=True)]
        else:
            pieces = [self._plain.encode(c, add_special_tokens=False).ids for c in captions]
        rows = [self._frame(ids, c, long) for ids, c in zip(pieces, captions, strict=True)]
        return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), self.text_len)

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """Return the text of one row of tokens: lower-cased, up to its end, without specials."""
        ids = tokens.tolist() if isinstance(tokens, Tensor) else list(tokens)
        ids = ids[: ids.index(self.eos_id)] if self.eos_id in ids else ids
        text = str(self._plain.decode(ids, skip_special_tokens=True))
        suffix = self._merges.suffix
        return (text.replace(suffix, " ") if suffix else text).strip()

    def null_tokens(self) -> Tensor:
        """Return the caption that says nothing, for guidance: [BOS], then padding. ``1 t``."""
        tokens = torch.full((1, self.text_len), self.pad_id, dtype=torch.int64)
        tokens[0, 0] = self.bos_id
        return tokens

    def unknown_words(self, caption: str) -> list[str]:
        """Words of a caption that never stood in a training caption, in order, each once."""
        found = _words_of(self._plain.normalizer.normalize_str(caption))
        return [word for word in dict.fromkeys(found) if word not in self._words]

    @property
    def vocabulary(self) -> dict[str, int]:
        """Id of each token by how the file writes it: runs of byte characters, or a special one."""
        return dict(self._plain.get_vocab())

    def pieces_of(self, token: str) -> list[int]:
        """Ids of the tokens here that write a token of another tokenizer's ``vocabulary``.

        Ours mark where a word begins, CLIP's published one where it ends.
        """
        own = self._plain.token_to_id(token)
        if own is not None:
            return [int(own)]
        begins, ends = token.startswith(_SPACE), token.endswith(PUBLISHED_SUFFIX)
        if self._merges.suffix:
            token = token.removeprefix(_SPACE)
        elif ends and not begins:
            token = _SPACE + token.removesuffix(PUBLISHED_SUFFIX)
        return [int(piece.id) for piece in self._plain.model.tokenize(token)]

    @property
    def words(self) -> list[str]:
        """Words seen in training, sorted."""
        return sorted(self._words)

    @property
    def vocab_size(self) -> int:
        """Number of tokens, special ones included; a net's ``text_vocab_size`` may be larger."""
        return int(self._plain.get_vocab_size())

    @property
    def text_len(self) -> int:
        """Length of every row.

        Raises:
            ValueError: The tokenizer has no frame yet.
        """
        padding = self._state["padding"]
        if padding is None:
            raise ValueError("this tokenizer has no text length yet: call framed(text_len, ...)")
        return int(padding["strategy"]["Fixed"])

    @property
    def append_eos(self) -> bool:
        """Whether the text of a row ends with [EOS]."""
        processor = self._state["post_processor"]
        pieces = processor.get("single", []) if processor else []
        return any(piece.get("SpecialToken", {}).get("id") == self._specials[2] for piece in pieces)

    def to_json(self) -> str:
        """Return the content of ``tokenizer.json``."""
        return self._json

    @classmethod
    def from_json(cls, text: str, words: Iterable[str] = ()) -> "CaptionTokenizer":
        """Read the content of a ``tokenizer.json``, one of ours or of CLIP's published BPE.

        Raises:
            ValueError: It is something else.
        """
        try:
            tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # the library raises bare Exception
            raise ValueError(f"not a tokenizer.json: {error}") from error
        return cls(tokenizer, words)

    def save(self, path: str | Path) -> None:
        """Write ``tokenizer.json`` and, beside it, ``tokenizer.words.json``."""
        words = json.dumps(self.words, ensure_ascii=False, indent=0)
        for place, text in (
            (Path(path).with_suffix(WORDS_SUFFIX), words),
            (Path(path), self.to_json()),
        ):
            with whole_file(place) as part:
                part.write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "CaptionTokenizer":
        """Read what :meth:`save` wrote; without its words no word counts as known.

        Args:
            path: See :func:`tokenizer_file`.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is no tokenizer of this sort.
        """
        path = tokenizer_file(path)
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no tokenizer at {path}: train one with lit-dalle prepare tokenizer"
            )
        words_path = path.with_suffix(WORDS_SUFFIX)
        try:
            words = json.loads(words_path.read_text("utf-8")) if words_path.is_file() else []
            return cls.from_json(path.read_text(encoding="utf-8"), words)
        except ValueError as error:
            raise ValueError(f"{path} cannot be read: {error}") from error

    def _dropped(self, caption: str, dropout: float, key: tuple[int, ...]) -> list[int]:
        normal = self._plain.normalizer.normalize_str(caption)
        pieces = [piece for piece, _ in self._plain.pre_tokenizer.pre_tokenize_str(normal)]
        return self._merges.encode(pieces, dropout, key)

    def _frame(self, ids: list[int], caption: str, long: str) -> list[int]:
        end = [self.eos_id] if self.append_eos else []
        room = self.text_len - 1 - len(end)
        if len(ids) > room and long == "error":
            raise RowError(
                f"the caption has {len(ids)} tokens, there is room for {room}: "
                f"shorten {_shown(caption)}"
            )
        row = [self.bos_id, *ids[:room], *end]
        return row + [self.pad_id] * (self.text_len - len(row))


def _specials(tokenizer: Tokenizer) -> tuple[str, str, str]:
    """Names of padding, begin and end in a tokenizer.

    Raises:
        ValueError: It has neither ours, at their places, nor those of CLIP's published BPE.
    """
    found = [tokenizer.token_to_id(token) for token in SPECIALS]
    if found == [PAD_ID, BOS_ID, EOS_ID]:
        return SPECIALS
    if None not in map(tokenizer.token_to_id, PUBLISHED_SPECIALS):
        return PUBLISHED_SPECIALS
    raise ValueError(
        f"the tokenizer has {', '.join(SPECIALS)} at {found}, not at [0, 1, 2]: "
        "train one with lit-dalle prepare tokenizer"
    )


def _untrained() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _without_merges(tokenizer: Tokenizer) -> Tokenizer:
    """Keep the vocabulary: a word that is in it is one token, any other is written in bytes."""
    state = json.loads(tokenizer.to_str())
    state["model"] |= {"merges": [], "ignore_merges": True}
    return Tokenizer.from_str(json.dumps(state))


def _gathering(captions: Iterable[str], words: set[str], normalizer: Any) -> Iterator[str]:
    for caption in captions:
        words.update(_words_of(normalizer.normalize_str(caption)))
        yield caption


def _words_of(normal: str) -> list[str]:
    """Words of a normalised text, without 's; where no spaces are written, characters."""
    return _WORD.findall(normal)


def _shown(caption: str, width: int = 60) -> str:
    return repr(caption if len(caption) <= width else caption[: width - 1] + "…")

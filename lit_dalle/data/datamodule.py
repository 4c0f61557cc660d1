"""One data module for all stages: what a stage needs is said by its arguments."""

from dataclasses import fields, is_dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import lightning as L
from torch.utils.data import DataLoader

from lit_dalle.data.examples import BatchMaker, Examples, Shown
from lit_dalle.data.image_tokens import ImageTokens
from lit_dalle.data.ledger import Ledger
from lit_dalle.data.loader import make_loader
from lit_dalle.data.prepared import PreparedSplit, prepare_split
from lit_dalle.data.shards import Shards
from lit_dalle.data.sources import Source
from lit_dalle.data.stream_loader import StreamLoader, make_stream_loader
from lit_dalle.data.tokenizer import CaptionTokenizer, tokenizer_file
from lit_dalle.data.transforms import Augmentation

SPLITS_OF = {
    "fit": ("train", "validation"),
    "validate": ("validation",),
    "test": ("test", "held_out"),
}
"""Splits that each command of the trainer reads."""


class ImageTextDataModule(L.LightningDataModule):
    """Pictures with captions, as batches for any of the three nets.

    A batch is a dict: ``images`` float32 ``b 3 h w`` in [0, 1], ``text_tokens`` int64 ``b t``,
    ``captions``, ``index`` and, where the source or the stage has them, ``image_tokens``,
    ``labels``, ``group_ids``, ``family`` and ``scenes``. A key is absent, never None.

    Args:
        source: Where the rows come from.
        image_size: Side of the pictures, in pixels.
        batch_size: Rows a step and process.
        eval_batch_size: The same in evaluation; as in training by default.
        num_workers: Processes that load.
        seed: Seed of the order, of crops, of the choice among captions and of BPE dropout.
        augmentation: Crops and flips in training: none, dvae, prior, clip or artwork.
        tokenizer: A ``tokenizer.json``, or a net that has one: its folder, or its name where it
            ships (``emoji/prior``). Stages without text leave it out.
        text_len: Length of the text in tokens; stages without text leave it out.
        append_eos: End the text with [EOS], as CLIP needs it.
        bpe_dropout: Chance that a merge is passed over in training ([P] 2.2: 0.1).
        long_captions: What happens to captions that do not fit: cut, or stop with an error.
        image_tokens: Folder that ``lit-dalle prepare tokens`` wrote; then no picture is read.
        keep_images: Read the pictures also where ``image_tokens`` are given.
        keep_scenes: Give the exact truth with the rows of validation and test.
        eval_limit: Only the first so many rows of each split but train.
        shuffle_buffer: Rows that are shuffled together in training where the source is a stream.
        share_rows: In a stream that several processes train on, share out the rows of every shard
            and not whole shards. They come out even where the shards are of unequal sizes, for
            which every process reads all shards. Evaluation always does so.
        max_bad_share: Share of rows that may be unusable (unreadable pictures, missing captions)
            before reading ends with an error; 0 ends at the first. They are left out, in training
            others take their places, and they are counted by kind and reported.
        cache: Keep the rows, with their pictures at ``image_size``, where ``datasets`` keeps its
            caches; they are drawn or decoded once. Pictures that are augmented are not kept.
    """

    def __init__(
        self,
        source: Source,
        image_size: int = 64,
        batch_size: int = 64,
        eval_batch_size: int | None = None,
        num_workers: int = 0,
        seed: int = 0,
        augmentation: Augmentation = "none",
        tokenizer: str | None = None,
        text_len: int | None = None,
        append_eos: bool = False,
        bpe_dropout: float = 0.0,
        long_captions: Literal["error", "truncate"] = "truncate",
        image_tokens: str | None = None,
        keep_images: bool = False,
        keep_scenes: bool = False,
        eval_limit: int | None = None,
        shuffle_buffer: int = 1024,
        share_rows: bool = False,
        max_bad_share: float = 0.1,
        cache: bool = False,
    ) -> None:
        super().__init__()
        self.save_hyperparameters({"data": _plain(locals())})
        self.source = source
        self.image_size, self.batch_size = image_size, batch_size
        self.eval_batch_size = eval_batch_size or batch_size
        self.num_workers, self.seed, self.augmentation = num_workers, seed, augmentation
        self.tokenizer_path, self.text_len, self.append_eos = tokenizer, text_len, append_eos
        self.bpe_dropout, self.long_captions = bpe_dropout, long_captions
        self.image_tokens, self.keep_images = image_tokens, keep_images
        self.keep_scenes, self.eval_limit, self.cache = keep_scenes, eval_limit, cache
        self._tokenizer: CaptionTokenizer | None = None
        self._examples: dict[str, Examples] = {}
        self.shuffle_buffer, self.share_rows = shuffle_buffer, share_rows
        self.max_bad_share = max_bad_share
        self.ledgers: dict[str, Ledger] = {}
        self._train_stream: StreamLoader | None = None

    @property
    def tokenizer(self) -> CaptionTokenizer | None:
        """The tokenizer, framed for the stage; None for stages without text.

        Raises:
            FileNotFoundError: The stage has text, and there is no tokenizer.
        """
        if self._tokenizer is None and self.text_len is not None:
            loaded = CaptionTokenizer.load(self._require_tokenizer())
            self._tokenizer = loaded.framed(self.text_len, self.append_eos)
        return self._tokenizer

    @property
    def dvae_hash(self) -> str | None:
        """Hash of the dVAE that made the image tokens; None where none are given.

        Raises:
            ValueError: Those of the splits are not of one dVAE.
        """
        if self.image_tokens is None:
            return None
        folders = [Path(self.image_tokens) / split for split in self.source.splits()]
        there = [folder for folder in folders if folder.is_dir()]
        hashes = {folder.name: ImageTokens(folder).encoding.dvae_hash for folder in there}
        if len(set(hashes.values())) > 1:
            told = ", ".join(f"{split} {found[:12]}" for split, found in hashes.items())
            raise ValueError(
                f"the image tokens in {self.image_tokens} are not of one dVAE: {told}; encode all "
                "splits with the same (lit-dalle prepare tokens)"
            )
        return next(iter(hashes.values()), None)

    def prepare_data(self) -> None:
        """Draw or decode what is kept, in one process, so that the others find it ready.

        Raises:
            FileNotFoundError: The tokenizer that was named is not there.
        """
        if self.tokenizer_path is not None:
            self._require_tokenizer()
        for split in () if self.source.is_stream else self._needed():
            self._prepared(split)

    def train_dataloader(self) -> DataLoader[Any]:
        """Return shuffled batches of ``train`` that can be resumed in mid-epoch."""
        loader = self._loader("train")
        self._train_stream = loader if isinstance(loader, StreamLoader) else None
        return loader

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the batches of ``validation``, in order."""
        return self._loader("validation")

    def test_dataloader(self) -> list[DataLoader[Any]]:
        """Return the batches of ``test`` and of ``held_out``, those that there are, in order."""
        return [self._loader(split) for split in self.test_splits()]

    def test_splits(self) -> tuple[str, ...]:
        """Names of the splits that :meth:`test_dataloader` returns, in its order."""
        return tuple(split for split in SPLITS_OF["test"] if split in self.source.splits())

    def examples(self, split: str) -> Examples:
        """Return the rows of a split, which make batches of lists of (time, index)."""
        if split not in self._examples:
            self._examples[split] = self._read(split)
        return self._examples[split]

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Tell a stream that the trainer begins a batch, which it has fetched ahead."""
        if self.trainer is not None and self.trainer.training and self._train_stream is not None:
            self._train_stream.begin_batch()
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Return the tokenizer, so that a checkpoint stands alone."""
        if self.tokenizer is None:
            return {}
        return {"tokenizer": self.tokenizer.to_json(), "words": self.tokenizer.words}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the tokenizer of a checkpoint.

        Raises:
            ValueError: ``data.tokenizer`` is there and is another one.
        """
        if "tokenizer" not in state_dict or self.text_len is None:
            return
        kept = CaptionTokenizer.from_json(state_dict["tokenizer"], state_dict["words"])
        path = self.tokenizer_path
        if path is not None and tokenizer_file(path).is_file() and self.state_dict() != state_dict:
            raise ValueError(
                f"the checkpoint was trained with another tokenizer than {path} with text_len "
                f"{self.text_len}: give the one of its training, or leave data.tokenizer out"
            )
        self._tokenizer = kept

    def _read(self, split: str) -> Examples:
        tokens, prepared = self._image_tokens(split), self._prepared(split)
        if prepared is not None:
            rows = prepared.rows
        else:
            rows = self.source.load(split, pictures=self._reads_images)
        limit = self._limit(split)
        if limit is not None and limit < len(rows):
            rows = rows.select(range(limit))
        if tokens is not None:
            source = self.source.picture_fingerprint(split)
            tokens.check(source=source, image_size=self.image_size, rows=len(rows))
        if self.tokenizer is not None and len(rows):
            self.source.check_captions(rows[0])
        return Examples(
            rows,
            self._shown(split),
            prepared=prepared,
            tokenizer=self.tokenizer,
            image_tokens=tokens,
        )

    def _shown(self, split: str) -> Shown:
        train = split == "train"
        return Shown(
            image_size=self.image_size,
            train=train,
            seed=self.seed,
            augmentation=self.augmentation,
            bpe_dropout=self.bpe_dropout,
            long_captions=self.long_captions,
            keep_scenes=self.keep_scenes and not train,
        )

    def _prepared(self, split: str) -> PreparedSplit | None:
        augmented = split == "train" and self.augmentation != "none"
        if not self.cache or (self._reads_images and augmented):
            return None
        return prepare_split(
            self.source,
            split,
            self.image_size if self._reads_images else None,
            rows=self._limit(split),
            resizing=self.augmentation,
            num_workers=self.num_workers,
        )

    @property
    def _reads_images(self) -> bool:
        return self.image_tokens is None or self.keep_images

    def _limit(self, split: str) -> int | None:
        return None if split == "train" else self.eval_limit

    def _require_tokenizer(self) -> str:
        if self.tokenizer_path is None or not tokenizer_file(self.tokenizer_path).is_file():
            raise FileNotFoundError(
                f"this stage reads text and there is no tokenizer at {self.tokenizer_path}: make "
                "one with lit-dalle prepare tokenizer, and give its place as data.tokenizer"
            )
        return self.tokenizer_path

    def _image_tokens(self, split: str) -> ImageTokens | None:
        if self.image_tokens is None:
            return None
        return ImageTokens(Path(self.image_tokens) / split)

    def _needed(self) -> tuple[str, ...]:
        if self.trainer is None or self.trainer.state.fn is None:
            return ()
        names = SPLITS_OF[self.trainer.state.fn.value]
        return tuple(split for split in names if split in self.source.splits())

    def _loader(self, split: str) -> DataLoader[Any]:
        train = split == "train"
        rank, world_size = 0, 1
        if self.trainer is not None:
            rank, world_size = self.trainer.global_rank, self.trainer.world_size
        self.ledgers[split] = Ledger(split, self.max_bad_share)
        batch_size = self.batch_size if train else self.eval_batch_size
        shared: dict[str, Any] = {
            "num_workers": self.num_workers,
            "rank": rank,
            "world_size": world_size,
            "ledger": self.ledgers[split],
        }
        if self.source.is_stream:
            return make_stream_loader(
                self._shards(split),
                BatchMaker(self._shown(split), self.tokenizer),
                batch_size,
                buffer=self.shuffle_buffer,
                by_rows=self.share_rows,
                limit=self._limit(split),
                fetched_ahead=self.trainer is not None,
                **shared,
            )
        return make_loader(
            self.examples(split),
            batch_size,
            train=train,
            seed=self.seed,
            block_size=self.source.block_size(split),
            parts=self.source.epoch_rows(split),
            **shared,
        )

    def _shards(self, split: str) -> Shards:
        """Shards of a stream.

        Raises:
            ValueError: What goes by row numbers is asked of a stream.
        """
        if self.image_tokens is not None or self.cache:
            raise ValueError(
                "data.image_tokens and data.cache keep rows by their numbers, which a stream does "
                "not have: leave them out, or the source's streaming"
            )
        shards = self.source.shards(split)
        if self.tokenizer is not None:
            numbered = ((n, row) for n in range(len(shards)) for row in shards.rows(n))
            for number, row in islice(numbered, 1):
                found = shards.read(number, [(0, row)])
                self.source.check_captions(found)
        return shards


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``__init__`` as a checkpoint can hold them: plain data."""
    kept = {name: arguments[name] for name in arguments if name not in ("self", "__class__")}
    return {name: _plain_value(value) for name, value in kept.items()}


def _plain_value(value: Any) -> Any:
    """A source, also within another, as its class and arguments."""
    if isinstance(value, list):
        return [_plain_value(one) for one in value]
    if not isinstance(value, Source):
        return value
    kind = type(value)
    named: tuple[Any, ...] = fields(value) if is_dataclass(value) else ()
    return {
        "class_path": f"{kind.__module__}.{kind.__qualname__}",
        "init_args": {field.name: _plain_value(getattr(value, field.name)) for field in named},
    }

"""``lit-dalle prepare``: what is made once, before training."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, track

from lit_dalle.data import CaptionTokenizer, Source
from lit_dalle.data.creatures import KINDS, SPLITS, class_entries, creature_rows, held_out_kinds
from lit_dalle.data.emoji import build_emoji, parts
from lit_dalle.data.writing import whole_folder, write_json
from lit_dalle.generation.encode_dataset import SPLITS_ENCODED, Encoded, encode_dataset
from lit_dalle.generation.encode_parts import FrozenEncoder
from lit_dalle.generation.hardware import pick_device


def tokenizer(
    *,
    source: Source,
    out: str,
    vocab_size: int = 16384,
    min_frequency: int = 0,
    spell_rare: bool = False,
) -> None:
    """Train a tokenizer on the captions of a data set's training split.

    Args:
        source: The data set.
        out: The tokenizer.json to write.
        vocab_size: Bound on the number of tokens; small sets fill it partly ([P] 2.2: 16,384).
        min_frequency: Pairs of pieces that stand together less often are not merged.
        spell_rare: Write words that are no token of their own letter by letter, not in the pieces
            that the merges make of them.
    """
    if Path(out).suffix != ".json":
        raise ValueError(f"--out names the tokenizer's file, such as tokenizer.json; got {out}")
    console = Console()
    captions = track(source.captions("train"), "Reading captions", console=console)
    trained = CaptionTokenizer.train(
        captions, vocab_size, min_frequency=min_frequency, spell_rare=spell_rare
    )
    trained.save(out)
    console.print(f"{out}: {trained.vocab_size} tokens, {len(trained.words)} words seen")


def tokens(
    *,
    source: Source,
    dvae: str,
    out: str,
    eval_limit: int | None = None,
    batch_size: int = 64,
    num_workers: int = 0,
    processes: int = 1,
    device: str = "auto",
) -> None:
    """Encode the training and validation pictures of a data set to image tokens, once.

    A run that was stopped goes on where it was. Several machines share the work when each has its
    own RANK and the common WORLD_SIZE in the environment, as torchrun sets them.

    Args:
        source: The data set.
        dvae: Folder of the exported dVAE; the tokens are of use with this one alone.
        out: Folder to write; a recipe reads it as data.image_tokens.
        eval_limit: Only the first so many rows of validation.
        batch_size: Pictures encoded at once.
        num_workers: Processes that draw or decode, for each that encodes.
        processes: Processes that encode; they share the CPU, or take the GPUs in turn.
        device: auto, cpu or cuda.
    """
    found = encode_dataset(
        source,
        FrozenEncoder.of(dvae),
        out,
        eval_limit=eval_limit,
        batch_size=batch_size,
        num_workers=num_workers,
        processes=processes,
        device=pick_device(device),
    )
    console = Console()
    if found:
        rows = ", ".join(map(_told, found, found.values()))
        reports = [encoded.report for encoded in found.values() if encoded.report]
        told = "\n".join([f"{out}: image tokens of {rows}", *reports])
        console.print(told, highlight=False, markup=False, soft_wrap=True)
    if len(found) < len(SPLITS_ENCODED):
        left = " and ".join(split for split in SPLITS_ENCODED if split not in found)
        console.print(f"{out}: this rank is done, others still encode {left}", highlight=False)


def _told(split: str, encoded: Encoded) -> str:
    missing = f" ({encoded.missing} left out)" if encoded.missing else ""
    return f"{encoded.rows} of {split}{missing}"


def emoji(*, out: str = "data/emoji", cache: str | None = None) -> None:
    """Build the data set of emoji: drawings of four vendors with their names in six languages.

    Fetches the packages of pinned versions with your own npm, checks them, draws every emoji at
    64×64 pixels and writes a parquet file for each split. What was fetched or drawn before an
    interruption is taken from the cache.

    Args:
        out: Folder to write; an earlier one is replaced.
        cache: Folder of what is fetched and drawn; beside the caches of datasets by default.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console()) as progress:
        bars = {name: progress.add_task(text, total=total) for name, text, total in parts()}
        counts = build_emoji(
            Path(out),
            cache=Path(cache) if cache else None,
            step=lambda what, done: progress.advance(bars[what], done),
        )
    rows = ", ".join(f"{count:,} of {split}" for split, count in counts.items())
    Console().print(f"{out}: {rows}; each row names its licence", highlight=False)


def creatures(*, out: str = "data/creatures", seed: int = 0) -> None:
    """Draw the world of creatures, of which some kinds are known by description alone.

    Writes a parquet file for each split (``held_out`` has the kinds that are never trained) and the
    class files ``held_out.json`` and ``all.json``, which describe every kind without its name.

    Args:
        out: Folder to write; an earlier one is replaced.
        seed: Of the drawings.
    """
    console = Console()
    with whole_folder(out, marker="held_out.json") as part:
        for split in track(SPLITS, "Drawing creatures", console=console):
            creature_rows(split, seed).to_parquet(part / f"{split}.parquet")
        write_json(part / "held_out.json", class_entries(held_out_kinds()))
        write_json(part / "all.json", class_entries(KINDS))
    held = len(held_out_kinds())
    console.print(f"{out}: {len(KINDS) - held} kinds trained, {held} held out", highlight=False)

"""A data set's pictures as image tokens, encoded once for a frozen dVAE."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from datasets import Dataset
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lit_dalle.data.examples import Examples, Shown
from lit_dalle.data.image_tokens import ImageTokens, write_facts
from lit_dalle.data.ledger import Ledger
from lit_dalle.data.sources import Source
from lit_dalle.data.token_parts import FACTS_FILE, Encoding, part_length, read_part
from lit_dalle.data.writing import check_replaceable, whole_folder
from lit_dalle.generation.encode_parts import (
    EncodingTask,
    FrozenEncoder,
    devices_of,
    encode_in_processes,
    encode_parts,
)

SPLITS_ENCODED = ("train", "validation")
"""Splits that training reads."""


class Encoded(NamedTuple):
    """What became of a split."""

    rows: int
    """Number of its rows."""
    missing: int
    """How many have no tokens: their pictures cannot be used, or are filtered."""
    report: str
    """Lines for the user that count these by kind, with an example each; empty where there are
    none."""


@dataclass(frozen=True)
class Rank:
    """Which parts are encoded here: those that are ``number`` modulo ``world_size``."""

    number: int
    world_size: int

    @classmethod
    def of_environment(cls) -> "Rank":
        """Read RANK and WORLD_SIZE, as torchrun sets them.

        Raises:
            ValueError: They are no numbers, or the rank is not below the size.
        """
        found = [
            os.environ.get(name, default) for name, default in (("RANK", 0), ("WORLD_SIZE", 1))
        ]
        try:
            number, world_size = map(int, found)
        except ValueError:
            number = world_size = -1
        if not 0 <= number < world_size:
            raise ValueError(
                f"RANK is {found[0]} and WORLD_SIZE is {found[1]} in the environment: ranks are "
                "numbers from 0 on, below the size"
            )
        return cls(number, world_size)


def encode_dataset(
    source: Source,
    encoder: FrozenEncoder,
    folder: str | Path,
    *,
    splits: Sequence[str] = SPLITS_ENCODED,
    eval_limit: int | None = None,
    batch_size: int = 64,
    num_workers: int = 0,
    processes: int = 1,
    device: torch.device | str = "cpu",
    rows_per_part: int | None = None,
) -> dict[str, Encoded]:
    """Encode splits of a data set, each into a folder of its own; ``data.image_tokens`` reads them.

    A split appears whole or not at all, and one that was encoded by the same dVAE from the same
    rows is left as it is. Until a split is whole its parts lie in a folder next to it, whose name
    is a function of the dVAE, the rows and the sizes: a run that was stopped, however, goes on with
    the parts that are not there. Rows whose pictures cannot be read, or are filtered, stay without
    tokens, and their notes lie beside those of the others; captions leave no row out.

    Several machines with a common file system share the parts when each runs the same command with
    ``RANK`` and ``WORLD_SIZE`` in its environment, at the same time or not::

        RANK=0 WORLD_SIZE=2 lit-dalle prepare tokens --config tokens.yaml
        RANK=1 WORLD_SIZE=2 lit-dalle prepare tokens --config tokens.yaml

    or under torchrun, which sets both, a rank for each GPU::

        torchrun --nnodes 2 --nproc-per-node 8 … --no-python lit-dalle prepare tokens …

    Ranks do not wait for each other: the one that finds all parts finishes the split. If a rank
    was stopped, run it again, or run the command once without these variables.

    Args:
        source: Where the pictures come from.
        encoder: The dVAE. It encodes in fp32, as training on the fly does.
        folder: Where to; a folder for each split is made in it.
        splits: Which splits.
        eval_limit: Only the first so many rows of each split but ``train``.
        batch_size: Pictures encoded at once.
        num_workers: Processes that draw or decode, for each that encodes.
        processes: Processes that encode; they share the threads, or take the GPUs in turn. The
            tokens do not depend on it.
        device: Where to encode.
        rows_per_part: Rows of a part file; by default :func:`part_length`.

    Returns:
        What became of each split; one that other ranks still encode is left out.

    Raises:
        ValueError: The source is a stream, there is no such split, it has no usable picture, or
            the folder holds something else.
    """
    rank = Rank.of_environment()
    if processes < 1:
        raise ValueError(f"processes is {processes}; at least one has to encode")
    if source.is_stream:
        raise ValueError(
            f"{source} is a stream, and image tokens are found by the numbers of rows: leave "
            "streaming out; a stream is encoded while the prior trains"
        )
    devices = devices_of(torch.device(device), processes)
    limits = {split: None if split == "train" else eval_limit for split in splits}
    all_rows = {split: _rows(source, split, limit) for split, limit in limits.items()}
    found: dict[str, Encoded] = {}
    for split, rows in all_rows.items():
        encoding = Encoding(
            encoder.hash,
            source.picture_fingerprint(split),
            encoder.image_size,
            len(rows),
            encoder.tokens,
            encoder.codebook_size,
            rows_per_part or part_length(len(rows)),
        )
        target = Path(folder).resolve() / split
        done = _finished(target, encoding, split)
        if done is None:
            check_replaceable(target, FACTS_FILE)
            examples = Examples(rows, Shown(encoder.image_size, train=False))
            work = work_folder(target, encoding)
            task = EncodingTask(examples, encoder, encoding, work, batch_size, num_workers)
            _encode_missing(task, rank, devices, split)
            done = _finish(work, target, encoding, split)
        if done is not None:
            found[split] = done
    return found


def _rows(source: Source, split: str, limit: int | None) -> Dataset:
    rows = source.picture_rows(split)
    if limit is not None and limit < len(rows):
        rows = rows.select(range(limit))
    if not len(rows):
        raise ValueError(f"{source} has no rows in its {split} split")
    return rows


def work_folder(target: Path, encoding: Encoding) -> Path:
    """Where the parts lie until all are there: the same for the same encoding, wherever it runs."""
    facts = json.dumps(asdict(encoding), sort_keys=True)
    key = hashlib.sha256(facts.encode()).hexdigest()[:16]
    return target.with_name(f".{target.name}.{key}.tokens")


def _finished(folder: Path, encoding: Encoding, split: str) -> Encoded | None:
    """What became of a split, if the folder holds all its tokens, and those that are wanted."""
    try:
        tokens = ImageTokens(folder)
    except (FileNotFoundError, ValueError):
        return None
    is_whole = all(_is_whole(folder, part, encoding) for part in range(encoding.parts))
    return _counted(tokens, split) if is_whole and tokens.encoding == encoding else None


def _counted(tokens: ImageTokens, split: str) -> Encoded:
    """Count the rows without tokens; maps all parts."""
    ledger = Ledger(split)
    for part in range(tokens.encoding.parts):
        rows = tokens.encoding.span(part)
        ledger.add(len(rows), filter(None, tokens.left_out(rows)))
    missing = ledger.counts.total() - ledger.counts["read"]
    return Encoded(len(tokens), missing, ledger.report())


def _is_whole(folder: Path, part: int, encoding: Encoding) -> bool:
    try:
        return read_part(folder, part, encoding).is_explained
    except (FileNotFoundError, ValueError):
        return False


def _encode_missing(
    task: EncodingTask, rank: Rank, devices: Sequence[torch.device], split: str
) -> None:
    """Encode the parts of this rank that are not there, or damaged."""
    encoding = task.encoding
    write_facts(task.folder, encoding)
    mine = range(rank.number, encoding.parts, rank.world_size)
    parts = [part for part in mine if not _is_whole(task.folder, part, encoding)]
    rows = [sum(len(encoding.span(part)) for part in some) for some in (mine, parts)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn()) as progress:
        bar = progress.add_task(
            f"image tokens of {split}", total=rows[0], completed=rows[0] - rows[1]
        )

        def advance(count: int) -> None:
            progress.advance(bar, count)

        if len(parts) > 1 and len(devices) > 1:
            encode_in_processes(task, parts, devices[: len(parts)], advance)
        elif parts:
            encode_parts(task, parts, devices[0], advance)


def _finish(work: Path, target: Path, encoding: Encoding, split: str) -> Encoded | None:
    """Put the parts in their place if all are there; else, or if another rank does it, None."""
    done = _finished(work, encoding, split)
    if done is None:
        return _finished(target, encoding, split)
    if done.missing == done.rows:
        (first,) = filter(None, ImageTokens(work).left_out([0]))
        shutil.rmtree(work)
        raise ValueError(
            f"none of the {done.rows} pictures of {split} can be used: {first.message}"
        )
    for path in work.glob(".part-*"):
        path.unlink(missing_ok=True)  # what a stopped process was writing
    with suppress(FileNotFoundError), whole_folder(target, marker=FACTS_FILE) as new:
        new.rmdir()
        work.rename(new)  # fails where another rank was quicker
    for stale in set(target.parent.glob(f".{target.name}.*.tokens")) - {work}:
        shutil.rmtree(stale, ignore_errors=True)
    return done

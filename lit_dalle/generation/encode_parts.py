"""Parts of a split as image tokens, in this process or in several."""

import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lit_dalle.data.examples import Batch
from lit_dalle.data.notes import Note, is_usable
from lit_dalle.data.token_parts import Encoding, write_part
from lit_dalle.generation.export import load_config, load_model, tokens_hash

Advance = Callable[[int], None]
"""Told how many more rows are done."""
FOR_THE_USER = (ValueError, FileNotFoundError, FileExistsError, PermissionError)
"""Errors that pass from a process to the command as they are."""


class Encoder(Protocol):
    """What is needed of a dVAE."""

    def encode(self, images: Tensor) -> Tensor:
        """Images ``b 3 h w`` in [0, 1] to image tokens ``b i``."""
        ...


@dataclass(frozen=True)
class FrozenEncoder:
    """A dVAE that every process loads for itself."""

    load: Callable[..., Encoder]
    """Returns it in evaluation mode on the ``device`` that it is given by name."""
    hash: str
    """Says which dVAE it is; tokens made with another are refused when they are read."""
    image_size: int
    """Side of its pictures, in pixels."""
    tokens: int
    """Tokens a picture."""
    codebook_size: int
    """Number of codes."""

    @classmethod
    def of(cls, folder: str | Path) -> "FrozenEncoder":
        """The exported dVAE in a folder.

        Raises:
            FileNotFoundError: There is no such folder, or a file is missing.
            ValueError: It is no exported dVAE.
        """
        _, config = load_config(folder, "dvae")
        return cls(
            partial(load_model, folder, kind="dvae"),
            tokens_hash(folder),
            config.image_size,
            config.image_grid**2,
            config.codebook_size,
        )


@dataclass(frozen=True)
class EncodingTask:
    """A split that is to be encoded."""

    examples: torch.utils.data.Dataset[Batch]
    """Makes a batch of a list of rows; those that are left out are not in its ``index``, and what
    it says of what was ``read`` has a note on each of them."""
    encoder: FrozenEncoder
    encoding: Encoding
    folder: Path
    """Where the parts go."""
    batch_size: int
    """Pictures encoded at once; a batch does not reach into the next part."""
    num_workers: int
    """Processes that draw or decode, for each that encodes."""


class _RowsOfParts(torch.utils.data.Sampler[list[int]]):
    """Rows of each batch, part by part."""

    def __init__(self, task: EncodingTask, parts: Sequence[int]) -> None:
        self.task, self.parts = task, parts

    def __iter__(self) -> Iterator[list[int]]:
        for part in self.parts:
            rows = self.task.encoding.span(part)
            for start in range(0, len(rows), self.task.batch_size):
                yield list(rows[start : start + self.task.batch_size])


def encode_parts(
    task: EncodingTask, parts: Sequence[int], device: torch.device, advance: Advance
) -> None:
    """Encode parts one after the other; each is written when its last row is encoded.

    Tokens are a function of the pictures and the batch size: batches are cut alike however the
    parts are spread over processes.

    Args:
        task: What is encoded, and where to.
        parts: Numbers of the parts.
        device: Where to encode.
        advance: Told the rows of every batch, those of a part's last batch when it is written.
    """
    encoder = task.encoder.load(device=device)
    plan = _RowsOfParts(task, parts)
    loader: DataLoader[Any] = DataLoader(
        task.examples,
        batch_sampler=plan,
        num_workers=task.num_workers,
        collate_fn=_as_it_is,
        generator=torch.Generator().manual_seed(0),  # leaves the global one alone
    )
    batches = iter(loader)
    for part in parts:
        span = task.encoding.span(part)
        tokens = np.zeros((len(span), task.encoding.tokens), np.int64)
        left_out: dict[int, Note] = {}
        for rows in _RowsOfParts(task, [part]):
            batch = next(batches)
            if len(batch["index"]):
                places = batch["index"].numpy() - span.start
                tokens[places] = frozen_tokens(encoder, batch["images"].to(device)).cpu().numpy()
            left_out |= {row - span.start: note for row, note in _left_out(rows, batch).items()}
            if rows[-1] == span[-1]:
                write_part(task.folder, part, tokens, task.encoding, left_out)
            advance(len(rows))


def _left_out(rows: Sequence[int], batch: Batch) -> dict[int, Note]:
    """Notes on the rows that a batch was asked for and does not have; they come in order."""
    there = set(batch["index"].tolist())
    notes = [note for note in batch["read"].notes if not is_usable([note])]
    return dict(zip((row for row in rows if row not in there), notes, strict=True))


def frozen_tokens(encoder: Encoder, images: Tensor) -> Tensor:
    """Encode in the precision of the encoder's weights, fp32 as they are loaded, never autocast.

    ``LitDalle`` encodes on the fly in the same way, whatever precision the prior trains in: what is
    read is what would have been made.
    """
    with torch.inference_mode(), torch.autocast(images.device.type, enabled=False):
        return encoder.encode(images)


def encode_in_processes(
    task: EncodingTask, parts: Sequence[int], devices: Sequence[torch.device], advance: Advance
) -> None:
    """Encode parts in as many processes as there are devices, which share this one's threads.

    Arguments as in :func:`encode_parts`. The first error ends all processes; what they finished
    stays.

    Raises:
        ValueError: A process was ended from outside.
        RuntimeError: A process failed by a fault of ours; its traceback is the message.
    """
    context = get_context("spawn")
    threads = max(1, torch.get_num_threads() // len(devices))
    running: dict[Connection, SpawnProcess] = {}
    try:
        for number, device in enumerate(devices):
            mine = parts[number :: len(devices)]
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(task, mine, device, threads, sender))
            process.start()
            sender.close()
            running[receiver] = process
        _follow(dict(running), advance)
    finally:
        for receiver, process in running.items():
            process.terminate()
            process.join()
            receiver.close()


def _follow(running: dict[Connection, SpawnProcess], advance: Advance) -> None:
    """Pass on what processes report, until all have ended or one fails."""
    while running:
        for receiver in wait(list(running)):
            assert isinstance(receiver, Connection)
            try:
                report = receiver.recv()
            except EOFError:
                _check_end(running.pop(receiver))
            else:
                if isinstance(report, Exception):
                    raise report
                advance(report)


def _check_end(process: SpawnProcess) -> None:
    process.join()
    if process.exitcode:
        raise ValueError(
            f"a process that encodes ended with code {process.exitcode}, as happens when memory is "
            "short: take fewer --processes or a smaller --batch-size; what is done is kept"
        )


def _work(
    task: EncodingTask,
    parts: Sequence[int],
    device: torch.device,
    threads: int,
    sender: Connection,
) -> None:
    """Encode parts in a process of its own, which ends when nobody listens any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command hears it, and ends this process
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    with suppress(BrokenPipeError):
        try:
            encode_parts(task, parts, device, sender.send)
        except BrokenPipeError:
            raise
        except Exception as error:
            sender.send(_portable(error))


def _portable(error: Exception) -> Exception:
    """The error in a form that every process can read."""
    for kind in FOR_THE_USER:
        if isinstance(error, kind):
            return kind(str(error))
    return RuntimeError("".join(traceback.format_exception(error)))


def devices_of(device: torch.device, processes: int) -> list[torch.device]:
    """Give each process a device: the named one, or for plain ``cuda`` the GPUs in turn.

    Several ranks on a machine (``LOCAL_RANK``) begin at different GPUs.
    """
    if device.type != "cuda" or device.index is not None:
        return [device] * processes
    first = int(os.environ.get("LOCAL_RANK", "0")) * processes
    count = torch.cuda.device_count()
    return [torch.device("cuda", (first + number) % count) for number in range(processes)]


def _as_it_is(batch: Any) -> Any:
    return batch

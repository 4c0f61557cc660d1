"""Image tokens of a split, encoded once: memory-mapped Arrow parts and a JSON that says of what."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_dalle.data.writing import read_json, whole_file, write_json

FACTS_FILE, COLUMN = "encoding.json", "image_tokens"
ROWS_PER_PART = 1024
"""Rows of a part file: what an interrupted run loses at most, for each process."""
MOST_PARTS = 16_384
"""Parts of a split; beyond that they get longer, since a process can map only so many files."""


@dataclass(frozen=True)
class Encoding:
    """What image tokens were made of, and how they are stored."""

    dvae_hash: str
    """Hash of the dVAE that encoded the pictures."""
    source: str
    """Fingerprint of the split."""
    image_size: int
    """Side of the pictures that were encoded, in pixels."""
    rows: int
    """Number of rows, those without tokens among them."""
    tokens: int
    """Tokens a picture."""
    codebook_size: int = 2**16
    """Number of codes; tokens are stored as uint16 up to 65,536 of them, else as int32."""
    rows_per_part: int = ROWS_PER_PART
    """Rows of each part but the last."""

    @property
    def parts(self) -> int:
        """Number of parts."""
        return -(-self.rows // self.rows_per_part)

    @property
    def dtype(self) -> np.dtype:
        """Stored type of a token."""
        return np.dtype(np.uint16 if self.codebook_size <= 2**16 else np.int32)

    def span(self, part: int) -> range:
        """Rows of a part."""
        start = part * self.rows_per_part
        return range(start, min(start + self.rows_per_part, self.rows))


class ImageTokens:
    """The tokens of a split, row by row as in the split; a part is mapped when it is first read.

    Args:
        folder: Where they lie: ``encoding.json`` and ``part-00000.arrow``, ``part-00001.arrow``, …
            Each part is an Arrow IPC file with one column ``image_tokens``, a fixed-size list that
            is null for rows that could not be encoded.

    Raises:
        FileNotFoundError: There are no tokens in the folder, or not all.
        ValueError: The files do not fit each other; of a part this may show when it is read.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        _require(FACTS_FILE, there, folder)
        self.folder = folder
        self.encoding = _read_facts(folder / FACTS_FILE)
        for part in range(self.encoding.parts):
            _require(part_name(part), there, folder)
        self._bytes: list[memoryview | None] = [None] * self.encoding.parts
        self._gaps: dict[int, NDArray[np.bool_]] = {}  # which rows are known, of parts with nulls
        if self.encoding.parts:
            self._open(self.encoding.parts - 1)  # the one that shows a wrong number of rows

    def __reduce__(self) -> tuple[Any, ...]:
        return ImageTokens, (self.folder,)  # other processes map the files again

    def __len__(self) -> int:
        return self.encoding.rows

    def __getitem__(self, rows: int | Sequence[int]) -> Tensor:
        """Tokens of one row (``i``) or of several (``b i``), int64.

        Raises:
            IndexError: There is no such row.
            ValueError: A row has no tokens; ask :meth:`known` first.
        """
        if isinstance(rows, int):
            return self[[rows]][0]
        self._check_range(rows)
        parts, size = self._bytes, self.encoding.rows_per_part
        width = self.encoding.tokens * self.encoding.dtype.itemsize
        found = []  # slices of bytes, joined at once: a fifth of the time of numpy row by row
        for row in rows:
            part, at = divmod(row, size)
            at *= width
            found.append((parts[part] or self._open(part))[at : at + width])
        if self._gaps:
            self._check_known(rows)
        tokens = np.frombuffer(b"".join(found), self.encoding.dtype).astype(np.int64)
        return torch.from_numpy(tokens.reshape(len(rows), self.encoding.tokens))

    def known(self, rows: int | Sequence[int]) -> Tensor:
        """Which rows have tokens: bool, ``b``, or a scalar for one row.

        Raises:
            IndexError: There is no such row.
        """
        if isinstance(rows, int):
            return self.known([rows])[0]
        self._check_range(rows)
        size = self.encoding.rows_per_part
        for part in {row // size for row in rows}:
            if self._bytes[part] is None:
                self._open(part)
        if not self._gaps:
            return torch.ones(len(rows), dtype=torch.bool)
        places = [divmod(row, size) for row in rows]
        gaps = self._gaps
        return torch.tensor([part not in gaps or bool(gaps[part][at]) for part, at in places])

    def missing(self) -> int:
        """Count the rows without tokens; maps all parts."""
        for part, mapped in enumerate(self._bytes):
            if mapped is None:
                self._open(part)
        return sum(int((~known).sum()) for known in self._gaps.values())

    def check(
        self,
        *,
        dvae_hash: str | None = None,
        source: str | None = None,
        image_size: int | None = None,
        rows: int | None = None,
    ) -> None:
        """Refuse tokens that were made of something else than what is wanted now.

        Raises:
            ValueError: Says which fact differs, with both values.
        """
        wanted = {"dvae_hash": dvae_hash, "source": source, "image_size": image_size}
        for name, value in wanted.items():
            found = getattr(self.encoding, name)
            if value is not None and found != value:
                raise ValueError(
                    f"the image tokens in {self.folder} were made with {name} {found}, "
                    f"now it is {value}: encode the data set again"
                )
        if rows is not None and rows > len(self):
            raise ValueError(
                f"{self.folder} holds the tokens of {len(self)} rows, the split has {rows}: "
                "encode the data set again"
            )

    def _check_range(self, rows: Sequence[int]) -> None:
        if len(rows) and not 0 <= min(rows) <= max(rows) < len(self):
            raise IndexError(f"rows {min(rows)} to {max(rows)} of {len(self)} in {self.folder}")

    def _check_known(self, rows: Sequence[int]) -> None:
        known = self.known(rows)
        if not known.all():
            row = rows[int(known.int().argmin())]
            raise ValueError(f"row {row} has no tokens in {self.folder}: it could not be encoded")

    def _open(self, part: int) -> memoryview:
        """Map a part; its rows lie one behind the other in what is returned."""
        column = read_part(self.folder, part, self.encoding)
        if column.null_count:
            self._gaps[part] = column.is_valid().to_numpy(zero_copy_only=False)
        mapped = memoryview(column.values.to_numpy(zero_copy_only=True)).cast("B")
        self._bytes[part] = mapped
        return mapped


def part_name(part: int) -> str:
    """File of a part."""
    return f"part-{part:05d}.arrow"


def part_length(rows: int) -> int:
    """Rows of a part in a split of so many rows."""
    length = ROWS_PER_PART
    while length * MOST_PARTS < rows:
        length *= 2
    return length


def read_part(folder: Path, part: int, encoding: Encoding) -> pa.FixedSizeListArray:
    """Map the tokens of a part.

    Raises:
        FileNotFoundError: The part is not there.
        ValueError: It cannot be read, or is not as the encoding says.
    """
    path = folder / part_name(part)
    try:
        with pa.memory_map(str(path)) as file:  # the map outlives the open file
            column = pa.ipc.open_file(file).get_batch(0).column(COLUMN)
    except (KeyError, IndexError, pa.ArrowException) as error:
        raise ValueError(f"{path} cannot be read: {error}; encode the data set again") from error
    wanted = (len(encoding.span(part)), _list_type(encoding))
    if (len(column), column.type) != wanted:
        raise ValueError(
            f"{path} holds {len(column)} rows of {column.type}, {FACTS_FILE} says {wanted[0]} "
            f"of {wanted[1]}: encode the data set again"
        )
    return column


def write_part(
    folder: Path,
    part: int,
    tokens: NDArray[np.integer],
    encoding: Encoding,
    known: NDArray[np.bool_] | None = None,
) -> None:
    """Write a part, whole or not at all.

    Args:
        folder: Where to.
        part: Number of the part.
        tokens: ``b i``, the rows of ``encoding.span(part)``.
        encoding: How they are stored.
        known: Which rows have tokens, ``b``; by default all.

    Raises:
        ValueError: The tokens do not fit the encoding.
    """
    shape = (len(encoding.span(part)), encoding.tokens)
    if tokens.shape != shape:
        raise ValueError(f"tokens of shape {shape} were expected, got {tokens.shape}")
    if not 0 <= int(tokens.min()) <= int(tokens.max()) < encoding.codebook_size:
        raise ValueError(
            f"tokens from {tokens.min()} to {tokens.max()} with {encoding.codebook_size} codes"
        )
    values = pa.array(tokens.astype(encoding.dtype).reshape(-1))
    nulls = None if known is None or known.all() else pa.array(~known)
    column = pa.FixedSizeListArray.from_arrays(values, encoding.tokens, mask=nulls)
    batch = pa.record_batch([column.cast(_list_type(encoding))], names=[COLUMN])
    with (
        whole_file(folder / part_name(part)) as path,
        pa.OSFile(str(path), "wb") as file,
        pa.ipc.new_file(file, batch.schema) as writer,
    ):
        writer.write_batch(batch)


def write_facts(folder: Path, encoding: Encoding) -> None:
    """Write what the tokens of a folder are made of."""
    write_json(folder / FACTS_FILE, asdict(encoding))


def write_image_tokens(folder: Path, batches: Iterable[Tensor], encoding: Encoding) -> None:
    """Fill an empty folder with tokens that are at hand, batch by batch (``b i``), in order.

    Raises:
        ValueError: The batches have more or fewer rows than ``encoding`` says.
    """
    tokens = torch.cat([batch.cpu() for batch in batches]).long().numpy()
    if len(tokens) != encoding.rows:
        raise ValueError(f"{len(tokens)} rows were encoded, {encoding.rows} were expected")
    for part in range(encoding.parts):
        span = encoding.span(part)
        write_part(folder, part, tokens[span.start : span.stop], encoding)
    write_facts(folder, encoding)


def _list_type(encoding: Encoding) -> pa.DataType:
    return pa.list_(pa.from_numpy_dtype(encoding.dtype), encoding.tokens)


def _require(name: str, there: set[str], folder: Path) -> None:
    if name not in there:
        raise FileNotFoundError(
            f"{folder} has no {name}: encode the data set with lit-dalle prepare tokens"
        )


def _read_facts(path: Path) -> Encoding:
    try:
        return Encoding(**read_json(path))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be read: {error}; encode the data set again") from error

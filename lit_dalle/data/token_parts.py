"""Parts of a split's image tokens: Arrow files, and what says how they are stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from numpy.typing import NDArray

from lit_dalle.data.notes import Note
from lit_dalle.data.writing import whole_file

FACTS_FILE = "encoding.json"
COLUMN, LEFT_OUT = "image_tokens", "left_out"
NOTE_TYPE = pa.struct([pa.field(name, pa.string()) for name in Note._fields])
"""Stored form of why a row has no tokens."""
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


class Part(NamedTuple):
    """Columns of a part file."""

    tokens: pa.FixedSizeListArray
    """Null for rows without."""
    left_out: pa.StructArray | None
    """Why a row has none, null for the others; absent where all have, and in older folders."""

    @property
    def is_explained(self) -> bool:
        """Whether it is said of all rows without tokens why they have none."""
        return self.left_out is not None or not self.tokens.null_count


def part_name(part: int) -> str:
    """File of a part."""
    return f"part-{part:05d}.arrow"


def part_length(rows: int) -> int:
    """Rows of a part in a split of so many rows."""
    length = ROWS_PER_PART
    while length * MOST_PARTS < rows:
        length *= 2
    return length


def read_part(folder: Path, part: int, encoding: Encoding) -> Part:
    """Map a part.

    Raises:
        FileNotFoundError: The part is not there.
        ValueError: It cannot be read, or is not as the encoding says.
    """
    path = folder / part_name(part)
    try:
        with pa.memory_map(str(path)) as file:  # the map outlives the open file
            batch = pa.ipc.open_file(file).get_batch(0)
        column = batch.column(COLUMN)
    except (KeyError, IndexError, pa.ArrowException) as error:
        raise ValueError(f"{path} cannot be read: {error}; encode the data set again") from error
    wanted = (len(encoding.span(part)), _list_type(encoding))
    if (len(column), column.type) != wanted:
        raise ValueError(
            f"{path} holds {len(column)} rows of {column.type}, {FACTS_FILE} says {wanted[0]} "
            f"of {wanted[1]}: encode the data set again"
        )
    return Part(column, batch.column(LEFT_OUT) if LEFT_OUT in batch.schema.names else None)


def write_part(
    folder: Path,
    part: int,
    tokens: NDArray[np.integer],
    encoding: Encoding,
    left_out: Mapping[int, Note] | None = None,
) -> None:
    """Write a part, whole or not at all.

    Args:
        folder: Where to.
        part: Number of the part.
        tokens: ``b i``, the rows of ``encoding.span(part)``.
        encoding: How they are stored.
        left_out: Why rows have no tokens, by their places among these; by default all have.

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
    notes = [(left_out or {}).get(place) for place in range(len(tokens))]
    nulls = pa.array([note is not None for note in notes]) if left_out else None
    column = pa.FixedSizeListArray.from_arrays(values, encoding.tokens, mask=nulls)
    columns = {COLUMN: column.cast(_list_type(encoding))}
    if left_out:
        kept = [None if note is None else note._asdict() for note in notes]
        columns[LEFT_OUT] = pa.array(kept, NOTE_TYPE)
    batch = pa.record_batch(columns)
    with (
        whole_file(folder / part_name(part)) as path,
        pa.OSFile(str(path), "wb") as file,
        pa.ipc.new_file(file, batch.schema) as writer,
    ):
        writer.write_batch(batch)


def _list_type(encoding: Encoding) -> pa.DataType:
    return pa.list_(pa.from_numpy_dtype(encoding.dtype), encoding.tokens)

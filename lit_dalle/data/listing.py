"""Lists of pictures and their captions: JSON lines, CSV, TSV or parquet files beside the pictures.

What people write by hand has holes: a line that cannot be read, a number for a caption, a file that
is not there. Such rows stay in the table, and ``_trouble`` says what is wrong with them. A value
that is odd in its column never refuses the rest: the column becomes one of texts.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from datasets import ClassLabel, Dataset, Features, List, Value

from lit_dalle.data.columns import RESERVED, TROUBLE
from lit_dalle.data.notes import DAMAGED, NO_PICTURE, NO_TEXT
from lit_dalle.data.pictures import file_of
from lit_dalle.data.wording import HALF, is_whole

IMAGE = "image"
"""Column of the pictures' paths."""
PATH_NAMES = ("file_name", "image", "path", "filepath", "file", "filename", "image_path")
"""Columns that are taken for the path of the picture, the first that is there."""
LISTS = (".jsonl", ".csv", ".tsv", ".parquet")
"""Kinds of lists, by the endings of their files."""
LARGEST = 2**63 - 1
"""Largest whole number that a column of them holds."""
Row = dict[str, Any]


def trouble(kind: str, message: str, column: str = "") -> str:
    """Say what is wrong with a row, or with one of its columns alone."""
    whole = message.encode("utf-8", "replace").decode()  # names of files can be no UTF-8
    return "\t".join((column, kind, whole))


def read_list(path: Path) -> Iterator[Row]:
    """Yield the rows of a list; ``image`` is the path of the picture, from the list's folder on.

    Raises:
        ValueError: The file cannot be read, or has no column of paths.
    """
    try:
        readers = {".jsonl": _json_lines, ".parquet": _parquet}
        name = None
        for row in readers.get(path.suffix, _delimited)(path):
            if isinstance(row, str):
                yield {IMAGE: None, TROUBLE: [row]}
                continue
            name = name or _path_column(row, path)
            yield _placed(row, name, path)
    except (pa.ArrowInvalid, csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error


def without_reserved(row: Mapping[str, Any], *others: str) -> Row:
    """Columns that a file gives a row, but for those whose names are ours, and some others."""
    return {name: value for name, value in row.items() if name not in (*RESERVED, *others)}


def to_table(rows: Iterable[Row], labels: list[str] | None = None) -> Dataset:
    """Make a table of rows.

    A column that holds texts is a column of texts: values that are none become null, and
    ``_trouble`` says so. Of others, whole numbers stay whole numbers and fractions stay fractions;
    where they are mixed, and for all else, a column holds what was written, as text.

    Args:
        rows: With ``image`` as a path; keys may be missing.
        labels: Names of the classes where there is a column ``label`` of their numbers.
    """
    listed = list(rows)
    names = dict.fromkeys(name for row in listed for name in row if not HALF.search(name))
    names.pop(TROUBLE, None)
    troubles = [list(row.get(TROUBLE, ())) for row in listed]
    columns: dict[str, list[Any]] = {}
    features: dict[str, Any] = {}
    for name in names:
        values = [row.get(name) for row in listed]
        if name == "label" and labels is not None:
            columns[name], features[name] = values, ClassLabel(names=labels)
        elif name == IMAGE or _is_text(values):
            columns[name], features[name] = _texts(name, values, troubles)
        else:
            columns[name], features[name] = _others(values)
    columns[TROUBLE], features[TROUBLE] = troubles, List(Value("string"))
    table = pa.Table.from_pydict(columns, schema=Features(features).arrow_schema)
    return Dataset(table, fingerprint=_fingerprint(table))


def hash_of_files(paths: Iterable[str | None]) -> str:
    """A hash of the names, sizes and times of pictures' files, or of the tar files they lie in."""
    digest = hashlib.sha256()
    last = state = ""
    for path in paths:
        file = file_of(path or "")
        if file != last:  # the pictures of a tar file follow each other
            last, state = file, _state(file)
        digest.update(f"{path!r} {state}".encode("utf-8", "replace"))
    return digest.hexdigest()[:16]


def _placed(row: Row, name: str, path: Path) -> Row:
    """A row of a list whose picture is the file that its column ``name`` says."""
    file = row.get(name)
    placed = without_reserved(row, name, IMAGE)
    if isinstance(file, str) and file.strip():
        return {IMAGE: str(path.parent / file.strip())} | placed
    noted = trouble(NO_PICTURE, f"{path} has a row without {name}")
    return {IMAGE: None} | placed | {TROUBLE: [noted]}


def _texts(name: str, values: list[Any], troubles: list[list[str]]) -> tuple[list[Any], Any]:
    """Values of a column of texts, or of lists of them."""
    has_lists = any(isinstance(value, list) for value in values)
    found: list[Any] = []
    for value, noted in zip(values, troubles, strict=True):
        texts = value if isinstance(value, list) else [] if value is None else [value]
        wrong = [text for text in texts if not isinstance(text, str) or not is_whole(text)]
        if wrong:
            kind = NO_PICTURE if name == IMAGE else NO_TEXT
            noted.append(trouble(kind, f"its {name} is {wrong[0]!r:.60}", name))
            texts = []
        found.append(texts if has_lists else texts[0] if texts else None)
    return found, List(Value("string")) if has_lists else Value("string")


def _is_text(values: list[Any]) -> bool:
    """Whether most of what a column holds is text, or it holds nothing."""
    there = [value for value in values if value is not None]
    return sum(isinstance(value, (str, list)) for value in there) * 2 > len(there) or not there


def _others(values: list[Any]) -> tuple[list[Any], Any]:
    """Values of a column that is none of texts."""
    there = [value for value in values if value is not None]
    if all(type(value) is int and abs(value) <= LARGEST for value in there):
        return values, Value("int64")
    if all(type(value) is float for value in there):
        return values, Value("float64")
    return [None if value is None else _written(value) for value in values], Value("string")


def _written(value: Any) -> str:
    """Any value as a text: what JSON knows as JSON has it."""
    if isinstance(value, str) and not HALF.search(value):
        return value
    if isinstance(value, (str, bool, int, float, list, dict)):
        return json.dumps(value, default=str)
    return str(value)


def _json_lines(path: Path) -> Iterator[Row | str]:
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        text = line.decode("utf-8", "replace")
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            row = error
        if isinstance(row, dict):
            yield row
        else:
            yield trouble(DAMAGED, f"line {number} of {path} is no JSON object: {row!s:.80}")


def _delimited(path: Path) -> Iterator[Row | str]:
    text = path.read_bytes().decode("utf-8-sig", "replace").replace("\0", "\ufffd")
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter="\t" if path.suffix == ".tsv" else ","
    )
    for row in reader:
        filled = {name: value or None for name, value in row.items() if name is not None}
        if None in row:
            message = f"line {reader.line_num} of {path} has more columns than the first"
            yield trouble(DAMAGED, message)
        else:
            yield filled


def _parquet(path: Path) -> Iterator[Row | str]:
    for batch in pq.ParquetFile(path).iter_batches():
        yield from batch.to_pylist()


def _path_column(row: Mapping[str, Any], path: Path) -> str:
    for name in PATH_NAMES:
        if name in row:
            return name
    raise ValueError(
        f"{path} says of no picture where it is: give it a column file_name; it has "
        f"{', '.join(row) or 'none'}"
    )


def _fingerprint(table: pa.Table) -> str:
    """A hash of the rows and of the sizes and times of their files."""
    rows = table.to_pylist()
    digest = hashlib.sha256(hash_of_files(row.get(IMAGE) for row in rows).encode())
    for row in rows:
        digest.update(repr(row).encode("utf-8", "replace"))
    return digest.hexdigest()[:16]


def _state(file: str) -> str:
    """Size and time of a file; nothing where it is not there, or no file can be called so."""
    try:
        found = os.stat(file)
    except (OSError, ValueError):
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"

"""Lists of pictures and their captions: JSON lines, CSV, TSV or parquet files beside the pictures.

What people write by hand has holes: a line that cannot be read, a number for a caption, a file that
is not there. Such rows stay in the table, and ``_trouble`` says what is wrong with them.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from datasets import ClassLabel, Dataset, Features, List, Value

from lit_dalle.data.columns import TROUBLE
from lit_dalle.data.notes import DAMAGED, NO_PICTURE, NO_TEXT
from lit_dalle.data.wording import is_whole

IMAGE = "image"
"""Column of the pictures' paths."""
PATH_NAMES = ("file_name", "image", "path", "filepath", "file", "filename", "image_path")
"""Columns that are taken for the path of the picture, the first that is there."""
LISTS = (".jsonl", ".csv", ".tsv", ".parquet")
"""Kinds of lists, by the endings of their files."""
Row = dict[str, Any]


def trouble(kind: str, message: str, column: str = "") -> str:
    """Say what is wrong with a row, or with one of its columns alone."""
    return "\t".join((column, kind, message))


def read_list(path: Path) -> Iterator[Row]:
    """Yield the rows of a list; ``image`` is the path of the picture, from the list's folder on.

    Raises:
        ValueError: The file cannot be read, or has no column of paths.
    """
    try:
        readers = {".jsonl": _json_lines, ".parquet": _parquet}
        rows = readers.get(path.suffix, _delimited)(path)
        name = None
        for row in rows:
            if TROUBLE not in row:
                name = name or _path_column(row, path)
                file = row.pop(name, None)
                if not isinstance(file, str) or not file.strip():
                    row[TROUBLE] = [trouble(NO_PICTURE, f"{path} has a row without {name}")]
                    file = None
                row = {IMAGE: None if file is None else str(path.parent / file.strip())} | row
            yield row
    except (pa.ArrowInvalid, csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error


def to_table(rows: Iterable[Row], labels: list[str] | None = None) -> Dataset:
    """Make a table of rows.

    A column that holds texts is a column of texts: values that are none become null, and
    ``_trouble`` says so.

    Args:
        rows: With ``image`` as a path; keys may be missing.
        labels: Names of the classes where there is a column ``label`` of their numbers.
    """
    listed = list(rows)
    names = list(dict.fromkeys(name for row in listed for name in row if name != TROUBLE))
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
            columns[name] = [None if value is None else json.dumps(value) for value in values]
            features[name] = Value("string")
            if _are_numbers(values):
                columns[name], features[name] = values, Value("float64")
    columns[TROUBLE], features[TROUBLE] = troubles, List(Value("string"))
    table = pa.Table.from_pydict(columns, schema=Features(features).arrow_schema)
    return Dataset(table, fingerprint=_fingerprint(table))


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
    """Whether most of what a column holds is text."""
    there = [value for value in values if value is not None]
    return sum(isinstance(value, (str, list)) for value in there) * 2 > len(there)


def _are_numbers(values: list[Any]) -> bool:
    return all(value is None or isinstance(value, (int, float)) for value in values)


def _json_lines(path: Path) -> Iterator[Row]:
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        text = line.decode("utf-8", "replace")
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except ValueError as error:
            row = error
        if isinstance(row, dict):
            yield row
        else:
            said = str(row).encode("utf-8", "replace").decode()
            message = f"line {number} of {path} is no JSON object: {said:.80}"
            yield {IMAGE: None, TROUBLE: [trouble(DAMAGED, message)]}


def _delimited(path: Path) -> Iterator[Row]:
    text = path.read_bytes().decode("utf-8-sig", "replace").replace("\0", "\ufffd")
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter="\t" if path.suffix == ".tsv" else ","
    )
    for row in reader:
        filled = {name: value or None for name, value in row.items() if name is not None}
        if None in row:
            message = f"line {reader.line_num} of {path} has more columns than the first"
            yield {IMAGE: None, TROUBLE: [trouble(DAMAGED, message)]}
        else:
            yield filled


def _parquet(path: Path) -> Iterator[Row]:
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
    digest = hashlib.sha256()
    for row in table.to_pylist():
        digest.update(repr(row).encode("utf-8", "replace"))
        file = Path(row[IMAGE]) if isinstance(row.get(IMAGE), str) else None
        if file is not None and file.is_file():
            found = file.stat()
            digest.update(f"{found.st_size} {found.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]

"""Tar shards in the WebDataset convention: files of one name, but for the ending, are a row.

``000.jpg`` is the picture of the row ``000``, ``000.txt`` its caption, ``000.json`` more columns,
and ``000.cls`` the number of its class.
"""

import json
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import fsspec
from fsspec.core import OpenFile

from lit_dalle.data.choice import Choice
from lit_dalle.data.columns import ROW, TROUBLE
from lit_dalle.data.folder import PICTURE_ENDINGS
from lit_dalle.data.listing import IMAGE, Row, trouble, without_reserved
from lit_dalle.data.notes import DAMAGED, NO_TEXT
from lit_dalle.data.pictures import place_in_tar
from lit_dalle.data.row_reader import RowReader
from lit_dalle.data.shards import Raw, Shards, Visit

TEXT_ENDINGS = ("txt", "text", "caption")
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
BROKEN = (tarfile.TarError, EOFError, OSError)
"""What is raised where a shard is cut short or damaged."""
END = tarfile.EOFHeaderError  # type: ignore[attr-defined]
"""Raised by the blocks of zeros that a tar file ends with."""
CHUNK = 1 << 16
"""Bytes that are read at once behind the end."""


def find_shards(patterns: Sequence[str]) -> list[OpenFile]:
    """Files of patterns such as ``shards/{000..099}.tar``, ``shards/*.tar`` or an address.

    Raises:
        FileNotFoundError: A pattern finds nothing.
    """
    found: list[OpenFile] = []
    for pattern in patterns:
        for name in _expanded(pattern):
            files = list(fsspec.open_files(name, "rb"))
            if not files or (not files[0].fs.exists(files[0].path)):
                raise FileNotFoundError(f"there is no shard {name}: name tar files")
            found += sorted(files, key=lambda file: file.path)
    return found


class Header(tarfile.TarInfo):
    """The head of a file in a shard; where it is damaged, that is an error.

    ``tarfile`` by itself takes a damaged head, one that is missing and blocks of zeros all for the
    end, and what stands behind them is lost without a word.
    """

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> "Header":
        """Read the next head.

        Raises:
            tarfile.ReadError: There is none, or the end has something behind it.
        """
        try:
            return super().fromtarfile(archive)
        except END:
            _check_nothing_follows(archive)
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"the head of a file cannot be read, {error}") from error


class TarShards(Shards):
    """Tar shards, read from first to last; compressed and remote ones too.

    Args:
        files: The shards.
        reader: Makes rows under our names.
        pictures: Whether the rows have pictures.
        choice: Which rows are taken.
    """

    def __init__(
        self,
        files: Sequence[OpenFile],
        reader: RowReader,
        pictures: bool = True,
        choice: Choice | None = None,
    ) -> None:
        self.files, self.reader, self.pictures = list(files), reader, pictures
        self.choice = choice or Choice()

    def __len__(self) -> int:
        return len(self.files)

    def rows(self, shard: int, first: int = 0) -> Iterator[Raw]:
        """Yield rows; those before ``first`` are passed over."""
        with self.files[shard].open() as file:
            for number, row in enumerate(samples(file, self.files[shard].path)):
                if number >= first:
                    yield row

    def wants(self, visit: Visit, number: int, row: Raw, epoch: int) -> bool:
        """Whether a row is chosen."""
        return self.choice.takes(row)

    def read(self, shard: int, rows: Sequence[tuple[int, Raw]]) -> dict[str, list[Any]]:
        """Decode and check rows."""
        columns = self.reader.columns
        used = [name for name in columns.used() if self.pictures or name != columns.image]
        where = f" of {Path(self.files[shard].path).name}"
        return self.reader(
            {name: [row.get(name) for _, row in rows] for name in (*used, TROUBLE)}
            | {ROW: [f"{number}{where}" for number, _ in rows]}
        )


def samples(file: IO[bytes], name: str) -> Iterator[Row]:
    """Yield the rows of a tar file with their pictures' bytes, in one pass.

    Args:
        file: The opened file.
        name: What to call it in notes.
    """

    def take(row: Row, archive: tarfile.TarFile, member: tarfile.TarInfo, ending: str) -> None:
        _add(row, ending, _content(archive, member), f"{name}/{member.name}")

    try:
        with tarfile.open(fileobj=file, mode="r|*", tarinfo=Header) as archive:
            yield from _rows(archive, take)
    except BROKEN as error:
        yield _cut_short(name, error)


def index(path: Path) -> Iterator[Row]:
    """Yield the rows of a local tar file with the places of their pictures instead of the bytes.

    Args:
        path: An uncompressed tar file.
    """

    def take(row: Row, archive: tarfile.TarFile, member: tarfile.TarInfo, ending: str) -> None:
        if f".{ending}" in PICTURE_ENDINGS:
            row[IMAGE] = place_in_tar(path, member.offset_data, member.size)
        else:
            _add(row, ending, _content(archive, member), f"{path}/{member.name}")

    try:
        with tarfile.open(path, mode="r:", tarinfo=Header) as archive:
            yield from _rows(archive, take)
    except BROKEN as error:
        yield _cut_short(str(path), error)


def _rows(
    archive: tarfile.TarFile,
    take: Callable[[Row, tarfile.TarFile, tarfile.TarInfo, str], None],
) -> Iterator[Row]:
    """Rows of the files that have the same name up to the first dot and stand together."""
    row: Row = {}
    key = None
    try:
        for member in archive:
            archive.members.clear()  # type: ignore[attr-defined]  # they would hold all of a shard
            if not member.isfile():
                continue
            name, ending = _split(member.name)
            if key is not None and name != key:
                yield row
                row = {}
            key = name
            take(row, archive, member, ending)
    except BROKEN:
        if key is not None:
            yield row  # which may be whole; else what it lacks is noted of it
        raise
    if key is not None:
        yield row


def _check_nothing_follows(archive: tarfile.TarFile) -> None:
    assert archive.fileobj is not None  # it is open
    while block := archive.fileobj.read(CHUNK):
        if block.count(0) < len(block):
            raise tarfile.ReadError("there are blocks of zeros, and more behind them")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None  # it is a file
    return file.read()


def _split(name: str) -> tuple[str, str]:
    folder, _, file = name.rpartition("/")
    stem, _, ending = file.partition(".")
    return f"{folder}/{stem}", ending.lower()


def _add(row: Row, ending: str, content: bytes, place: str) -> None:
    """Put one file of a row into its column."""
    if f".{ending}" in PICTURE_ENDINGS:
        row[IMAGE] = {"path": place, "bytes": content}
        return
    if ending not in (*TEXT_ENDINGS, "json", "cls"):
        return
    try:
        text = content.decode("utf-8").strip()
        if ending == "json":
            row |= _columns(text)
        elif ending == "cls":
            row["label"] = int(text)
        else:
            row["text"] = text
    except (ValueError, RecursionError) as error:  # those of Unicode and JSON are ValueErrors
        column = {"json": "", "cls": "label"}.get(ending, "text")
        noted = trouble(NO_TEXT, f"{place} cannot be read: {error}", column)
        row.setdefault(TROUBLE, []).append(noted)


def _columns(text: str) -> Mapping[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return without_reserved(found, IMAGE)


def _cut_short(name: str, error: Exception) -> Row:
    message = f"the shard {name} is damaged, and its rows end here: {error}"
    return {IMAGE: None, TROUBLE: [trouble(DAMAGED, message)]}


def _expanded(pattern: str) -> list[str]:
    """``{000..002}`` as 000, 001 and 002."""
    found = RANGE.search(pattern)
    if found is None:
        return [pattern]
    first, last = found.groups()
    numbers = [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
    parts = [pattern[: found.start()] + number + pattern[found.end() :] for number in numbers]
    return [name for part in parts for name in _expanded(part)]

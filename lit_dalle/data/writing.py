"""Folders and files that appear whole or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa  # type: ignore[import-untyped]
from datasets import Dataset


@contextmanager
def whole_folder(target: str | Path, marker: str) -> Iterator[Path]:
    """Yield an empty folder that takes the place of ``target`` when the block ends well.

    When the block raises (or is interrupted) ``target`` is as it was before. A folder that was
    there is replaced only if it is empty or holds ``marker``, so that no foreign folder is lost.

    Args:
        target: Folder to be written; missing parents are made.
        marker: Name of a file that every folder of this sort holds, for example ``config.json``.

    Raises:
        ValueError: ``target`` is a file, or a folder of another sort.
    """
    target = Path(target).resolve()
    check_replaceable(target, marker)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    part.mkdir()
    try:
        yield part
        _swap(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_replaceable(target: Path, marker: str) -> None:
    """Raise ValueError where ``whole_folder`` would refuse to write."""
    if target.exists() and not target.is_dir():
        raise ValueError(f"{target} is a file, not a folder: choose another place to write to")
    if target.is_dir() and any(target.iterdir()) and not (target / marker).exists():
        raise ValueError(
            f"{target} holds something else (no {marker} in it): choose a new or an empty folder"
        )


@contextmanager
def whole_file(target: str | Path) -> Iterator[Path]:
    """Yield a path to write to; the file there takes the place of ``target`` when the block ends.

    When the block raises ``target`` is as it was before.

    Args:
        target: File to be written; missing folders are made.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        yield part
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as readable JSON, whole or not at all."""
    with whole_file(path) as part:
        part.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: The file is not JSON, or holds something else than an object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # JSONDecodeError and UnicodeDecodeError are both ValueErrors
        raise ValueError(f"{path} is not readable as JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} holds a {type(value).__name__}, a JSON object was expected")
    return value


def _swap(part: Path, target: Path) -> None:
    """Put ``part`` in the place of ``target``; what was there is removed only afterwards."""
    if not target.exists():
        os.rename(part, target)
        return
    old = target.with_name(f".{target.name}.{uuid4().hex[:8]}.old")
    os.rename(target, old)
    try:
        os.rename(part, target)
    except OSError:
        os.rename(old, target)
        raise
    shutil.rmtree(old)


def write_arrow(table: Dataset, path: Path) -> None:
    """Write a table as an Arrow stream, which ``Dataset.from_file`` maps into memory."""
    arrow = table.data.table
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, arrow.schema) as stream:
        stream.write_table(arrow)

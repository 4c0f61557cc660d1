"""A folder of pictures as tables: its splits, and what is said of the pictures."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from datasets import DatasetDict

from lit_dalle.data.columns import TROUBLE
from lit_dalle.data.listing import IMAGE, LISTS, Row, read_list, to_table, trouble
from lit_dalle.data.notes import NO_TEXT

PICTURE_ENDINGS = frozenset(
    {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".ppm"}
)
SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval"),
    "held_out": ("held_out",),
}
"""Names of the folders that hold the splits."""
CLASS = "_class"
"""Key of the class that a row has by its folder, until all classes are known."""


def read_folder(folder: Path) -> DatasetDict:
    """Read a folder's pictures with what is said of them.

    Folders named after splits are splits, and where there are some, nothing lies beside them.
    Captions stand in ``metadata.jsonl``, ``.csv``, ``.tsv`` or ``.parquet`` (``file_name`` and any
    other columns), or in a text file of the picture's name, a caption a line. Where there are
    neither, the folders in which pictures lie are their classes.

    Raises:
        ValueError: Two folders mean one split, something lies beside the folders of splits, or a
            list cannot be read.
    """
    parts = _split_folders(folder) or {"train": folder}
    rows = {split: list(_rows(path)) for split, path in parts.items()}
    classes = sorted({row[CLASS] for some in rows.values() for row in some if CLASS in row})
    tables = {}
    for split, some in rows.items():
        named = [row for row in some if CLASS in row]
        for row in named:
            row["label"] = classes.index(row.pop(CLASS))
        tables[split] = to_table(some, classes if named else None)
    return DatasetDict(tables)


def _split_folders(folder: Path) -> dict[str, Path]:
    """The folders of the splits, if there are such."""
    found: dict[str, Path] = {}
    inner = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    for split, names in SPLIT_NAMES.items():
        for path in inner:
            if path.name.lower() not in names:
                continue
            if split in found:
                raise ValueError(
                    f"{found[split]} and {path} both mean {split}: join them, or rename one"
                )
            found[split] = path
    if found:
        _check_nothing_beside(found.values(), folder)
    return found


def _check_nothing_beside(parts: Collection[Path], folder: Path) -> None:
    others = [path for path in sorted(folder.iterdir()) if path not in parts]
    shown = [path for path in others if not path.name.startswith(".")]
    for path in (file for one in shown for file in (_files(one) if one.is_dir() else [one])):
        if _is_list(path) or path.suffix.lower() in PICTURE_ENDINGS:
            raise ValueError(
                f"{path} lies beside {', '.join(map(str, parts))}, which by their names hold all "
                "there is, split by split: move it into one of them, or rename what is no split"
            )


def _files(folder: Path) -> list[Path]:
    """Files in a folder and in those within, without hidden ones."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [p for p in found if not any(n.startswith(".") for n in p.relative_to(folder).parts)]


def _is_list(path: Path) -> bool:
    return path.stem == "metadata" and path.suffix in LISTS


def _rows(folder: Path) -> Iterator[Row]:
    """Rows of a split: those of its lists, then of pictures that stand in none."""
    files = _files(folder)
    lists = [path for path in files if _is_list(path)]
    listed = [row for path in lists for row in read_list(path)]
    yield from listed
    known = {row[IMAGE] for row in listed}
    others = [p for p in files if p.suffix.lower() in PICTURE_ENDINGS and str(p) not in known]
    yield from (_unlisted(others, folder) if not lists else ({IMAGE: str(p)} for p in others))


def _unlisted(pictures: Iterable[Path], folder: Path) -> Iterator[Row]:
    """Rows of pictures without a list: with captions from text files, or with classes."""
    pictures = list(pictures)
    has_texts = any(path.with_suffix(".txt").is_file() for path in pictures)
    has_classes = all(path.parent != folder for path in pictures)
    for path in pictures:
        row: Row = {IMAGE: str(path)}
        if has_texts:
            row |= _caption(path.with_suffix(".txt"))
        elif has_classes:
            row[CLASS] = path.parent.name
        yield row


def _caption(path: Path) -> Row:
    if not path.is_file():
        return {"text": []}
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as error:
        return {"text": [], TROUBLE: [trouble(NO_TEXT, f"{path} is no text: {error}", "text")]}
    return {"text": [line.strip() for line in lines if line.strip()]}

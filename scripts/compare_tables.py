"""Compare two builds of a table: ``python scripts/compare_tables.py OURS THEIRS``.

Both are folders of parquet files; rows are joined by ``style`` and ``hexcode``. Says which rows
only one has, which columns differ, and how far the pictures are apart (mean absolute difference).
"""

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image


def main(ours: str, theirs: str) -> None:
    """Print the comparison of all files that both folders have."""
    for path in sorted(Path(theirs).glob("*.parquet")):
        compare(Path(ours) / path.name, path)


def compare(ours: Path, theirs: Path) -> None:
    """Print how two files differ."""
    a, b = (rows(path) for path in (ours, theirs))
    both = sorted(set(a) & set(b))
    print(f"{ours.name}: {len(a)} rows here, {len(b)} there, {len(both)} in both")
    print("  only here:", sorted(set(a) - set(b))[:5], "only there:", sorted(set(b) - set(a))[:5])
    names = [name for name in next(iter(b.values())) if name != "image"]
    differing = {name: sum(a[k][name] != b[k][name] for k in both) for name in names}
    print("  columns that differ:", {name: n for name, n in differing.items() if n} or "none")
    apart = {k: float(np.abs(pixels(a[k]) - pixels(b[k])).mean()) for k in both}
    unlike = {k: round(v, 3) for k, v in apart.items() if v > 0}
    print(f"  pictures that differ: {len(unlike)}", dict(list(unlike.items())[:12]))


def rows(path: Path) -> dict[tuple[str, str], dict]:
    """Return the rows of a file by (style, hexcode)."""
    listed = pq.read_table(path).to_pylist()
    found = {(row["style"], row["hexcode"]): row for row in listed}
    if len(found) < len(listed):
        print(f"{path}: {len(listed) - len(found)} rows stand twice")
    return found


def pixels(row: dict) -> np.ndarray:
    """Return the picture of a row."""
    return np.asarray(Image.open(BytesIO(row["image"]["bytes"])).convert("RGB")).astype(int)


if __name__ == "__main__":
    main(*sys.argv[1:])

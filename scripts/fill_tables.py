"""Fill the tables of Markdown files from result files, so that no figure is ever typed.

A table stands between two comments; the first names the result file, the key of ``case`` that makes
the rows and the key (or ``metric``) that makes the columns:

    <!-- table results/reconstruction.json rows=family columns=metric -->
    <!-- end -->

Several result files stand with commas between them; rows and columns may be several keys with + in
between. More pairs behind these keep only the rows that have these values, spaces written as _; a -
keeps rows without the key, and | stands between values any of which will do (n=-|1|32).

Run ``python scripts/fill_tables.py README.md docs/results.md``; with ``--check`` nothing is written
and the exit code is 1 when a file's tables are not those of its result files.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

BLOCK = re.compile(
    r"(<!-- table (?P<file>\S+) rows=(?P<rows>\S+) columns=(?P<columns>\S+)"
    r"(?P<only>(?: \S+=\S+)*) -->\n)"
    r".*?(<!-- end -->)",
    re.S,
)


def main() -> None:
    """Fill or check the files named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    arguments = parser.parse_args()
    stale = [path for path in arguments.files if not fill(path, write=not arguments.check)]
    if arguments.check and stale:
        sys.exit(f"run scripts/fill_tables.py: tables are stale in {', '.join(map(str, stale))}")


def fill(path: Path, *, write: bool) -> bool:
    """Fill one file's tables; True when they stood there already."""
    text = path.read_text()
    filled = BLOCK.sub(lambda match: match[1] + table_of(match) + match[6], text)
    if write:
        path.write_text(filled)
    return filled == text


def table_of(match: re.Match[str]) -> str:
    """Return the Markdown table and the line that says where its figures come from."""
    results = [json.loads(Path(name).read_text()) for name in match["file"].split(",")]
    only = dict(pair.split("=", 1) for pair in match["only"].split())
    every = [row for result in results for row in result["rows"]]
    rows = [row for row in every if all(fits(cell(row, k), v) for k, v in only.items())]
    if not rows:
        raise SystemExit(f"{match['file']} has no row with {match['only'].strip()}")
    names = unique(cell(row, match["rows"]) for row in rows)
    columns = unique(cell(row, match["columns"]) for row in rows)
    found = {(cell(row, match["rows"]), cell(row, match["columns"])): row for row in rows}
    lines = [line([match["rows"], *columns]), line(["---"] * (len(columns) + 1))]
    lines += [
        line([name, *(figure(found.get((name, column))) for column in columns)]) for name in names
    ]
    return "\n".join([*lines, "", *(source(result["setting"]) for result in results), ""])


def source(setting: dict[str, Any]) -> str:
    """Return the line that says where figures come from."""
    return f"`{setting['command']}`, seed {setting['seed']}, commit {setting['commit'][:10]}"


def fits(value: Any, wanted: str) -> bool:
    """Tell whether a cell is one of those asked for: spaces written as _, - for a key it lacks."""
    asked = ["" if one == "-" else one for one in wanted.split("|")]
    return str(value).replace(" ", "_") in asked


def cell(row: dict[str, Any], key: str) -> Any:
    """Return what a row has under a key of its case, or its metric; under several, all it has."""
    if "+" in key:
        return " ".join(str(part) for part in (cell(row, k) for k in key.split("+")) if part != "")
    return row["metric"] if key == "metric" else row["case"].get(key, "")


def unique(items: Any) -> list[Any]:
    """Return the different items in their first order."""
    return list(dict.fromkeys(items))


def figure(row: dict[str, Any] | None) -> str:
    """Return a value with its interval and unit, or a dash."""
    if row is None:
        return "–"
    digits = 3 if abs(row["value"]) < 10 else 1 if abs(row["value"]) < 1000 else 0
    value = f"{row['value']:,.{digits}f}"
    if row.get("low") is not None:
        value += f" ({row['low']:,.{digits}f}–{row['high']:,.{digits}f})"
    return f"{value} {row.get('unit') or ''}".strip()


def line(cells: list[Any]) -> str:
    """Return a line of a Markdown table."""
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    main()

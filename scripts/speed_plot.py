"""Draw the picture of result files of ``benchmarks/throughput.py``, as its ``--plot`` does.

python scripts/speed_plot.py results/throughput-*.json --out docs/images/speed.png
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from speed.plot import plot


def main() -> None:
    """Read the files and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="picture to write")
    arguments = parser.parse_args()
    plot(
        [r for path in arguments.files for r in json.loads(path.read_text())["rows"]], arguments.out
    )


if __name__ == "__main__":
    main()

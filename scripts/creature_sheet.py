"""Draw the picture of the creatures in docs/zero_shot.md.

    python scripts/creature_sheet.py --out docs/images/creatures.png

A row for each outline, a column for every third of its kinds.
"""

import argparse
from pathlib import Path

from PIL import Image

from lit_dalle.data.creatures import KINDS, draw_creature

SIDE, GAP, COLUMNS, STEP = 64, 2, 14, 3


def main() -> None:
    """Draw and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="PNG to write")
    out = parser.parse_args().out
    rows = len(KINDS) // (COLUMNS * STEP)
    sheet = Image.new("RGB", (COLUMNS * (SIDE + GAP), rows * (SIDE + GAP)), "white")
    for place in range(rows * COLUMNS):
        row, column = divmod(place, COLUMNS)
        picture = draw_creature(KINDS[STEP * place], seed=place, size=SIDE)
        sheet.paste(picture, (column * (SIDE + GAP), row * (SIDE + GAP)))
    sheet.save(out)


if __name__ == "__main__":
    main()

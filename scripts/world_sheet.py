"""Make docs/images/world.png: one row of pictures a family, from the training split.

Command: ``python scripts/world_sheet.py [--columns 10] [--out docs/images/world.png]``
"""

import argparse
from pathlib import Path

from PIL import Image

from lit_dalle.data.world import FAMILIES, SPLITS, world_row

GAP = 4


def contact_sheet(
    families: tuple[str, ...], columns: int, split: str, seed: int, first: int = 0, size: int = 64
) -> Image.Image:
    """A row of pictures a family, in order from the index `first`, none picked by hand."""
    step = size + GAP
    sheet = Image.new("RGB", (columns * step + GAP, len(families) * step + GAP), (255, 255, 255))
    for row, family in enumerate(families):
        for column in range(columns):
            index = first + row * columns + column
            picture = world_row(split, index, seed, [family], size)["image"]
            sheet.paste(picture, (GAP + column * step, GAP + row * step))
    return sheet


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", nargs="+", default=FAMILIES, choices=FAMILIES)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--split", default="train", choices=SPLITS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="index of the first picture")
    parser.add_argument("--size", type=int, default=64, help="side of each picture in pixels")
    parser.add_argument("--out", type=Path, default=Path("docs/images/world.png"))
    args = parser.parse_args()
    sheet = contact_sheet(
        tuple(args.families), args.columns, args.split, args.seed, args.first, args.size
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(args.out, optimize=True)
    print(f"{args.out}: {sheet.width} × {sheet.height}, {args.out.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()

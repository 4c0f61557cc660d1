"""Draw one prompt per row and family for the model card: CLIP's best of 64, never picked by hand.

    python scripts/family_sheet.py --out docs/images/families.png

The prompts are the canonical captions of the first eight scenes of each family in a split; the page
shows a row a family, and the prompts are printed in the same order.
"""

import argparse
from pathlib import Path

import torch
from PIL import Image
from rich.progress import track

from lit_dalle import DallePipeline
from lit_dalle.data.world import FAMILIES, world_row
from lit_dalle.generation.pictures import contact_sheet, write_png

COLUMNS = 8


def main() -> None:
    """Draw, print the prompts, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pipeline", default="world")
    parser.add_argument("--candidates", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", default="test", choices=("test", "held_out"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    pipeline = DallePipeline.from_pretrained(options.pipeline)
    prompts = [prompt for family in FAMILIES for prompt in prompts_of(family, options.split)]
    pictures = [best(pipeline, prompt, options) for prompt in track(prompts, "drawing")]
    print("\n".join(f"{number + 1:2d} {prompt}" for number, prompt in enumerate(prompts)))
    numbers = [str(number + 1) for number in range(len(prompts))]
    note = f"CLIP's best of {options.candidates} each, seed {options.seed}, split {options.split}"
    title = "Eight prompts of each family"
    write_png(
        contact_sheet(pictures, title=title, note=note, labels=numbers, columns=COLUMNS),
        options.out,
    )


def prompts_of(family: str, split: str) -> list[str]:
    """Return the canonical captions of the family's first scenes of a split."""
    rows = (world_row(split, index, families=(family,)) for index in range(COLUMNS))
    return [row["caption"][0] for row in rows]


def best(pipeline: DallePipeline, prompt: str, options: argparse.Namespace) -> Image.Image:
    """Draw a prompt and return the picture that CLIP ranks first."""
    generation = pipeline.generate(prompt, candidates=options.candidates, keep=1, seed=options.seed)
    return generation.pictures[0]


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    main()

"""Draw one prompt per row and family for the model card: CLIP's best of 64, never picked by hand.

    python scripts/family_sheet.py --out docs/images/families.png

The prompts are the canonical captions of the first eight scenes of each family in a split; the page
shows a row a family, and the prompts are printed in the same order. ``--verdicts`` frames green
what shows its scene exactly and red the rest, and prints what is wrong.
"""

import argparse
from pathlib import Path

import torch
from PIL import Image, ImageOps
from rich.progress import track

from lit_dalle import DallePipeline
from lit_dalle.data.world import FAMILIES, Scene, captions, world_scene
from lit_dalle.evaluation.grading import grade
from lit_dalle.generation.pictures import contact_sheet, write_png

COLUMNS = 8
RIGHT, WRONG = (20, 140, 80), (205, 60, 50)
FRAME = 3


def main() -> None:
    """Draw, print the prompts, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pipeline", default="world")
    parser.add_argument("--candidates", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", default="test", choices=("test", "held_out"))
    parser.add_argument("--verdicts", action="store_true", help="frames by the grader's verdict")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    pipeline = DallePipeline.from_pretrained(options.pipeline)
    scenes = [scene for family in FAMILIES for scene in scenes_of(family, options.split)]
    prompts = [captions(scene)[0] for scene in scenes]
    pictures = [best(pipeline, prompt, options) for prompt in track(prompts, "drawing")]
    notes = [""] * len(scenes)
    if options.verdicts:
        pictures, notes = judged(pictures, scenes)
    for number, (prompt, note) in enumerate(zip(prompts, notes, strict=True), 1):
        print(f"{number:2d} {prompt}{note}")
    numbers = [str(number + 1) for number in range(len(prompts))]
    note = f"CLIP's best of {options.candidates} each, seed {options.seed}, split {options.split}"
    title = "Eight prompts of each family"
    write_png(
        contact_sheet(pictures, title=title, note=note, labels=numbers, columns=COLUMNS),
        options.out,
    )


def scenes_of(family: str, split: str) -> list[Scene]:
    """Return the family's first scenes of a split."""
    return [world_scene(split, index, families=(family,)) for index in range(COLUMNS)]


def judged(pictures: list[Image.Image], scenes: list[Scene]) -> tuple[list[Image.Image], list[str]]:
    """Return the pictures in frames of the colour of their verdicts, and the reasons."""
    verdicts = [grade(picture, scene) for picture, scene in zip(pictures, scenes, strict=True)]
    framed = [
        ImageOps.expand(picture, FRAME, RIGHT if verdict.right else WRONG)
        for picture, verdict in zip(pictures, verdicts, strict=True)
    ]
    return framed, [f": {verdict.reason}" for verdict in verdicts]


def best(pipeline: DallePipeline, prompt: str, options: argparse.Namespace) -> Image.Image:
    """Draw a prompt and return the picture that CLIP ranks first."""
    generation = pipeline.generate(prompt, candidates=options.candidates, keep=1, seed=options.seed)
    return generation.pictures[0]


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    main()

"""The grader itself: does it call renders right, and renders of another scene wrong?

    python benchmarks/grading.py --pipeline world --out results/grading.json

For every family and fresh renders of its trained and held-out scenes:

- ``right called right``: the share of renders that are right for their own scene;
- ``changed called wrong``: the share of renders of a scene with exactly one attribute changed that
  are wrong for the scene itself; also for each attribute;
- ``extra called wrong``: the share of renders with a small coloured square pasted in somewhere;
- the first two again after a round trip through the pipeline's dVAE (``blurred``);
- the grader's speed;
- ``agreement``: the share of a model's samples in ``benchmarks/reading`` on which it says what a
  person said who saw the sheets of pictures before any verdict. Sizes of stains and gaps were set
  with the readings world-1 and world-2 in view; world-3 was read last.

Intervals are Wilson's 95 %. ``--quick`` takes fewer renders; ``--show FOLDER`` writes the pictures
that were graded wrongly, with the reason as their name.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from multiprocessing import get_context
from pathlib import Path
from random import Random
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track

from lit_dalle.data.world import (
    FAMILIES,
    WORLD_VERSION,
    Scene,
    neighbours,
    render,
    scene_from_json,
    scene_group,
    world_scene,
)
from lit_dalle.data.world.vocabulary import COLOUR_RGB
from lit_dalle.evaluation.grading import GRADER_VERSION, Verdict, grade
from lit_dalle.evaluation.grading.colours import to_lab
from lit_dalle.evaluation.intervals import wilson_interval
from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.generation.export import folder_hash, load_model
from lit_dalle.generation.hub import find_pipeline

Pixels = NDArray[np.uint8]
Blur = Callable[[Pixels], Pixels]
"""Pictures uint8 ``b h w 3`` to the same after a round trip."""
READINGS = Path(__file__).parent / "reading"
"""Samples of shipped models with a person's verdicts: a sheet of pictures and a line for each."""
READ_SIDE = 64
"""Pixels a side of a picture on a sheet."""
EXTRA_SIDE = 9
VISIBLE = 40.0
"""Least mean change, in delta E, that makes a pasted square an extra object."""
TIMED = 100
"""Pictures a family whose grading is timed, at the second time."""
CORES = 2
"""Processes that grade all families at once."""


def main() -> None:
    """Parse the command line, measure, print and write."""
    options = _options()
    folder = None if options.pipeline == "none" else find_pipeline(options.pipeline) / "dvae"
    renders = options.renders or (100 if options.quick else 1000)
    facts = setting(seed=options.seed, precision="float32") | {
        "world": WORLD_VERSION,
        "grader": GRADER_VERSION,
        "renders": renders,
        "dvae": None if folder is None else folder_hash(folder),
    }
    results = ResultFile("grading", facts)
    blurs: dict[str, Blur] = {"render": lambda pictures: pictures}
    if folder is not None:
        blurs["blurred"] = round_trip(folder)
    for family in track(options.families, description="grading"):
        for picture, blur in blurs.items():
            if picture == "render" or renders >= 4:
                count = renders if picture == "render" else renders // 4
                measure(results, family, picture, blur, count, options)
        speed(results, family, options.seed)
    speed_of_all(results, options.families, options.seed)
    for reading in sorted(READINGS.glob("*.jsonl")):
        agreement(results, reading, options.families)
    Console().print(results.table())
    if options.out is not None:
        results.write(options.out)


def measure(
    results: ResultFile,
    family: str,
    picture: str,
    blur: Blur,
    renders: int,
    options: argparse.Namespace,
) -> None:
    """Add the rows of a family for renders as they are, or after a round trip."""
    case = {"family": family, "picture": picture}
    scenes = [scene for scene, _ in _scenes(family, renders, options.seed)]
    seeds = [seed for _, seed in _scenes(family, renders, options.seed)]
    own = blur(np.stack([draw(s, seed) for s, seed in zip(scenes, seeds, strict=True)]))
    verdicts = [grade(image, scene) for image, scene in zip(own, scenes, strict=True)]
    share(results, case, "right called right", [verdict.right for verdict in verdicts])
    keep(options.show, case, own, verdicts, scenes, wanted=True)
    others = [_changed(scene, seed) for scene, seed in zip(scenes, seeds, strict=True)]
    changed = blur(np.stack([draw(o, seed) for o, seed in zip(others, seeds, strict=True)]))
    verdicts = [grade(image, scene) for image, scene in zip(changed, scenes, strict=True)]
    wrong = [not verdict.right for verdict in verdicts]
    share(results, case, "changed called wrong", wrong)
    keep(options.show, case, changed, verdicts, scenes, wanted=False, others=others)
    attributes = [_difference(a, b) for a, b in zip(scenes, others, strict=True)]
    for attribute in sorted(set(attributes)):
        part = [w for w, name in zip(wrong, attributes, strict=True) if name == attribute]
        share(results, case | {"attribute": attribute}, "changed called wrong", part)
    if picture == "render":
        extra = np.stack([with_square(image, s) for image, s in zip(own, seeds, strict=True)])
        verdicts = [grade(image, scene) for image, scene in zip(extra, scenes, strict=True)]
        share(results, case, "extra called wrong", [not verdict.right for verdict in verdicts])
        keep(options.show, case | {"extra": 1}, extra, verdicts, scenes, wanted=False)


def share(results: ResultFile, case: dict[str, str], metric: str, held: list[bool]) -> None:
    """Add the share of trials that held."""
    interval = wilson_interval(sum(held), len(held))
    results.row(case, metric, sum(held) / len(held), *interval)


def speed(results: ResultFile, family: str, seed: int) -> None:
    """Add how many pictures of a family one core grades in a second, drawings at hand."""
    trials = _timed(family, seed)
    grade_each(trials)
    begin = perf_counter()
    grade_each(trials)
    rate = len(trials) / (perf_counter() - begin)
    results.row({"family": family, "picture": "render"}, "graded", rate, unit="pictures/s")


def speed_of_all(results: ResultFile, families: list[str], seed: int) -> None:
    """Add how many pictures of all families two processes grade in a second, drawings at hand."""
    trials = [trial for family in families for trial in _timed(family, seed)]
    parts = [trials[first::CORES] for first in range(CORES)]
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # read by the processes
    with ProcessPoolExecutor(CORES, get_context("spawn")) as pool:
        list(pool.map(grade_each, parts))
        begin = perf_counter()
        list(pool.map(grade_each, parts))
        rate = len(trials) / (perf_counter() - begin)
    case = {"family": "all", "picture": "render", "cores": CORES}
    results.row(case, "graded", rate, unit="pictures/s")


def grade_each(trials: list[tuple[Pixels, Scene]]) -> None:
    """Grade pictures against their scenes."""
    for image, scene in trials:
        grade(image, scene)


def _timed(family: str, seed: int) -> list[tuple[Pixels, Scene]]:
    return [(draw(scene, picture), scene) for scene, picture in _scenes(family, TIMED, seed)]


def agreement(results: ResultFile, reading: Path, families: list[str]) -> None:
    """Add on how many samples of each family grader and person agree, and all disagreements."""
    sheet = np.array(Image.open(reading.with_suffix(".webp")).convert("RGB"))
    lines = [json.loads(line) for line in reading.read_text().splitlines()]
    for family in families:
        agreed = []
        for line in lines:
            if line["scene"]["family"] != family:
                continue
            y, x = READ_SIDE * line["row"], READ_SIDE * line["column"]
            picture = sheet[y : y + READ_SIDE, x : x + READ_SIDE]
            verdict = grade(picture, scene_from_json(json.dumps(line["scene"])))
            agreed.append(verdict.right == line["right"])
            if not agreed[-1]:
                said = "right" if line["right"] else "wrong"
                print(f"{reading.stem} {family} {line['column']}: {said}, but {verdict.reason}")
        share(results, {"family": family, "reading": reading.stem}, "agreement", agreed)


def keep(
    folder: Path | None,
    case: dict,
    images: Pixels,
    verdicts: list[Verdict],
    scenes: list[Scene],
    *,
    wanted: bool,
    others: list[Scene] | None = None,
) -> None:
    """Write the pictures whose verdict is not the wanted one, four times as large."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for number, (image, verdict) in enumerate(zip(images, verdicts, strict=True)):
        if verdict.right != wanted:
            drawn = "" if others is None else f" drawn {others[number]}"
            name = f"{' '.join(map(str, case.values()))} {number:04d}"
            Image.fromarray(image).resize((256, 256), 0).save(folder / f"{name}.png")
            with (folder / "reasons.txt").open("a") as reasons:
                reasons.write(f"{name}: asked {scenes[number]}{drawn}: {verdict.reason}\n")


def round_trip(folder: Path) -> Blur:
    """Pictures to image tokens and back."""
    dvae = load_model(folder, kind="dvae")

    @torch.no_grad()
    def blur(pictures: Pixels) -> Pixels:
        images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
        with torch.autocast("cpu", torch.bfloat16):
            decoded = torch.cat([dvae.decode(dvae.encode(part)) for part in images.split(64)])
        return (decoded.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()

    return blur


def with_square(image: Pixels, seed: int) -> Pixels:
    """The picture with a square of a named colour where it is plain to see."""
    draw, side = Random(seed), len(image)
    for _ in range(1000):
        x, y = draw.randrange(side - EXTRA_SIDE), draw.randrange(side - EXTRA_SIDE)
        colour = np.array(draw.choice(list(COLOUR_RGB.values())), np.uint8)
        below = to_lab(image[y : y + EXTRA_SIDE, x : x + EXTRA_SIDE])
        if np.sqrt(((below - to_lab(colour)) ** 2).sum(-1)).min() > VISIBLE:
            changed = image.copy()
            changed[y : y + EXTRA_SIDE, x : x + EXTRA_SIDE] = colour
            return changed
    raise RuntimeError("there is no place for an extra square")


def draw(scene: Scene, seed: int) -> Pixels:
    """A render as an array ``h w 3``."""
    return np.array(render(scene, seed))


def _scenes(family: str, count: int, seed: int) -> Iterator[tuple[Scene, int]]:
    """Scenes of the test split and held out by turns, each with the seed of its picture."""
    for index in range(count):
        split = ("test", "held_out")[index % 2]
        yield world_scene(split, index // 2, seed, (family,)), 10_000_019 * (seed + 1) + index


def _changed(scene: Scene, seed: int) -> Scene:
    """One scene that differs in one attribute; every attribute is equally likely."""
    found: dict[str, list[Scene]] = {}
    for other in neighbours(scene):
        if scene_group(other) != scene_group(scene):
            found.setdefault(_difference(scene, other), []).append(other)
    chooser = Random(seed)
    return chooser.choice(found[chooser.choice(sorted(found))])


def _difference(scene: Scene, other: Scene) -> str:
    """The attribute in which two scenes differ."""
    names = [field.name for field in fields(scene)]
    return next(
        name
        for name in names
        if replace(scene, **{name: getattr(other, name)}) == other
        and getattr(scene, name) != getattr(other, name)
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pipeline", default="world", help="whose dVAE blurs; none leaves it out")
    parser.add_argument("--families", nargs="+", default=FAMILIES, choices=FAMILIES)
    parser.add_argument("--renders", type=int, help="renders a family (default 1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="100 renders a family")
    parser.add_argument("--show", type=Path, help="folder for the pictures graded wrongly")
    parser.add_argument("--out", type=Path, help="result file")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    main()

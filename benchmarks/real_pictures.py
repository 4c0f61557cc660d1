"""A pipeline trained on real captioned pictures, judged by a CLIP that is not its own.

    python benchmarks/real_pictures.py --pipeline emoji --judge runs/emoji/judge/export \
        --data data/emoji --out results/emoji.json --grids emoji-grids

Emoji: prompts are "dog face, noto style". Four parts, each with its 95 % intervals (over emoji, not
drawings). The tokenizer: PSNR and use of the codebook, by style. The prior: what the loss gains by
the right caption, against that of another emoji of the style. Samples of ``trained`` (drawings that
were trained), ``seen`` (emoji that were trained in other styles) and ``compositions`` (emoji never
trained): ``one`` sample and the best of all as the pipeline ranks them, beside the ``real``
picture, its ``round_trip`` through the dVAE and the ``retrieval`` of a training picture; the judge
says whether the right name is first of a hundred. And the prompts of ``seen`` in other languages.
With several seeds values are means, and rows with ``seed`` are of one.

The names are those of the prompt's own split, and in ``compositions`` they are near twins (a role
in many tones): compare rows with ``real`` of their own set, not sets. The judge has seen the
training pictures, which flatters ``retrieval``. Fréchet distances are from one set of other real
pictures of the split.

``--quick`` takes 24 prompts with 4 samples each, 24 rows of each split for the captions, 128 for
the tokenizer and 2,000 training pictures.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from options import bar
from rich.console import Console

from lit_dalle.cli.main import keep_freed_memory
from lit_dalle.evaluation.caption_swap import add_caption_swap
from lit_dalle.evaluation.composition.painter import Painter
from lit_dalle.evaluation.real_pictures.emoji import (
    COMPOSITIONS,
    CREDIT,
    OTHER_STYLES,
    PROMPT,
    SEEN,
    TRAIN,
    TRANSLATIONS,
    VALIDATION,
    emoji_split,
)
from lit_dalle.evaluation.real_pictures.judge import Judge, check_independent, clip_judge
from lit_dalle.evaluation.real_pictures.lettering import lettered
from lit_dalle.evaluation.real_pictures.measure import Measured, PictureBench, languages_of
from lit_dalle.evaluation.real_pictures.nets import round_trips, swap_captions, with_partners
from lit_dalle.evaluation.real_pictures.plan import Plan, PromptSet, prompt_set
from lit_dalle.evaluation.real_pictures.rows import add_rows
from lit_dalle.evaluation.real_pictures.sheets import WORDS_SIZE, write_sheets
from lit_dalle.evaluation.real_pictures.subjects import CaptionedSplit, drawn_by_seed
from lit_dalle.evaluation.real_pictures.summary import tables
from lit_dalle.evaluation.real_pictures.training import look_at_training
from lit_dalle.evaluation.reconstruction import add_reconstruction
from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.evaluation.zero_shot.templates import read_templates
from lit_dalle.generation.clips import LoadedClip, load_clip
from lit_dalle.generation.hardware import DTYPES, pick_device
from lit_dalle.generation.pipeline import DallePipeline

SETS = {"trained": TRAIN, "seen": SEEN, "compositions": COMPOSITIONS}
"""Sets of prompts and the split of each."""
TOKENIZED = (VALIDATION, SEEN, COMPOSITIONS, OTHER_STYLES)
READ = (TRAIN, VALIDATION, SEEN, COMPOSITIONS)
PLAIN = ("{}",)
"""The label alone, as it stands in the tables."""


@dataclass(frozen=True)
class Amount:
    """How much a run measures; None is all there is."""

    prompts: int
    """Of each set."""
    candidates: int
    """Samples a prompt and seed."""
    rows: int
    """Of each split, for the captions."""
    pictures: int | None
    """Of each split, for the tokenizer."""
    training: int | None
    """Training pictures that retrieval and the search for copies look at."""


FULL = Amount(prompts=200, candidates=16, rows=400, pictures=None, training=None)
QUICK = Amount(prompts=24, candidates=4, rows=24, pictures=128, training=2000)


def main() -> None:
    """Parse the command line and run; what is wrong with the input is one line."""
    options = _options()
    try:
        run(options)
    except (ValueError, OSError) as error:
        print(f"real_pictures: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None


def run(options: argparse.Namespace) -> None:
    """Measure, print and write."""
    amount = _amount(options)
    _check_targets(options)
    plan = Plan(amount.candidates, tuple(options.seeds or [options.seed]), options.seed)
    painter, judging = _nets(options)
    templates = PLAIN if options.templates is None else read_templates(options.templates)
    splits = {
        name: emoji_split(options.data, name, translated=name == SEEN)
        for name in dict.fromkeys((*TOKENIZED, *READ))
    }
    sets = [
        prompt_set(name, splits[split], amount.prompts, plan.seed, painter)
        for name, split in SETS.items()
    ]
    facts = _facts(painter, judging, plan, amount, splits, sets)
    results = ResultFile("real_pictures", facts | {"judge_templates": list(templates)})
    measure_nets(results, painter, splits, amount, plan.seed)
    _write(results, options.out)
    for found in measure_sets(
        painter, clip_judge(judging, templates), splits[TRAIN], sets, plan, amount
    ):
        add_rows(results, found, plan.seeds)
        _write(results, options.out)
        if options.grids is not None:
            note = _note(painter, plan)
            write_sheets(options.grids, found, note=note, credit=CREDIT, font=options.font)
    for table in tables(results):
        Console(width=150).print(table)


def _check_targets(options: argparse.Namespace) -> None:
    """See that what will be written can be, before hours of drawing."""
    lettered("a", "a", WORDS_SIZE, options.font)
    if options.grids is not None and options.grids.exists() and not options.grids.is_dir():
        raise ValueError(f"--grids {options.grids} is a file: give a folder")
    if options.out is not None and options.out.is_dir():
        raise ValueError(f"--out {options.out} is a folder: give a file")


def _write(results: ResultFile, out: Path | None) -> None:
    """Write what there is so far: a run of hours that ends early leaves its first sets."""
    if out is not None:
        results.write(out)


def measure_nets(
    results: ResultFile,
    painter: Painter,
    splits: dict[str, CaptionedSplit],
    amount: Amount,
    seed: int,
) -> None:
    """Add the rows of the tokenizer and of the prior's reading."""
    for name in TOKENIZED:
        taken, _ = drawn_by_seed(splits[name].subjects, amount.pictures, "tokenizer", seed)
        with bar(f"tokenizer, {name}", len(taken)) as advance:
            found = round_trips(painter, splits[name], taken, advance)
        add_reconstruction(results, name, found)
    for name in READ:
        able, partners = with_partners(splits[name].subjects, seed)
        taken, _ = drawn_by_seed(able, amount.rows, "captions", seed)
        with bar(f"captions, {name}", len(taken)) as advance:
            losses = swap_captions(painter, splits[name], taken, partners, advance)
        add_caption_swap(results, name, losses)


def measure_sets(
    painter: Painter,
    judge: Judge,
    training: CaptionedSplit,
    sets: list[PromptSet],
    plan: Plan,
    amount: Amount,
) -> Iterator[Measured]:
    """Look at the training pictures, then draw and judge each set."""
    taken, _ = drawn_by_seed(training.subjects, amount.training, "training", plan.seed)
    with bar("training pictures", len(taken)) as advance:
        seen = look_at_training(painter, judge, training, taken, advance)
    bench = PictureBench(painter, judge, seen, plan)
    for prompts in sets:
        languages = 1 + len(languages_of(prompts.subjects))
        samples = languages * len(prompts.subjects) * len(plan.seeds) * plan.candidates
        with bar(f"samples, {prompts.name}", samples) as advance:
            found = bench.measure(prompts, advance)
        yield found


def _nets(options: argparse.Namespace) -> tuple[Painter, LoadedClip]:
    """The pipeline and its judge, who is another CLIP than the pipeline's."""
    pipeline = DallePipeline.from_pretrained(
        options.pipeline, device=options.device, dtype=DTYPES.get(options.precision)
    )
    how = pipeline.defaults.changed(guidance=options.guidance, temperature=options.temperature)
    painter = Painter(pipeline, how)
    judging = load_clip(options.judge, device=pick_device(options.device))
    check_independent(judging.net, pipeline.clip)
    return painter, judging


def _amount(options: argparse.Namespace) -> Amount:
    usual = QUICK if options.quick else FULL
    given = {name: getattr(options, name) for name in asdict(usual)}
    for name, value in given.items():
        if value is not None and value < 1:
            raise ValueError(f"--{name} must be at least 1, got {value}")
    return Amount(**{name: given[name] or value for name, value in asdict(usual).items()})


def _facts(
    painter: Painter,
    judging: LoadedClip,
    plan: Plan,
    amount: Amount,
    splits: dict[str, CaptionedSplit],
    sets: list[PromptSet],
) -> dict[str, Any]:
    """The setting behind the numbers."""
    pipeline = painter.pipeline
    precision = str(pipeline.dtype).removeprefix("torch.")
    facts = setting(seed=plan.seed, precision=precision, device=pipeline.device.type)
    return facts | {
        "seeds": list(plan.seeds),
        "pipeline": pipeline.name,
        "hashes": pipeline.hashes,
        "judge": {"name": judging.name, "hash": judging.hash},
        "prompt": PROMPT,
        "translations": TRANSLATIONS,
        "too_long": {one.name: one.too_long for one in sets},
        "data": {name: split.fingerprint for name, split in splits.items()},
        "rows_of_splits": {name: len(split.subjects) for name, split in splits.items()},
        **{f"amount_{name}": value for name, value in asdict(amount).items()},
        **asdict(painter.settings),
    }


def _note(painter: Painter, plan: Plan) -> str:
    """How the samples of a sheet were made."""
    kept, how = min(plan.shown_samples, plan.candidates), painter.settings
    return (
        f"Then the best {kept} of {plan.candidates} samples by the pipeline's own ranking, best "
        f"first. Seed {plan.seeds[0]}, guidance {how.guidance:g}, temperature {how.temperature:g}; "
        "the prompts are the first of a shuffled order, not chosen."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--pipeline", default="emoji", help="name, folder or hub id of a pipeline")
    add("--judge", default="runs/emoji/judge/export", help="an exported CLIP, not the pipeline's")
    add("--data", type=Path, default=Path("data/emoji"), help="folder of the emoji tables")
    add("--templates", type=Path, help="templates of the labels, one a line (default: plain)")
    add("--prompts", type=int, help="prompts of each set (default 200)")
    add("--candidates", type=int, help="samples a prompt and seed (default 16)")
    add("--rows", type=int, help="rows of each split, for the captions (default 400)")
    add("--pictures", type=int, help="pictures of each split, for the tokenizer (default all)")
    add("--training", type=int, help="training pictures that are looked at (default all)")
    add("--guidance", type=float, help="scale of guidance (default the pipeline's own)")
    add("--temperature", type=float, help="of the samples (default the pipeline's own)")
    add("--seed", type=int, default=0, help="of what is chosen: prompts, labels, captions")
    add("--seeds", type=int, nargs="+", help="of the samples, one or several (default --seed)")
    add("--grids", type=Path, help="folder for sheets of samples (PNG)")
    add("--font", type=Path, help="font file for the sheets, where the system has not the letters")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--precision", default="auto", choices=("auto", *DTYPES), help="of the pipeline's nets")
    add("--quick", action="store_true", help="the same rows on less, within five minutes")
    add("--out", type=Path, help="result file")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    keep_freed_memory()
    main()

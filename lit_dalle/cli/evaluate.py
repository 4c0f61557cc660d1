"""``lit-dalle evaluate``: how many pictures of a pipeline show what was asked for, exactly."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lit_dalle.cli.parsing import call, gathered
from lit_dalle.data.world import FAMILIES, WORLD_VERSION
from lit_dalle.evaluation import grading
from lit_dalle.evaluation.binding.rows import add_binding
from lit_dalle.evaluation.composition.measure import Measured, Plan, measure
from lit_dalle.evaluation.composition.page import page_of, write_page
from lit_dalle.evaluation.composition.painter import Painter, Pixels
from lit_dalle.evaluation.composition.pools import PoolMaker
from lit_dalle.evaluation.composition.prompt_files import file_prompts, write_prompt_file
from lit_dalle.evaluation.composition.prompts import Prompt, world_prompts
from lit_dalle.evaluation.composition.retrieval import TrainingPictures, look_at_training
from lit_dalle.evaluation.composition.rows import add_rows
from lit_dalle.evaluation.composition.summary import lines, tables
from lit_dalle.evaluation.grading.prompts import GenEvalPrompt, grade_prompt
from lit_dalle.evaluation.grading.verdict import Verdict
from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.evaluation.splits import SPLIT_OF
from lit_dalle.generation.hardware import DTYPES, Precision
from lit_dalle.generation.pipeline import DallePipeline

LISTS = ("--split", "--families", "--seeds")
"""Options that take several values."""
FLAGS = ("--quick",)
"""Options that may stand alone."""


@dataclass(frozen=True)
class Amount:
    """How much a run measures."""

    prompts: int
    """Prompts a family and split."""
    candidates: int
    """Samples a prompt and seed."""
    large_pool: int
    """Samples of the first prompts; 0 for none."""
    training: int
    """Training pictures that retrieval and memorisation look at."""
    binding: int
    """Tests of CLIP's binding for each family, form and split; 0 for none."""


FULL = Amount(prompts=100, candidates=64, large_pool=512, training=40_000, binding=200)
QUICK = Amount(prompts=8, candidates=32, large_pool=0, training=4_000, binding=40)
"""The same rows on less, within five minutes on two cores."""


def run(name: str, arguments: list[str]) -> None:
    """Run the command with its arguments as they were typed."""
    call(evaluate, name, gathered(arguments, lists=LISTS, flags=FLAGS))


def evaluate(
    *,
    pipeline: str = "world",
    prompts: str | None = None,
    split: list[str] | None = None,
    families: list[str] | None = None,
    prompts_per_family: int | None = None,
    candidates: int | None = None,
    large_pool: int | None = None,
    training_pictures: int | None = None,
    binding_tests: int | None = None,
    guidance: float | None = None,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    likelihood_weight: float | None = None,
    seeds: list[int] | None = None,
    quick: bool = False,
    out: str | None = None,
    page: str | None = None,
    work: str | None = None,
    write_prompts: str | None = None,
    precision: Precision = "auto",
    device: str = "auto",
) -> ResultFile | None:
    """Draw prompts, grade every picture exactly, and compare: one sample, CLIP's best, retrieval.

    CLIP's binding of words is tested too.

    Samples are drawn and ranked as the pipeline itself does where nothing else is asked for.
    Without a file of prompts they are compositions of the world, trained ones (iid) and held-out
    ones. Interrupted with a work folder given, the same command goes on where it was.

    Args:
        pipeline: A shipped name, a folder or a hub id. Shipped names win unless there is a slash.
        prompts: File of prompts in GenEval's form, JSON lines; the score is the mean of its tags.
        split: iid, held-out, or both (default): --split iid held-out.
        families: Families of the world, default all: --families count stack.
        prompts_per_family: Prompts of each family and split; default 100.
        candidates: Samples of each prompt and seed; default 64.
        large_pool: Samples of the first five prompts of each family and split; default 512, 0
            for none.
        training_pictures: Rows of the world's training split that retrieval and memorisation look
            at; default 40,000.
        binding_tests: Tests of CLIP's binding of words for each family, form and split; default
            200, 0 for none. A file of prompts is not accompanied by them.
        guidance: How strongly to follow the words; 1 is off. Null: the pipeline's own, as for the
            next four.
        temperature: Divides the logits.
        top_k: Draw each token from the k most likely ones; the size of the codebook is off.
        top_p: Draw each token from the most likely ones with this total probability; 1 is off.
        likelihood_weight: Rank by CLIP's cosine plus so much of the prior's likelihood gain, in
            nats per image token; 0 is CLIP alone.
        seeds: Seeds of the samples, default 0: --seeds 0 1 2. The prompts are the same for all.
        quick: 8 prompts, 32 samples, no large pool, 4,000 training pictures, 40 binding tests.
        out: Result file to write.
        page: Page of pictures with verdicts to write (HTML).
        work: Folder that keeps finished prompts, so that an interrupted run can go on.
        write_prompts: Write the prompts to this file in GenEval's form, and draw nothing.
        precision: auto: bfloat16 where the device computes in it.
        device: auto, cpu or cuda.

    Returns:
        The results; None where only prompts were written.

    Raises:
        FileNotFoundError: No such pipeline or file of prompts.
        ValueError: Unknown family or split, a prompt that cannot be read, or a setting out of
            range.
    """
    amount = QUICK if quick else FULL
    _check_targets(out, page, write_prompts)
    asked = _prompts(
        prompts,
        FAMILIES if families is None else families,
        tuple(SPLIT_OF) if split is None else split,
        amount.prompts if prompts_per_family is None else prompts_per_family,
    )
    if write_prompts is not None:
        write_prompt_file(Path(write_prompts), asked)
        return None
    plan = Plan(
        candidates=amount.candidates if candidates is None else candidates,
        large_pool=amount.large_pool if large_pool is None else large_pool,
        seeds=(0,) if seeds is None else tuple(seeds),
    )
    drawing = DallePipeline.from_pretrained(pipeline, device=device, dtype=DTYPES.get(precision))
    how = drawing.defaults.changed(
        guidance=guidance,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        likelihood_weight=likelihood_weight,
    )
    painter = Painter(drawing, how)
    _check_lengths(drawing, asked)
    rows = amount.training if training_pictures is None else training_pictures
    results = ResultFile("composition", _facts(painter, plan, asked, rows, prompts))
    folder = None if work is None else Path(work)
    measured, training = _measured(painter, asked, plan, rows, folder, results)
    add_rows(results, measured, plan, training.copies)
    tests = amount.binding if binding_tests is None else binding_tests
    if prompts is None and tests:
        add_binding(
            results,
            painter.encode_image,
            painter.encode_text,
            tests,
            splits=tuple(SPLIT_OF) if split is None else split,
            families=FAMILIES if families is None else families,
            seed=plan.seeds[0],
        )
    _print(results, plan)
    if out is not None:
        results.write(out)
    if page is not None:
        write_page(page, page_of(results, measured, training, plan))
    return results


def _measured(
    painter: Painter,
    prompts: Sequence[Prompt],
    plan: Plan,
    rows: int,
    work: Path | None,
    results: ResultFile,
) -> tuple[list[Measured], TrainingPictures]:
    """Look at the training pictures, then draw and grade, with a bar for each."""
    facts = {name: results.setting[name] for name in POOL_FACTS}
    samples = len(plan.seeds) * sum(plan.samples_of(prompt) for prompt in prompts)
    with _bars() as bars:
        task = bars.add_task("training pictures", total=rows)
        training = look_at_training(painter, rows, lambda done: bars.advance(task, done))
        task = bars.add_task("samples", total=samples)
        maker = PoolMaker(painter, grade_all, facts, work)
        measured = measure(prompts, training, maker, plan, lambda done: bars.advance(task, done))
    return measured, training


def grade_all(pictures: Pixels, asked: Any) -> list[Verdict]:
    """Grade pictures ``n h w 3`` against a scene of the world or a prompt in GenEval's form."""
    if isinstance(asked, GenEvalPrompt):
        return [grade_prompt(picture, asked) for picture in pictures]
    return [grading.grade(picture, asked) for picture in pictures]


POOL_FACTS = ("hashes", "precision", "world", "grader", "versions")
"""Settings that a kept pool depends on, beside its prompt and sampling."""


def _facts(
    painter: Painter, plan: Plan, prompts: Sequence[Prompt], rows: int, file: str | None
) -> dict[str, Any]:
    """The setting behind the numbers."""
    pipeline = painter.pipeline
    precision = str(pipeline.dtype).removeprefix("torch.")
    cases = [tuple(prompt.case.values()) for prompt in prompts]
    counts = {" ".join(case): cases.count(case) for case in dict.fromkeys(cases)}
    facts = setting(seed=plan.seeds[0], precision=precision, device=pipeline.device.type)
    return facts | {
        "seeds": list(plan.seeds),
        "pipeline": pipeline.name,
        "hashes": pipeline.hashes,
        "world": WORLD_VERSION,
        "grader": grading.GRADER_VERSION,
        "prompts": counts,
        "prompts_file": None if file is None else Path(file).name,
        "candidates": plan.candidates,
        "large_pool": plan.large_pool,
        "large_prompts": plan.large_prompts,
        "training_pictures": rows,
        **asdict(painter.settings),
    }


def _prompts(
    file: str | None, families: Sequence[str], splits: Sequence[str], count: int
) -> list[Prompt]:
    if file is not None:
        return file_prompts(Path(file))
    return world_prompts(families, splits, count)


def _check_lengths(pipeline: DallePipeline, prompts: Sequence[Prompt]) -> None:
    """Let a prompt that is too long fail before anything is drawn."""
    for prompt in prompts:
        pipeline.prior_tokenizer.encode([prompt.text])
        if pipeline.clip_tokenizer is not None:
            pipeline.clip_tokenizer.encode([prompt.text])


def _check_targets(*targets: str | None) -> None:
    for target in targets:
        if target is not None and Path(target).is_dir():
            raise ValueError(f"{target} is a folder: name a file to write to")


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _print(results: ResultFile, plan: Plan) -> None:
    """Print a table a split, and what the tables have no place for."""
    console = Console()
    for table in tables(results, plan.candidates):
        console.print(table)
    for line in lines(results):
        console.print(line, highlight=False, markup=False)

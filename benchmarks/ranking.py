"""CLIP, the prior's likelihood, or both: what picks the right picture of 32?

    python benchmarks/ranking.py --pipeline world --out results/ranking.json

Draws trained compositions of the world that ``benchmarks/composition.py`` does not ask for (those
after its first 100 of each family), grades every picture exactly, and ranks each prompt's samples
by CLIP's cosine, by likelihood under the caption, by likelihood gain (less that under the null
caption, in nats per image token), and by mixes ``cosine + weight · gain``. Half of the prompts
picks the weight, the other half tells what it is worth, with 95 % intervals (bootstrap over
prompts); a tie goes to the smaller weight, so 0 means that likelihood adds nothing.

Give the weight to the pipeline: ``lit-dalle join … --likelihood_weight W``. With ``--work`` an
interrupted run goes on. ``--quick`` takes fewer prompts.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress

from lit_dalle.cli.evaluate import FULL, POOL_FACTS, grade_all
from lit_dalle.data.world import FAMILIES, WORLD_VERSION
from lit_dalle.evaluation.composition.measure import Plan, groups
from lit_dalle.evaluation.composition.mixing import WEIGHTS, Judged, add_ranking
from lit_dalle.evaluation.composition.painter import Painter
from lit_dalle.evaluation.composition.pools import Pool, PoolMaker
from lit_dalle.evaluation.composition.prompts import Prompt, world_prompts
from lit_dalle.evaluation.grading import GRADER_VERSION
from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.generation.decode import null_text_tokens
from lit_dalle.generation.hardware import DTYPES
from lit_dalle.generation.likelihood import log_likelihoods
from lit_dalle.generation.pipeline import DallePipeline, pictures_together


def main() -> None:
    """Parse the command line, measure, print and write."""
    options = _options()
    pipeline = DallePipeline.from_pretrained(
        options.pipeline, device=options.device, dtype=DTYPES.get(options.precision)
    )
    painter = Painter(pipeline, pipeline.defaults.changed(likelihood_weight=0.0))
    count = options.prompts_per_family or (8 if options.quick else 50)
    prompts = world_prompts(options.families, ["iid"], count, skip=FULL.prompts)
    results = ResultFile("ranking", _facts(painter, prompts, options))
    facts = {name: results.setting[name] for name in POOL_FACTS}
    maker = PoolMaker(painter, grade_all, facts, options.work)
    with Progress() as bars:
        task = bars.add_task("prompts", total=len(prompts))
        judged = []
        for one in judge(maker, prompts, options.candidates, options.seed):
            judged.append(one)
            bars.advance(task)
    weight = add_ranking(results, judged, options.weights)
    Console().print(results.table())
    Console().print(f"likelihood_weight {weight:g}", highlight=False)
    if options.out is not None:
        results.write(options.out)


def judge(
    maker: PoolMaker, prompts: Sequence[Prompt], candidates: int, seed: int
) -> Iterator[Judged]:
    """Draw and grade the pools of all prompts, and weigh their likelihoods."""
    plan = Plan(candidates, large_pool=0, shown_prompts=0)
    for places in groups(prompts, plan):
        group = [prompts[place] for place in places]
        pools = maker.pools(group, candidates, seed, [0] * len(group), candidates)
        for prompt, pool in zip(group, pools, strict=True):
            yield _judged(maker.painter.pipeline, prompt, pool)


def _judged(pipeline: DallePipeline, prompt: Prompt, pool: Pool) -> Judged:
    text = pipeline.prior_tokenizer.encode([prompt.text])
    tokens = torch.from_numpy(pool.tokens.astype(np.int64))
    tile = pictures_together(pipeline.dvae.config)
    caption, null = (
        log_likelihoods(pipeline.prior, one, tokens, tile).double().cpu().numpy()
        for one in (text, null_text_tokens(text))
    )
    return Judged(prompt.case["family"], pool.right, pool.scores.astype(np.float64), caption, null)


def _facts(
    painter: Painter, prompts: Sequence[Prompt], options: argparse.Namespace
) -> dict[str, Any]:
    pipeline = painter.pipeline
    precision = str(pipeline.dtype).removeprefix("torch.")
    families = [prompt.case["family"] for prompt in prompts]
    return setting(seed=options.seed, precision=precision, device=pipeline.device.type) | {
        "pipeline": pipeline.name,
        "hashes": pipeline.hashes,
        "world": WORLD_VERSION,
        "grader": GRADER_VERSION,
        "prompts": {family: families.count(family) for family in dict.fromkeys(families)},
        "first_prompt": FULL.prompts,
        "candidates": options.candidates,
        "weights": list(options.weights),
        **asdict(painter.settings),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pipeline", default="world", help="name, folder or hub id of a pipeline")
    parser.add_argument("--families", nargs="+", default=FAMILIES, help="families of the world")
    parser.add_argument("--prompts-per-family", type=int, help="default 50")
    parser.add_argument("--candidates", type=int, default=32, help="samples a prompt")
    parser.add_argument("--weights", type=float, nargs="+", default=WEIGHTS, help="of the gain")
    parser.add_argument("--seed", type=int, default=0, help="of the samples")
    parser.add_argument(
        "--precision", default="auto", choices=("auto", *DTYPES), help="of the nets"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--work", type=Path, help="folder that keeps finished pools")
    parser.add_argument("--quick", action="store_true", help="8 prompts a family")
    parser.add_argument("--out", type=Path, help="result file")
    options = parser.parse_args()
    if min(options.weights) < 0:
        parser.error(f"weights must be 0 or more, got {min(options.weights)}")
    return options


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    main()

"""What was tried and what it gave: variations of a recipe, trained briefly and measured alike.

    python benchmarks/ablations.py benchmarks/ablations/clip.yaml --out results/ablations-clip.json

A variation file names a shipped recipe (``config``), ``steps``, ``seeds``, the logged scalars to
report with their units (``metrics``), flags of ``lit-dalle fit`` for all runs (``overrides``) and
those of each of the ``variations``, with a line that says why. Every flag is parsed before anything
is trained. The variations then run one after the other, each in a process of its own, and are
validated at their last update, the one reported (``validations`` asks for earlier ones too; a
variation may have ``steps`` of its own). An interrupted benchmark goes on where it was: a variation
that is finished in the ``--work`` folder with the same flags and recipe is not run again.

Rows, a variation each: the metrics, ``seconds_per_step`` (median, without start-up and validation)
and ``weights``, the parameters trained. With several seeds values are means, with Student's 95 %
intervals. What a variation does not log, or is not finite, has no row. ``--quick`` makes a tenth of
the updates.
"""

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from scipy.stats import t
from trials.checked import Checked, check
from trials.plan import Plan, chosen, read_plan
from trials.run import Run, file_hash

from lit_dalle.evaluation.intervals import mean_interval
from lit_dalle.evaluation.results import ResultFile, setting

QUICK_SHARE, QUICK_LEAST = 10, 20
"""``--quick`` makes a tenth of the updates, at least 20 where the plan has as many."""
WIDTH = 160
"""Columns of the table where there is no terminal."""
Results = dict[str, list[dict[str, Any]]]
"""Name of a variation → results of its runs, a seed each."""


def main() -> None:
    """Parse the command line, train, print and write."""
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        plan = read_plan(options.plan)
        runs = runs_of(plan, options)
        checked = check_all(runs)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"ablations: {error}")
    facts = setting_of(plan, runs, next(iter(checked.values())), options.quick)
    found, failures = train_all(runs, {key: facts[key] for key in ("commit", "hardware")}, console)
    add_origins(facts, found)
    results = ResultFile("ablations", facts)
    for name, each in found.items():
        add_rows(results, plan, name, each, checked[name].weights)
    console.print(table(results))
    for line in unlogged(plan, found):
        console.print(line)
    if failures:
        sys.exit("\n".join([*failures, "ablations: no result file; run again for what is missing"]))
    if options.out is not None:
        results.write(options.out)


def runs_of(plan: Plan, options: argparse.Namespace) -> list[Run]:
    """Return the runs that are asked for, in order."""
    work = options.work or Path("runs/ablations") / plan.stage
    runs = []
    for one in chosen(plan, options.only):
        steps = steps_of(one.steps or plan.steps, plan.validations, options.quick)
        runs += [Run(plan, one, seed, steps, work) for seed in plan.seeds]
    return runs


def steps_of(steps: int, validations: int, quick: bool) -> int:
    """Updates of a run: with ``--quick`` fewer, and so many that the last one is validated.

    Raises:
        ValueError: There are more validations than updates.
    """
    if quick:
        steps = min(steps, max(steps // QUICK_SHARE, QUICK_LEAST))
    if steps < validations:
        raise ValueError(f"{validations} validations in {steps} updates: give it more updates")
    return steps - steps % validations


def check_all(runs: Sequence[Run]) -> dict[str, Checked]:
    """Look at the flags of every variation.

    Raises:
        ValueError: Those of a variation, which is named, are wrong.
    """
    checked: dict[str, Checked] = {}
    for run in runs:
        name = run.variation.name
        try:
            if name not in checked:
                checked[name] = check(run.flags)
        except ValueError as error:
            message = " ".join(str(error).split())
            raise ValueError(f"variation {name} of {run.plan.stage}: {message}") from error
    return checked


def train_all(
    runs: Sequence[Run], facts: Mapping[str, Any], console: Console
) -> tuple[Results, list[str]]:
    """Train what is not finished; return the results, and what is to be said of failed runs."""
    found: Results = {}
    failures: list[str] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        for run in runs:
            label = f"{run.variation.name}, seed {run.seed}, {run.steps} updates"
            task = progress.add_task(label, total=1)
            try:
                result = run.result()
                state = "trained" if result is None else "finished before"
                result = result or run.train(facts)
                found.setdefault(run.variation.name, []).append(result)
            except RuntimeError as error:
                failures.append(str(error))
                state = "failed"
            progress.update(task, completed=1, description=f"{label}: {state}")
    return found, failures


def setting_of(plan: Plan, runs: Sequence[Run], checked: Checked, quick: bool) -> dict[str, Any]:
    """What the numbers depend on."""
    variations = {one.name: one for one in (run.variation for run in runs)}
    steps = {run.variation.name: run.steps for run in runs}
    common = setting(seed=plan.seeds[0], precision=checked.precision, device=checked.device)
    return common | {
        "quick": quick,
        "config": plan.config,
        "config_hash": file_hash(Path(plan.config)),
        "seeds": list(plan.seeds),
        "overrides": list(plan.overrides),
        "variations": {
            name: {"why": one.why, "steps": steps[name], "flags": list(one.flags)}
            for name, one in variations.items()
        },
    }


def add_origins(facts: dict[str, Any], found: Results) -> None:
    """Name, for variations that were finished before, the commit and hardware they ran with."""
    for name, each in found.items():
        for key in ("commit", "hardware"):
            if others := sorted({result[key] for result in each} - {facts[key]}):
                facts["variations"][name][key] = others


def add_rows(
    results: ResultFile, plan: Plan, name: str, each: Sequence[Mapping[str, Any]], weights: int
) -> None:
    """Add the rows of a variation: means over its runs, of what all of them have."""
    why = next(one.why for one in plan.variations if one.name == name)
    case = {"stage": plan.stage, "variation": name, "why": why}
    for metric, unit in plan.metrics.items():
        values = [result["scalars"].get(metric, math.nan) for result in each]
        if all(map(math.isfinite, values)):
            results.row(case, metric, *mean_and_interval(values), unit)
    times = [result["seconds_per_step"] for result in each]
    if None not in times:
        results.row(case, "seconds_per_step", *mean_and_interval(times), "s")
    results.row(case, "weights", weights)


def mean_and_interval(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Mean and, of more than one value, the ends of its 95 % interval by Student's t."""
    if len(values) == 1:
        return values[0], None, None
    quantile = float(t.ppf(0.975, len(values) - 1))
    return fmean(values), *mean_interval(values, quantile)


def unlogged(plan: Plan, found: Results) -> list[str]:
    """Say which metrics have no row, and of which variation."""
    lines = []
    for name, each in found.items():
        for metric in plan.metrics:
            values = [result["scalars"].get(metric) for result in each]
            if None in values:
                lines.append(f"{name}: {metric} was not logged at the last update")
            elif not all(map(math.isfinite, values)):
                lines.append(f"{name}: {metric} is not finite")
    return lines


def table(results: ResultFile) -> Table:
    """Lay the rows out, a line for each variation and a column for each metric."""
    metrics = list(dict.fromkeys(row["metric"] for row in results.rows))
    lines: dict[str, dict[str, str]] = {}
    for row in results.rows:
        spread = f" ± {row['high'] - row['value']:.2g}" if "high" in row else ""
        shown = f"{row['value']:,}" if row["metric"] == "weights" else f"{row['value']:.4g}{spread}"
        lines.setdefault(row["case"]["variation"], {})[row["metric"]] = shown
    variations = results.setting["variations"]
    laid_out = Table(title=results.setting["config"])
    laid_out.add_column("variation")
    laid_out.add_column("updates", justify="right")
    for metric in metrics:
        laid_out.add_column(metric, justify="right", overflow="fold")
    for name, values in lines.items():
        updates = str(variations[name]["steps"])
        laid_out.add_row(name, updates, *(values.get(metric, "") for metric in metrics))
    return laid_out


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("plan", type=Path, help="variation file, in benchmarks/ablations")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of the variations (default all)")
    parser.add_argument("--work", type=Path, help="folder of the runs (runs/ablations/STAGE)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the updates")
    parser.add_argument("--out", type=Path, help="result file")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    main()

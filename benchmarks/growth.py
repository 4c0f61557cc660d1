"""How accuracy grows with training and with size, read off the logs of priors, and a plot of it.

    python benchmarks/growth.py runs/ablations/growth/*/run --long runs/world/dalle \
      --out results/growth.json --plot docs/images/growth.png

Every folder is a run of ``lit-dalle fit`` whose CompositionLogger graded pictures at its
validations. Rows, a validation each: ``accuracy`` of one sample, mean over families, with Wilson's
95 % interval over the pictures graded; ``case`` says the run, its ``weights``, the ``step`` and the
``split``. The runs that are named first are one size each, and the plot compares them by their last
validation; that of ``--long`` is drawn over its updates. Where a training went on in further runs,
name them in their order, each but the last with the updates that the next one started from, as in
``--long runs/first:1900 runs/second``; ``updates`` of a row counts from the start of the first.
"""

import argparse
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from trials.checked import check

from lit_dalle.callbacks.composition import LOGGED, CompositionLogger
from lit_dalle.data.writing import whole_file
from lit_dalle.evaluation.intervals import wilson_interval
from lit_dalle.evaluation.results import ResultFile, setting

LOGGER = "lit_dalle.callbacks.CompositionLogger"
DEFAULTS = inspect.signature(CompositionLogger).parameters
COLOURS = {"iid": "#2a6f97", "held-out": "#c1121f"}
LABELS = {"iid": "trained compositions", "held-out": "compositions held out"}
Row = dict[str, Any]


def main() -> None:
    """Read the logs, write rows and plot."""
    options = _options()
    results = ResultFile("growth", setting(seed=0, precision="bf16-mixed"))
    try:
        for folder in options.sizes:
            add_run(results, folder)
        before = 0
        for folder, updates in options.long:
            add_run(results, folder, before)
            before += updates or 0
        if options.out is not None:
            results.write(options.out)
        if options.plot is not None:
            long = [str(folder) for folder, _ in options.long]
            draw(results.rows, list(map(str, options.sizes)), long, options.plot)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"growth: {error}")
    for row in results.rows:
        case = row["case"]
        print(f"{case['run']} update {case['updates']} {case['split']}: {row['value']:.3f}")


def add_run(results: ResultFile, folder: Path, before: int = 0) -> None:
    """Add a row for each split and validation of a run that started after so many updates.

    Raises:
        FileNotFoundError: There is no run in the folder.
        ValueError: It did not grade compositions.
    """
    recipe = folder / "config.yaml"
    if not recipe.is_file():
        raise FileNotFoundError(f"there is no run in {folder}: it lacks config.yaml")
    config: Any = OmegaConf.load(recipe)
    pictures = graded(config, folder)
    weights = check([f"--config={recipe}"]).weights
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    known = events.Tags()["scalars"]
    for split, tag in LOGGED.items():
        if tag not in known:
            raise ValueError(f"{folder} has logged no {tag} yet")
        for event in events.Scalars(tag):
            right = round(event.value * pictures)
            updates = before + event.step
            case = {"run": str(folder), "weights": weights, "updates": updates, "split": split}
            low, high = wilson_interval(right, pictures)
            results.row(case, "accuracy", event.value, low, high)


def graded(config: Any, folder: Path) -> int:
    """Pictures of a split that a run graded at each validation.

    Raises:
        ValueError: It has no CompositionLogger.
    """
    callbacks = [one for one in config.trainer.callbacks or [] if one.class_path == LOGGER]
    if not callbacks:
        raise ValueError(f"{folder} did not grade compositions: it has no CompositionLogger")
    given = callbacks[0].get("init_args") or {}
    families, prompts, samples = (
        given.get(name, DEFAULTS[name].default) for name in ("families", "prompts", "samples")
    )
    return len(families) * int(prompts) * int(samples)


def draw(rows: Sequence[Row], sizes: Sequence[str], long: Sequence[str], path: Path) -> None:
    """Draw accuracy over the updates of the long runs, and over the sizes of the short ones.

    Raises:
        ValueError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError("--plot needs matplotlib: pip install matplotlib") from error
    figure = Figure(figsize=(10, 4), layout="constrained")
    over_steps, over_sizes = figure.subplots(1, 2, sharey=True)
    for split, colour in COLOURS.items():
        own = [row for row in rows if row["case"]["split"] == split]
        steps = [row for row in own if row["case"]["run"] in long]
        _curve(over_steps, steps, "updates", colour, LABELS[split])
        ends = [[row for row in own if row["case"]["run"] == size][-1] for size in sizes]
        _curve(over_sizes, ends, "weights", colour, LABELS[split])
    over_steps.set(title="The shipped size", xlabel="updates", ylabel="one sample is right")
    over_sizes.set(title="Three sizes, 15 minutes each", xlabel="parameters", xscale="log")
    for axis in (over_steps, over_sizes):
        axis.set_ylim(0, 1)
        axis.grid(alpha=0.3)
    over_steps.legend(frameon=False)
    with whole_file(path) as part:
        figure.savefig(part, dpi=120, format=path.suffix.lstrip(".") or "png")


def _curve(axis: Any, rows: Sequence[Row], key: str, colour: str, label: str) -> None:
    """Draw accuracy over a part of the case, with its interval."""
    rows = sorted(rows, key=lambda row: row["case"][key])
    x = [row["case"][key] for row in rows]
    axis.plot(x, [row["value"] for row in rows], "o-", color=colour, label=label, markersize=4)
    ends = ([row[end] for row in rows] for end in ("low", "high"))
    axis.fill_between(x, *ends, color=colour, alpha=0.15, linewidth=0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sizes", type=Path, nargs="+", help="runs of one size each")
    parser.add_argument(
        "--long",
        type=_part,
        nargs="+",
        default=[],
        metavar="RUN[:UPDATES]",
        help="runs of one training in their order, drawn over its updates",
    )
    parser.add_argument("--out", type=Path, help="result file")
    parser.add_argument("--plot", type=Path, help="picture")
    return parser.parse_args()


def _part(text: str) -> tuple[Path, int | None]:
    """A run, and after how many of its updates the next one started; None where none did."""
    folder, _, updates = text.rpartition(":")
    return (Path(folder), int(updates)) if folder and updates.isdigit() else (Path(text), None)


if __name__ == "__main__":
    main()

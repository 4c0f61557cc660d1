"""A picture of the speeds: ours, the peer's, and what the machine allows."""

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Bar = tuple[str, float, float | None]
"""Label, value and roofline."""
OURS, THEIRS, LIMIT = "#2a6f97", "#c9a227", "#c1121f"
PANELS = {
    "sampling_tokens_per_s": "Sampling",
    "training_tokens_per_s": "Training the prior",
    "training_pairs_per_s": "Training CLIP",
}
"""Metrics that are drawn, and what stands above them."""
UNITS = {"training_pairs_per_s": "pairs / s"}


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw the rows of a result file, a panel a metric, and write the picture.

    Args:
        rows: As ``ResultFile`` holds them.
        path: Where to; the ending says the format.

    Raises:
        ValueError: matplotlib is not installed, or no row can be drawn.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.patches import Patch
    except ImportError as error:
        raise ValueError("--plot needs matplotlib: pip install matplotlib") from error
    panels = {metric: bars(rows, metric) for metric in PANELS}
    panels = {metric: found for metric, found in panels.items() if found}
    if not panels:
        raise ValueError("none of the rows measured can be plotted")
    widths = [len(found) + 1 for found in panels.values()]
    figure = Figure(figsize=(2 + 0.55 * sum(widths), 4.6), layout="constrained")
    axes = figure.subplots(1, len(panels), width_ratios=widths, squeeze=False)[0]
    for axis, (metric, found) in zip(axes, panels.items(), strict=True):
        _draw(axis, found)
        axis.set_title(PANELS[metric])
        axis.set_ylabel(UNITS.get(metric, "tokens / s"))
    colours = {"lit_dalle": OURS, "peer, its fastest form": THEIRS, "roofline": LIMIT}
    handles = [Patch(color=colour, label=name) for name, colour in colours.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160)


def bars(rows: Sequence[Row], metric: str) -> list[Bar]:
    """Bars of a metric: what it is, how fast, and the roofline where there is one.

    A size's bars stand together, the peer's last: of its forms the fastest, and of a sampler that
    was mended the fastest before and after.
    """
    limits = {
        _key(row["case"]): row["value"]
        for row in rows
        if row["metric"] == "roofline_fraction" and row["case"]["rate"] == "best"
    }
    found: dict[str, list[Bar]] = {}
    theirs: dict[tuple[str, str], Bar] = {}
    for row in rows:
        case, value = row["case"], row["value"]
        if row["metric"] != metric or "prefix" in case:
            continue
        size = case["size"]
        if "peer" in case:
            form = case["peer_form"] if case["what"] == "sampling" else ""
            bar = (f"{size} {case['peer']} {form}".strip(), value, None)
            theirs[size, form] = max(theirs.get((size, form), bar), bar, key=itemgetter(1))
        elif _key(case) in limits:
            found.setdefault(size, []).append((_label(case), value, value / limits[_key(case)]))
    for (size, _), bar in theirs.items():
        found.setdefault(size, []).append(bar)
    return [bar for bars in found.values() for bar in bars]


def _draw(axis: Any, found: list[Bar]) -> None:
    for at, (_, value, limit) in enumerate(found):
        axis.bar(at, value, width=0.7, color=THEIRS if limit is None else OURS)
        axis.annotate(_shown(value), (at, value), ha="center", va="bottom", fontsize=7)
        if limit is not None:
            axis.hlines(limit, at - 0.4, at + 0.4, color=LIMIT, linewidth=2)
    axis.set_yscale("log")
    axis.set_xticks(range(len(found)), [label for label, *_ in found], rotation=60, ha="right")
    axis.tick_params(axis="x", labelsize=7)
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(y=0.15)


def _label(case: Row) -> str:
    parts = [case["size"]]
    if case.get("attention") == "causal":
        parts.append("causal")
    if "candidates" in case:
        parts.append(f"× {case['candidates']}")
    return " ".join(parts)


def _key(case: Row) -> tuple[Any, ...]:
    return tuple(case.get(name) for name in ("what", "size", "attention", "candidates"))


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"

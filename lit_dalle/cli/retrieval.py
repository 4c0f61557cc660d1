"""``lit-dalle retrieval``: does a picture find its captions, and a caption its picture?"""

from dataclasses import asdict, replace
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from lit_dalle.cli.clips import Precision, bar_of, dtype_of, pinned_clip, reader_of
from lit_dalle.cli.parsing import call, conditions, gathered
from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.evaluation.zero_shot.captioned import (
    Captioned,
    CaptionSpec,
    load_captioned,
    measure_retrieval,
)
from lit_dalle.generation.clips import load_clip
from lit_dalle.generation.hardware import pick_device


def run(name: str, arguments: list[str]) -> None:
    """Run the command with its arguments as they were typed."""
    call(retrieval, name, gathered(arguments, lists=("--data", "--where"), flags=()))


def retrieval(
    *,
    data: list[str],
    model: str = "world",
    revision: str | None = None,
    tokenizer: str | None = None,
    split: str = "test",
    config_name: str | None = None,
    data_revision: str | None = None,
    image_column: str = "image",
    caption_column: str = "caption",
    where: list[str] | None = None,
    limit: int | None = None,
    batch_size: int = 64,
    num_workers: int = 0,
    precision: Precision = "float32",
    device: str = "auto",
    out: str | None = None,
) -> ResultFile:
    """Let every picture look for its captions among all, and every caption for its picture.

    Args:
        data: Data sets: folders, parquet files or names on the hub; several at once.
        model: The CLIP: a shipped name (world, emoji), a folder or file of ours, of Hugging Face,
            of OpenAI or of open_clip, or a hub id.
        revision: Branch, tag or commit of the model on the hub.
        tokenizer: Where the BPE is, for files that lack it: OpenAI's file of merges or a folder.
        split: The data sets' own name of the split to search.
        config_name: Configuration of the data sets, on the hub.
        data_revision: Branch, tag or commit of the data sets on the hub.
        image_column: Column of the pictures.
        caption_column: Column of the captions: a text, or a list of them, to each picture.
        where: COLUMN=VALUE, once or more: only rows that have these values.
        limit: Search the first so many pictures only: fewer are easier to tell apart.
        batch_size: Pictures, or captions, encoded together.
        num_workers: Processes that decode pictures; 0 does it in this one.
        precision: Of the CLIP; auto: bfloat16 where the device computes in it.
        device: auto, cpu or cuda.
        out: Result file to write.

    Returns:
        R@1, R@5 and R@10 of both directions with 95 % intervals and the share of a guess.

    Raises:
        FileNotFoundError: No such model or data set.
        ValueError: A column is missing, a picture has no caption, or the model cannot be read.
    """
    common = CaptionSpec(
        data="",
        split=split,
        config_name=config_name,
        revision=data_revision,
        image_column=image_column,
        caption_column=caption_column,
        where=conditions(where),
        limit=limit,
    )
    sets = [load_captioned(replace(common, data=one)) for one in data]
    place = pick_device(device)
    dtype = dtype_of(precision, place)
    clip = load_clip(model, revision=revision, tokenizer=tokenizer, device=place, dtype=dtype)
    facts = setting(seed=0, precision=str(dtype).removeprefix("torch."), device=place.type)
    facts |= pinned_clip(clip, revision) | {"data": [_pinned(captioned) for captioned in sets]}
    results = ResultFile("retrieval", facts)
    for captioned in sets:
        total = len(captioned.rows) + len(captioned.captions)
        with bar_of(captioned.spec.data, total) as bar:
            found = measure_retrieval(
                reader_of(clip.net, clip.tokenizer),
                captioned,
                batch_size=batch_size,
                num_workers=num_workers,
                progress=partial(bar.advance, bar.task_ids[0]),
            )
        for one in found:
            case = {"model": clip.name, "data": captioned.spec.data, "split": split}
            case |= {"direction": one.direction}
            case |= {} if where is None else {"where": ", ".join(where)}
            results.row(case, f"R@{one.cut}", **asdict(one.share))
            results.row(case | {"row": "chance"}, f"R@{one.cut}", one.chance)
    Console().print(_table(results))
    if out is not None:
        results.write(out)
    return results


def _pinned(captioned: Captioned) -> dict[str, Any]:
    spec = {name: value for name, value in asdict(captioned.spec).items() if value is not None}
    counts = {"pictures": len(captioned.rows), "captions": len(captioned.captions)}
    return spec | counts | {"fingerprint": captioned.fingerprint}


def _table(results: ResultFile) -> Table:
    """A line a data set and direction, a column a cut."""
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in results.rows:
        case = row["case"]
        line = lines.setdefault((case["data"], case["direction"]), {})
        if case.get("row") != "chance":
            low, high = 100 * row["low"], 100 * row["high"]
            line[row["metric"]] = f"{100 * row['value']:.1f}\n{low:.1f}–{high:.1f}"
        elif row["metric"] == "R@1":
            line["chance\nof R@1"] = f"{100 * row['value']:.2f}"
    made = Table(title="Retrieval (%), with 95 % intervals")
    columns = list(dict.fromkeys(name for line in lines.values() for name in line))
    for name in ("data set", "direction", *columns):
        text = name in ("data set", "direction")
        made.add_column(name, justify="left" if text else "right", overflow="fold", no_wrap=text)
    for (data, direction), line in lines.items():
        made.add_row(data, direction, *(line[name] for name in columns))
    return made

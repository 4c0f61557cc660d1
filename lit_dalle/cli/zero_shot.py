"""``lit-dalle zero-shot``: any CLIP on any labelled data set, without a label of it."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from rich.console import Console

from lit_dalle.cli.clips import Precision, bar_of, dtype_of, pinned_clip, reader_of
from lit_dalle.cli.parsing import call, conditions, gathered
from lit_dalle.data.writing import whole_file
from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.evaluation.zero_shot.labelled import DataSpec, Labelled, load_labelled
from lit_dalle.evaluation.zero_shot.measure import (
    Measured,
    Reader,
    add_accuracy,
    features_of,
    measure,
    pinned,
)
from lit_dalle.evaluation.zero_shot.picture import confusion_picture
from lit_dalle.evaluation.zero_shot.probe import SHOTS, few_shot, linear_probe
from lit_dalle.evaluation.zero_shot.published import published_top1
from lit_dalle.evaluation.zero_shot.scoring import confusion
from lit_dalle.evaluation.zero_shot.summary import table
from lit_dalle.generation.clips import LoadedClip, load_clip
from lit_dalle.generation.hardware import pick_device

LISTS = ("--data", "--shots", "--where")
"""Options that take several values."""
FLAGS = ("--probe", "--only-classes", "--only_classes")
"""Options that may stand alone."""


def run(name: str, arguments: list[str]) -> None:
    """Run the command with its arguments as they were typed."""
    call(zero_shot, name, gathered(arguments, lists=LISTS, flags=FLAGS))


def zero_shot(
    *,
    data: list[str],
    model: str = "world",
    revision: str | None = None,
    tokenizer: str | None = None,
    split: str = "test",
    config_name: str | None = None,
    data_revision: str | None = None,
    image_column: str = "image",
    label_column: str = "label",
    where: list[str] | None = None,
    classes: str | None = None,
    only_classes: bool = False,
    templates: str | None = None,
    by: Literal["name", "description"] = "name",
    probe: bool = False,
    shots: list[int] | None = None,
    train_split: str = "train",
    seed: int = 0,
    batch_size: int = 64,
    num_workers: int = 0,
    precision: Precision = "float32",
    device: str = "auto",
    out: str | None = None,
    confusions: str | None = None,
) -> ResultFile:
    """Classify pictures by nothing but the names of their classes, and say how often that is right.

    Args:
        data: Data sets: folders, parquet files or names on the hub; several at once.
        model: The CLIP: a shipped name (world, emoji), a folder or file of ours, of Hugging Face,
            of OpenAI or of open_clip, or a hub id.
        revision: Branch, tag or commit of the model on the hub.
        tokenizer: Where the BPE is, for files that lack it: OpenAI's file of merges or a folder.
        split: The data sets' own name of the split to classify.
        config_name: Configuration of the data sets, on the hub.
        data_revision: Branch, tag or commit of the data sets on the hub.
        image_column: Column of the pictures.
        label_column: Column of the labels.
        where: COLUMN=VALUE, once or more: only rows that have these values.
        classes: Class file: a name a line, or JSON with wordings and descriptions; by default the
            data set's own names, worded as published where the data set is a published one.
        only_classes: Leave out rows whose label the class file does not name.
        templates: Published set or file of templates; by default those of the data set, else
            "a photo of a {}."
        by: What a class is named by: its name, or the descriptions in the class file.
        probe: Also train a logistic regression on the features, with few labels a class and with
            all: how many labels does zero-shot save?
        shots: Labels a class of the few-shot probes, default 1 2 4 8 16.
        train_split: Split whose labels the probes are trained on.
        seed: Of the bootstrap and of the draws of labels.
        batch_size: Pictures encoded together.
        num_workers: Processes that decode pictures; 0 does it in this one.
        precision: Of the CLIP; auto: bfloat16 where the device computes in it.
        device: auto, cpu or cuda.
        out: Result file to write.
        confusions: Folder for a confusion picture of each data set.

    Returns:
        The results, with templates, class names, preprocessing, precision and revisions pinned.

    Raises:
        FileNotFoundError: No such model, data set or file.
        ValueError: A column is missing, classes have no names, or the model cannot be read.
    """
    common = DataSpec(
        data="",
        split=split,
        config_name=config_name,
        revision=data_revision,
        image_column=image_column,
        label_column=label_column,
        where=conditions(where),
        classes=classes,
        only_classes=only_classes,
        templates=templates,
    )
    sets = [load_labelled(replace(common, data=one)) for one in data]
    place = pick_device(device)
    dtype = dtype_of(precision, place)
    clip = load_clip(model, revision=revision, tokenizer=tokenizer, device=place, dtype=dtype)
    reader = reader_of(clip.net, clip.tokenizer)
    described = by == "description"
    results = ResultFile("zero-shot", _facts(clip, sets, dtype, seed, described, revision))
    console = Console()
    for labelled in sets:
        with bar_of(labelled.spec.data, len(labelled)) as bar:
            found = measure(
                reader,
                labelled,
                described=described,
                batch_size=batch_size,
                num_workers=num_workers,
                progress=partial(bar.advance, bar.task_ids[0]),
            )
        case = {"model": clip.name, "data": labelled.spec.data, "split": split, "by": by}
        case |= {} if classes is None else {"classes": Path(classes).stem}
        case |= {} if where is None else {"where": ", ".join(where)}
        known = None if described else labelled.templates.name
        add_accuracy(results, case, found.accuracy, published_top1(clip.net.config, known))
        if probe:
            _add_probes(results, case, reader, found, train_split, shots, seed, batch_size)
        if confusions is not None:
            _draw(found, Path(confusions), clip.name)
    console.print(table(results))
    if out is not None:
        results.write(out)
    return results


def _add_probes(
    results: ResultFile,
    case: dict[str, Any],
    reader: Reader,
    found: Measured,
    train_split: str,
    shots: list[int] | None,
    seed: int,
    batch_size: int,
) -> None:
    """Train on labels of the training split, score on the pictures that were classified."""
    spec = found.labelled.spec
    parts = []
    for split in (train_split, spec.split):
        features, labels = features_of(
            reader, load_labelled(replace(spec, split=split)), batch_size=batch_size
        )
        parts.append((features.numpy(), labels.numpy()))
    train, test = parts
    probes = few_shot(train, test, shots=SHOTS if shots is None else shots, seed=seed)
    for one in [*probes, linear_probe(train, test, seed=seed)]:
        labels_a_class = "all" if one.shots is None else one.shots
        estimate = one.accuracy
        results.row(
            case | {"row": "probe", "shots": labels_a_class},
            "accuracy",
            estimate.value,
            estimate.low,
            estimate.high,
        )


def _facts(
    clip: LoadedClip,
    sets: list[Labelled],
    dtype: torch.dtype,
    seed: int,
    described: bool,
    revision: str | None,
) -> dict[str, Any]:
    precision = str(dtype).removeprefix("torch.")
    facts = setting(seed=seed, precision=precision, device=clip.net.logit_scale.device.type)
    return facts | pinned_clip(clip, revision) | {"data": [pinned(one, described) for one in sets]}


def _draw(found: Measured, folder: Path, model: str) -> None:
    """Write the confusion picture of a data set."""
    labelled, accuracy = found.labelled, found.accuracy
    names = labelled.classes.names
    share = f"{100 * accuracy.top1.value:.1f} % right"
    title = f"{model} on {labelled.spec.data}, {labelled.spec.split}: {share}"
    picture = confusion_picture(confusion(found.ranked, len(names)), names, title)
    parts = [labelled.spec.data.strip("/"), *(labelled.spec.where or {}).values()]
    name = "-".join(parts).replace("/", "-").replace("*", "")
    with whole_file(folder / f"{name}.png") as part:
        picture.save(part, format="PNG")

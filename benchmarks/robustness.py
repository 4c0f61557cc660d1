r"""CLIP beside a supervised ResNet-101: at home, in other hands, spoiled, and never labelled.

    python benchmarks/robustness.py --clip runs/emoji/clip/stages/* \
        --resnet runs/emoji/resnet101/stages/* --out results/robustness.json

Both learned from the same pictures of three vendors. At home (``test_iid``) each emoji was trained
on in another style; ``fluent-flat``, ``fluent-3d`` (a rendition) and ``fluent-high-contrast`` (a
sketch) are of a vendor that neither has seen; blur, noise, rotation and inverted spoil the pictures
of home; ``compositions`` are emoji whose label was never trained on. Of each network the stages of
its training are given in order; the last of the weaker is compared with the stage of the stronger
that is nearest to it at home (``row: matched``), without tones where the shift has none, and
the line of effective robustness goes through the stages of the ResNet. ``--quick`` takes the first
100 pictures of each.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from lit_dalle.cli.clips import reader_of
from lit_dalle.evaluation.bootstrap import Estimate
from lit_dalle.evaluation.intervals import wilson_interval
from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.evaluation.robustness.effective import Counted, effective_robustness
from lit_dalle.evaluation.robustness.pixels import PixelNearest
from lit_dalle.evaluation.robustness.shifts import SHIFTS
from lit_dalle.evaluation.robustness.trials import Model, Trial, classify, matched
from lit_dalle.evaluation.zero_shot.classes import ClassSet, read_classes
from lit_dalle.evaluation.zero_shot.labelled import DataSpec, Labelled, load_labelled
from lit_dalle.evaluation.zero_shot.scoring import TOP, Ranked, class_embeddings
from lit_dalle.functional.similarity import normalise
from lit_dalle.generation.clips import load_clip
from lit_dalle.generation.export import folder_hash, load_model, read_config

STYLES = ("fluent-flat", "fluent-3d", "fluent-high-contrast")
SUBGROUPS = (
    *("animal-mammal", "transport-ground", "person-role"),
    *("food-fruit", "sky-weather", "clothing"),
)
HOME, ALL, TONELESS = "home", "all labels", "all"
"""``all labels`` are all 3,979; ``all`` those without a tone that the style and the training have.
"""
IMAGE_SIZE, BATCH = 64, 256
ERRORS = Console(stderr=True)
Answers = dict[tuple[str, str], Ranked]
"""Of one model: the ranked classes of every trial."""


def main() -> None:
    """Parse the command line, measure, print and write."""
    options = _options()
    limit = 100 if options.quick else None
    labels = read_classes(options.classes / "all.txt").names
    trials = list(emoji_trials(options.data, options.classes, limit))
    models = [
        *(clip_model(folder, labels) for folder in options.clip),
        *(resnet_model(folder, labels) for folder in options.resnet),
        pixel_model(options.data, options.classes),
    ]
    facts = setting(seed=options.seed, precision="float32") | {
        "models": {
            f"{kind}/{folder.name}": folder_hash(folder) for kind, folder in _given(options)
        },
        "templates": ["{}"],
        "data": {"/".join(trial.key): trial.labelled.fingerprint for trial in trials},
    }
    results = ResultFile("robustness", facts)
    found: dict[tuple[str, str], Answers] = {}
    for model in models:
        bar = track(trials, f"{model.kind} {model.name}", console=ERRORS)
        found[model.kind, model.name] = {t.key: classify(model, t, labels) for t in bar}
    add_rows(results, trials, found, options.seed)
    Console(width=150).print(results.table())
    if options.out is not None:
        results.write(options.out)


def emoji_trials(data: Path, classes: Path, limit: int | None = None) -> Iterator[Trial]:
    """Yield the pictures of each shift, with the classes to choose among.

    Args:
        data: Folder of the emoji tables.
        classes: Folder of the class files.
        limit: The first so many pictures of each.
    """

    def pictures(table: str, names: str, **more: str) -> Labelled:
        return load_labelled(
            DataSpec(
                data=str(data / f"{table}.parquet"),
                where=more or None,
                classes=str(classes / f"{names}.txt"),
                only_classes=True,
            )
        )

    at_home = first(pictures("test_iid", "all"), limit)
    yield Trial(HOME, ALL, at_home)
    yield Trial(HOME, TONELESS, first(pictures("test_iid", "toneless"), limit))
    for name, change in SHIFTS.items():
        yield Trial(name, ALL, at_home, change, home=(HOME, ALL))
    for style in STYLES:
        drawn = pictures("test_style", style, style=style)
        yield Trial(style, TONELESS, first(drawn, limit), home=(HOME, TONELESS))
        for subgroup in SUBGROUPS:
            few = among_themselves(pictures("test_style", style, style=style, subgroup=subgroup))
            yield Trial(style, subgroup, first(few, limit))
    never = pictures("test_comp", "all", near_dup_in_train="False")
    yield Trial("compositions", ALL, first(never, limit))


def first(labelled: Labelled, limit: int | None) -> Labelled:
    """Keep the first so many pictures."""
    if limit is None or limit >= len(labelled):
        return labelled
    return replace(labelled, rows=labelled.rows.take(limit), labels=labelled.labels[:limit])


def among_themselves(labelled: Labelled) -> Labelled:
    """Leave no classes but those of the pictures."""
    present, labels = torch.unique(labelled.labels, return_inverse=True)
    names = [labelled.classes.names[int(number)] for number in present]
    return replace(labelled, labels=labels, classes=ClassSet.named(names))


def clip_model(folder: Path, labels: tuple[str, ...]) -> Model:
    """Score labels by the cosine of their names with the picture."""
    clip = load_clip(folder)
    reader = reader_of(clip.net, clip.tokenizer)
    embeddings = class_embeddings([[name] for name in labels], ("{}",), reader.encode_text)

    def score(images: Tensor) -> Tensor:
        return normalise(reader.encode_image(images).float()) @ embeddings.T

    return Model("clip", folder.name, score, reader.image_size)


def resnet_model(folder: Path, labels: tuple[str, ...]) -> Model:
    """Score labels by the supervised network's logits.

    Raises:
        ValueError: It was trained on other labels.
    """
    net = load_model(folder, kind="resnet")
    names = list(read_config(folder).get("extra", {}).get("classes") or ())
    if sorted(names) != sorted(labels):
        raise ValueError(
            f"{folder} tells {len(names)} classes apart that are not the {len(labels)} labels: "
            "train it with configs/emoji/resnet101.yaml"
        )
    order = torch.tensor([names.index(name) for name in labels])
    return Model(
        "resnet101", folder.name, lambda images: net(images)[:, order], net.config.image_size
    )


def pixel_model(data: Path, classes: Path) -> Model:
    """Score labels by the nearest training picture of theirs."""
    spec = DataSpec(data=str(data / "train.parquet"), classes=str(classes / "all.txt"))
    trained = load_labelled(spec)
    batches = track(
        trained.batches(IMAGE_SIZE, BATCH), "pixels", -(-len(trained) // BATCH), console=ERRORS
    )
    return Model("pixel-nn", "16x16", PixelNearest(batches, len(trained.classes.names)), IMAGE_SIZE)


def add_rows(
    results: ResultFile,
    trials: list[Trial],
    found: dict[tuple[str, str], Answers],
    seed: int,
) -> None:
    """Add the accuracies of all models and, of the CLIPs that count, the effective robustness."""
    last = dict(list(found))  # the last name of each kind
    pairs = {trial.key: pair_at(trial.key, found) for trial in trials if trial.shift == HOME}
    resnets = [answers for (kind, _), answers in found.items() if kind == "resnet101"]
    for trial in trials:
        chosen = pairs[trial.home or (trial.key if trial.key in pairs else (HOME, ALL))]
        for (kind, name), answers in found.items():
            ranked = answers[trial.key]
            for row in rows_of(kind, name, chosen, last):
                case = {"model": kind, "row": row, "checkpoint": name}
                case |= {"shift": trial.shift, "classes": trial.classes}
                results.row(case, "accuracy", **vars(_share(ranked)))
                results.row(case, f"accuracy@{TOP}", **vars(_share(ranked, TOP)))
                if kind == "clip" and row != "stage" and trial.home is not None:
                    line = [counted(one, trial) for one in resnets]
                    above = effective_robustness(counted(answers, trial), line, seed=seed)
                    results.row(case, "effective robustness", **vars(above))


def pair_at(home: tuple[str, str], found: dict[tuple[str, str], Answers]) -> dict[str, str]:
    """Choose the stage of each network by the accuracies at a home."""
    clips, resnets = (
        {name: _share(answers[home]).value for (of, name), answers in found.items() if of == kind}
        for kind in ("clip", "resnet101")
    )
    return dict(zip(("clip", "resnet101"), matched(clips, resnets), strict=True))


def rows_of(kind: str, name: str, pair: dict[str, str], last: dict[str, str]) -> list[str]:
    """What a stage is in the table: matched, final, both, or neither of them."""
    if kind == "pixel-nn":
        return ["floor"]
    counts = (("matched", pair), ("final", last))
    return [row for row, chosen in counts if chosen[kind] == name] or ["stage"]


def counted(answers: Answers, trial: Trial) -> Counted:
    """Right answers at the trial's home and in it."""
    assert trial.home is not None
    return Counted(answers[trial.home].right().numpy(), answers[trial.key].right().numpy())


def _share(ranked: Ranked, among: int = 1) -> Estimate:
    right = ranked.right(among)
    count, total = int(right.sum()), len(right)
    return Estimate(count / total, *wilson_interval(count, total))


def _given(options: argparse.Namespace) -> list[tuple[str, Path]]:
    clips = [("clip", folder) for folder in options.clip]
    return [*clips, *(("resnet101", folder) for folder in options.resnet)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clip", type=Path, nargs="+", required=True, help="exports, in order")
    parser.add_argument("--resnet", type=Path, nargs="+", required=True, help="exports, in order")
    parser.add_argument("--data", type=Path, default=Path("data/emoji"), help="emoji tables")
    parser.add_argument("--classes", type=Path, default=Path("configs/emoji/classes"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="100 pictures of each shift")
    parser.add_argument("--out", type=Path, help="result file")
    return parser.parse_args()


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    main()

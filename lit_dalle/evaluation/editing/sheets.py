"""Sheets of repainted pictures: the region, and what each way made of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from lit_dalle.evaluation.editing.measure import Repainted, Way
from lit_dalle.generation.edit import outlined
from lit_dalle.generation.pictures import contact_sheet, write_png

SHOWN = 6
"""Cases on a sheet."""


def write_sheet(path: Path, task: str, found: Mapping[Way, Sequence[Repainted]]) -> None:
    """Write the first cases of a task: a line each, the picture and its region, then the samples.

    Args:
        path: File to write.
        task: Which task.
        found: What became of its cases, the same ones in each way.
    """
    pictures: list[Image.Image] = []
    labels: list[str] = []
    for repainted in zip(*(each[:SHOWN] for each in found.values()), strict=True):
        case = repainted[0].case
        pictures.append(outlined(Image.fromarray(case.picture), case.region))
        labels.append(case.kind)
        for way, one in zip(found, repainted, strict=True):
            pictures += one.pictures
            labels += [f"{way} {rank}" for rank in range(1, len(one.pictures) + 1)]
    note = "The picture and its region, then the best samples of each way as they are ranked."
    columns = len(pictures) // min(SHOWN, len(next(iter(found.values()))))
    write_png(contact_sheet(pictures, title=task, note=note, labels=labels, columns=columns), path)

"""Pictures drawn on the spot, and shards of them."""

import io
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, Value
from PIL import Image, ImageDraw

SIDES = (96, 160)
"""Shortest and longest side of a drawing, in pixels."""
COLOURS = ("red", "green", "blue", "orange", "purple", "black")
SHAPES = ("circle", "square", "line")


def draw(number: int, seed: int = 0) -> tuple[Image.Image, str]:
    """Draw a picture; return it with its caption."""
    draws = np.random.default_rng([seed, number])
    width, height = (int(side) for side in draws.integers(SIDES[0], SIDES[1] + 1, 2))
    ramp = np.linspace(120, 255, width)[None, :, None] * np.linspace(0.6, 1, height)[:, None, None]
    image = Image.fromarray((ramp * draws.uniform(0.7, 1, 3)).astype(np.uint8))
    brush, words = ImageDraw.Draw(image), []
    for _ in range(4):
        colour = COLOURS[draws.integers(len(COLOURS))]
        shape = SHAPES[draws.integers(len(SHAPES))]
        left, top = draws.integers(0, 70, 2).tolist()
        box = (left, top, left + int(draws.integers(10, 50)), top + int(draws.integers(10, 50)))
        paint = {"circle": brush.ellipse, "square": brush.rectangle}.get(shape)
        paint(box, fill=colour) if paint else brush.line(box, fill=colour, width=3)
        words.append(f"a {colour} {shape}")
    return image, f"{' and '.join(words)}, drawing {number}"


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    """Return a picture as the bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def drawn_files(count: int, seed: int = 0) -> list[tuple[str, bytes, str]]:
    """Name, content and caption of drawings, PNG and JPEG in turns."""
    found = []
    for number in range(count):
        image, caption = draw(number, seed)
        form = ("PNG", "JPEG")[number % 2]
        ending = ("png", "jpg")[number % 2]
        found.append((f"{number:06}.{ending}", encoded(image, form), caption))
    return found


def write_parquet(path: Path, files: Sequence[tuple[str, bytes, str]], group: int = 100) -> None:
    """Write a shard as ``datasets`` does: pictures as bytes and path, in small row groups."""
    images = [{"bytes": content, "path": name} for name, content, _ in files]
    texts = [caption for _, _, caption in files]
    schema = Features({"image": datasets.Image(), "text": Value("string")}).arrow_schema
    pq.write_table(pa.table([images, texts], schema), path, row_group_size=group)


def write_tar(path: Path, files: Iterable[tuple[str, bytes, str]]) -> None:
    """Write a shard in the WebDataset convention: a picture and its text."""
    with tarfile.open(path, "w") as archive:
        for name, content, caption in files:
            stem = name.rpartition(".")[0]
            for member, data in ((name, content), (f"{stem}.txt", caption.encode())):
                info = tarfile.TarInfo(member)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))

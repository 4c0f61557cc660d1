"""A source whose pictures and captions tell their row number."""

from typing import Any

from datasets import Dataset
from PIL import Image

from lit_dalle.data import Source

SIDE = 16


def picture_of(index: int) -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), (index % 256, index // 256, 77))


class NumberSource(Source):
    """Row i has the colour i and the captions "picture i" and "number i"; reads are counted."""

    def __init__(self, rows: int = 40, names: tuple[str, ...] = ("train", "validation")) -> None:
        self.rows, self.names, self.drawn = rows, names, 0

    def splits(self) -> tuple[str, ...]:
        return self.names

    def load(self, split: str, *, pictures: bool = True) -> Dataset:
        self.check_split(split)

        def read(batch: dict[str, list[int]]) -> dict[str, list[Any]]:
            numbers = batch["number"]
            rows: dict[str, list[Any]] = {
                "caption": [[f"picture {number}", f"number {number}"] for number in numbers],
                "group": [str(number % 7) for number in numbers],
                "family": ["even" if number % 2 == 0 else "odd" for number in numbers],
                "scene": [f'{{"number": {number}}}' for number in numbers],
                "label": [number % 3 for number in numbers],
            }
            if pictures:
                self.drawn += len(numbers)
                rows["image"] = [picture_of(number) for number in numbers]
            return rows

        return Dataset.from_dict({"number": list(range(self.rows))}).with_transform(read)

    def fingerprint(self, split: str) -> str:
        return f"numbers-{split}"

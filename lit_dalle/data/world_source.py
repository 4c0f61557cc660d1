"""The procedural world as a source of rows."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import PIL
from datasets import Dataset

from lit_dalle.data import world
from lit_dalle.data.sources import SPLITS, Source
from lit_dalle.data.world import (
    FAMILIES,
    captions,
    scene_group,
    scene_to_json,
    world_row,
    world_scene,
)

Row = dict[str, Any]


@dataclass(frozen=True)
class WorldSource(Source):
    """Scenes that are drawn when a row is read: an index-only data set with a transform."""

    size: int = 20_000
    """Number of training rows; row i does not depend on it."""
    seed: int = 0
    """Seed of the scenes and of their drawing."""
    families: tuple[str, ...] | None = None
    """Families of scenes to take, all by default."""
    picture_size: int = 64
    """Side of the pictures as they are drawn, in pixels."""
    eval_size: int = 4096
    """Number of rows of each of the other splits."""

    def __post_init__(self) -> None:
        if self.size < 1 or self.eval_size < 1:
            raise ValueError(
                f"a world needs rows: size is {self.size}, eval_size is {self.eval_size}"
            )
        if self.families is not None:
            object.__setattr__(self, "families", tuple(self.families))
            if unknown := sorted(set(self.families or ()) - set(FAMILIES)):
                raise ValueError(
                    f"the world has no family {', '.join(unknown)}; it has {', '.join(FAMILIES)}"
                )

    def splits(self) -> tuple[str, ...]:
        """Names of the splits: all four."""
        return SPLITS

    def load(self, split: str, *, pictures: bool = True) -> Dataset:
        """Return a split whose rows are drawn when they are read."""
        self.check_split(split)
        count = self.size if split == "train" else self.eval_size
        rows = Dataset.from_dict({"index": list(range(count))})
        read = partial(_drawn if pictures else _described, split=split, source=self)
        return rows.with_transform(partial(_rows, read=read))

    def fingerprint(self, split: str) -> str:
        """Hash over the code that draws, and what it is asked to draw."""
        facts = (world_code_hash(), split, self.seed, self.families, self.picture_size)
        return hashlib.sha256(repr(facts).encode()).hexdigest()


@cache
def world_code_hash() -> str:
    """Hash over the sources of the world and the version of Pillow, which draws it."""
    digest = hashlib.sha256(PIL.__version__.encode())
    for folder in world.__path__:
        for path in sorted(Path(folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _rows(batch: dict[str, list[int]], read: Callable[[int], Row]) -> dict[str, list[Any]]:
    rows = [read(index) for index in batch["index"]]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _drawn(index: int, split: str, source: WorldSource) -> Row:
    return world_row(split, index, source.seed, source.families, source.picture_size)


def _described(index: int, split: str, source: WorldSource) -> Row:
    scene = world_scene(split, index, source.seed, source.families)
    return {
        "caption": list(captions(scene)),
        "scene": scene_to_json(scene),
        "group": scene_group(scene),
        "family": scene.family,
    }

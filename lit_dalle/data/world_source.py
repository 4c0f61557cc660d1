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
    Scene,
    picture_seed,
    render,
    scene_row,
    world_scene,
)
from lit_dalle.data.world.blocks import MOST_FOILS, block_scene

Row = dict[str, Any]


@dataclass(frozen=True)
class WorldSource(Source):
    """Scenes that are drawn when a row is read: an index-only data set with a transform."""

    size: int = 20_000
    """Number of training rows; row i does not depend on it."""
    seed: int = 0
    """Seed of the scenes and of their drawing."""
    families: tuple[str, ...] | None = None
    """Families of scenes that take turns, by default all; one named twice comes twice as often."""
    picture_size: int = 64
    """Side of the pictures as they are drawn, in pixels."""
    eval_size: int = 4096
    """Number of rows of each of the other splits."""
    foils: int = 0
    """Hard negatives: training rows come in blocks of a scene and so many others whose captions
    are nearly its own (the same words rearranged, one value replaced, something added), all of
    them trained compositions. Blocks stay together in a batch. At most 3; other splits have none.
    """

    def __post_init__(self) -> None:
        if self.size < 1 or self.eval_size < 1:
            raise ValueError(
                f"a world needs rows: size is {self.size}, eval_size is {self.eval_size}"
            )
        if not 0 <= self.foils <= MOST_FOILS:
            raise ValueError(f"foils is {self.foils}; choose 0 to {MOST_FOILS}")
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

    def block_size(self, split: str) -> int:
        """Rows of a block: a training scene and its foils."""
        return 1 + self.foils if split == "train" else 1

    def fingerprint(self, split: str) -> str:
        """Hash over the code that draws, and what it is asked to draw."""
        facts = (
            world_code_hash(),
            split,
            self.seed,
            self.families,
            self.picture_size,
            self.block_size(split),
        )
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def scene(self, split: str, index: int) -> Scene:
        """The scene of a row."""
        if split == "train":
            return block_scene(index, self.foils, self.seed, self.families)
        return world_scene(split, index, self.seed, self.families)


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


def _described(index: int, split: str, source: WorldSource) -> Row:
    return scene_row(source.scene(split, index))


def _drawn(index: int, split: str, source: WorldSource) -> Row:
    scene = source.scene(split, index)
    seed = picture_seed(split, index, source.seed)
    return {"image": render(scene, seed, source.picture_size), **scene_row(scene), "index": index}

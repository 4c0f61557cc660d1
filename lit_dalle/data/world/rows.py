"""(seed, split, index) → scene → row."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

from lit_dalle.data.world.captions import captions
from lit_dalle.data.world.drawing import render
from lit_dalle.data.world.scenes import (
    FAMILIES,
    LEGAL,
    SCENE_TYPES,
    Scene,
    StackScene,
    WritingScene,
    scene_group,
    scene_to_json,
)
from lit_dalle.data.world.splits import (
    check_split,
    held_out_reasons,
    held_out_words,
    stable_hash,
)
from lit_dalle.data.world.vocabulary import COLOURS, COLOURS_OR_PLAIN
from lit_dalle.data.world.words import WORDS

STACK_REASONS = (("pair",), ("triple",), ("height",))
WRITING_REASONS = (("word",), ("pair",))
TRIES = 100_000


def row_family(index: int, families: Sequence[str] | None = None) -> str:
    """The family of a row: families take turns, so any run of rows is balanced.

    Raises:
        ValueError: a family that does not exist, or none.
    """
    chosen = FAMILIES if families is None else tuple(families)
    unknown = [family for family in chosen if family not in FAMILIES]
    if unknown or not chosen:
        raise ValueError(
            f"families are {', '.join(unknown) or 'none'}; choose from {', '.join(FAMILIES)}"
        )
    return chosen[index % len(chosen)]


def world_scene(
    split: str, index: int, seed: int = 0, families: Sequence[str] | None = None
) -> Scene:
    """The scene of a row, without drawing it.

    Uniform over the split's compositions; held-out stacks and words take turns by reason (see
    `held_out_reasons`), and training stacks by height.

    Args:
        split: one of `SPLITS`.
        index: of the row, from 0.
        seed: of the whole data set.
        families: which take turns, one named twice twice as often; all nine by default.

    Raises:
        ValueError: unknown split or family, or a negative index.
    """
    check_split(split)
    if index < 0:
        raise ValueError(f"index is {index}; rows count from 0")
    family = row_family(index, families)
    turn = index // (len(FAMILIES) if families is None else len(families))
    rng = Random(stable_hash("scene", seed, split, index, family))
    wanted: tuple[str, ...] | None = None
    if split != "held_out":
        wanted = ()
    elif family == "stack":
        wanted = STACK_REASONS[turn % len(STACK_REASONS)]
    elif family == "writing":
        wanted = WRITING_REASONS[turn % len(WRITING_REASONS)]
    for _ in range(TRIES):
        scene = _drawn(family, wanted, turn, rng)
        reasons = held_out_reasons(scene) if scene is not None else ("illegal",)
        if scene is not None and (reasons == wanted or (wanted is None and reasons)):
            return scene
    raise RuntimeError(f"no {family} scene for {wanted} in {TRIES} tries")


def _drawn(family: str, wanted: tuple[str, ...] | None, turn: int, rng: Random) -> Scene | None:
    """Any legal scene of the family, or None where chance drew an illegal one."""
    if family == "stack":
        height = 4 if wanted == ("height",) else 3 if wanted == ("triple",) else 2 + turn % 2
        colours = tuple(rng.choice(COLOURS) for _ in range(height))
        legal = all(a != b for a, b in pairwise(colours))
        return StackScene(colours) if legal else None
    if family == "writing":
        words = sorted(held_out_words()) if wanted == ("word",) else WORDS
        return WritingScene(rng.choice(words), rng.choice(COLOURS_OR_PLAIN))
    values: dict[str, Any] = {name: rng.choice(legal) for name, legal in LEGAL[family].items()}
    if family == "relation" and values["first_colour"] == values["second_colour"]:
        return None
    return SCENE_TYPES[family](**values)


def picture_seed(split: str, index: int, seed: int = 0) -> int:
    """Seed of a row's nuisances: another stream than its scene's."""
    return stable_hash("picture", seed, split, index)


def scene_row(scene: Scene) -> dict[str, Any]:
    """What a row says of its scene: `caption`, `scene`, `group` and `family`, see `world_row`."""
    return {
        "caption": list(captions(scene)),
        "scene": scene_to_json(scene),
        "group": scene_group(scene),
        "family": scene.family,
    }


def world_row(
    split: str,
    index: int,
    seed: int = 0,
    families: Sequence[str] | None = None,
    size: int = 64,
) -> dict[str, Any]:
    """One row of the world, a pure function of its arguments.

    Args:
        split: one of `SPLITS`.
        index: of the row, from 0.
        seed: of the whole data set.
        families: which take turns, one named twice twice as often; all nine by default.
        size: side of the picture in pixels.

    Returns:
        `image` (PIL, RGB), `caption` (list of phrasings, the first canonical), `scene` (JSON),
        `group` (equal where the picture says the same), `family`, `index`.

    Raises:
        ValueError: unknown split or family, a negative index, or a size that is too small.
    """
    scene = world_scene(split, index, seed, families)
    return {
        "image": render(scene, picture_seed(split, index, seed), size),
        **scene_row(scene),
        "index": index,
    }

"""Training rows in blocks: a scene, and others whose captions are nearly its own.

With a whole block in a batch, InfoNCE meets Winoground's problem among its negatives: two pictures
and two captions of the same words.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from random import Random

from lit_dalle.data.world.foils import FindFoils, additions, rearrangements, replacements
from lit_dalle.data.world.rows import world_scene
from lit_dalle.data.world.scenes import Scene, scene_group
from lit_dalle.data.world.splits import is_held_out, stable_hash

MOST_FOILS = 3
"""Foils a block at most: every trained scene has as many that are trained."""
REARRANGED_SHARE = 0.5
"""Share of the foils that are rearrangements, in the families that have them (our choice)."""


def block_scene(
    index: int, foils: int, seed: int = 0, families: Sequence[str] | None = None
) -> Scene:
    """The scene of a training row, where rows come in blocks of ``1 + foils``.

    The first row of block k has the scene of training row k without foils. Each other is a
    rearrangement of it, a replacement or an addition, and trained too; no two rows of a block have
    the same picture's truth.

    Args:
        index: Of the row, from 0.
        foils: Foils a block, 0 to `MOST_FOILS`.
        seed: Of the whole data set.
        families: Which take turns, block by block; all nine by default.
    """
    block, place = divmod(index, 1 + foils)
    chosen = None if families is None else tuple(families)
    return _block(block, foils, seed, chosen)[place]


@lru_cache(maxsize=4)
def _block(
    block: int, foils: int, seed: int, families: tuple[str, ...] | None
) -> tuple[Scene, ...]:
    """The scenes of a block; kept for its next rows, which are read one after the other."""
    base = world_scene("train", block, seed, families)
    scenes = {scene_group(base): base}
    for place in range(foils):
        draw = Random(stable_hash("foil", seed, block, place, base.family))
        foil = _drawn_foil(base, scenes, draw)
        scenes[scene_group(foil)] = foil
    return tuple(scenes.values())


def _drawn_foil(base: Scene, taken: Collection[str], draw: Random) -> Scene:
    """A trained foil of a group that is not taken; kind, change and scene are drawn in turn."""
    kinds: list[FindFoils] = draw.sample([replacements, additions], 2)
    kinds.insert(0 if draw.random() < REARRANGED_SHARE else len(kinds), rearrangements)
    for kind in kinds:
        found = kind(base)
        for change in draw.sample(sorted(found), len(found)):
            usable = [
                scene
                for scene in found[change]
                if scene_group(scene) not in taken and not is_held_out(scene)
            ]
            if usable:
                return draw.choice(usable)
    raise ValueError(f"no trained foil is left of {base}, with {len(taken)} scenes in its block")

"""Tests of CLIP's binding, made of the world's scenes in the forms of Winoground and SugarCrepe.

Both scenes of a test are on one side of the split: in ``held_out`` both are never trained, in
``test`` and ``validation`` (i.i.d.) both are compositions that are trained, so that neither caption
is the more familiar one. Pictures are drawn afresh. Captions are the first phrasings.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count, islice
from random import Random

import numpy as np
import torch
from torch import Tensor

from lit_dalle.data.world import (
    FAMILIES,
    Scene,
    captions,
    is_held_out,
    picture_seed,
    render,
    scene_group,
    world_scene,
)
from lit_dalle.data.world.foils import FindFoils, additions, rearrangements, replacements
from lit_dalle.evaluation.binding.scoring import BindingTest

REARRANGED = ("relation", "stack", "penguin")
"""Families whose captions keep their words when two values are swapped."""
ADDED = ("stack", "telephone", "light", "thing", "writing")
"""Families with something that their captions may leave out."""
KINDS: Mapping[str, tuple[FindFoils, tuple[str, ...]]] = {
    "replace": (replacements, FAMILIES),
    "swap": (rearrangements, REARRANGED),
    "add": (additions, ADDED),
}
"""Kinds of SugarCrepe-form foils: how they are found, and the families that have them."""


def winoground_tests(
    split: str, tests: int, *, families: Iterable[str] = REARRANGED, seed: int = 0
) -> Iterator[BindingTest]:
    """Make tests of two pictures and two captions of the same words (Thrush et al. 2022).

    The first scene is a row of the split, the second one of its `rearrangements`; of the kinds of
    rearrangement that a scene has, each is as likely. The two pictures are drawn independently.

    Args:
        split: ``validation``, ``test`` or ``held_out``.
        tests: Number of tests a family.
        families: Some of `REARRANGED`.
        seed: Seed of scenes, pictures and draws.

    Raises:
        ValueError: Unknown split, or a family without such tests.
    """
    for family in _checked(families, REARRANGED, "Winoground-form"):
        found = _pairs(rearrangements, split, family, seed)
        for index, change, scene, other in islice(found, tests):
            images = [_drawn(scene, split, index, seed), _drawn(other, split, -1 - index, seed)]
            texts = (captions(scene)[0], captions(other)[0])
            yield BindingTest(family, change, torch.stack(images), texts)


def sugarcrepe_tests(
    kind: str, split: str, tests: int, *, families: Iterable[str] | None = None, seed: int = 0
) -> Iterator[BindingTest]:
    """Make tests of one picture, its caption and one hard negative (Hsieh et al. 2023).

    Args:
        kind: ``replace``: one attribute has another value. ``swap``: two values have changed
            places. ``add``: the caption says something more, which the picture does not show.
        split: ``validation``, ``test`` or ``held_out``.
        tests: Number of tests a family.
        families: Default: all that have foils of this kind, see `KINDS`.
        seed: Seed of scenes, pictures and draws.

    Raises:
        ValueError: Unknown kind or split, or a family without such tests.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; choose one of {', '.join(KINDS)}")
    foils, able = KINDS[kind]
    for family in _checked(able if families is None else families, able, kind):
        for index, change, scene, other in islice(_pairs(foils, split, family, seed), tests):
            image = _drawn(scene, split, index, seed)
            texts = (captions(scene)[0], captions(other)[0])
            yield BindingTest(family, change, image[None], texts)


def _pairs(
    foils: FindFoils, split: str, family: str, seed: int
) -> Iterator[tuple[int, str, Scene, Scene]]:
    """Row number, what was changed, the row's scene and its foil; rows without a foil are left."""
    for index in count():
        scene = world_scene(split, index, seed, (family,))
        draw = Random(f"{seed} {index}")
        found = foils(scene)
        for change in draw.sample(sorted(found), len(found)):
            usable = [other for other in found[change] if _goes_with(scene, other)]
            if usable:
                yield index, change, scene, draw.choice(usable)
                break


def _goes_with(scene: Scene, other: Scene) -> bool:
    """Whether both are trained or both held out, and their pictures differ."""
    same_side = is_held_out(scene) == is_held_out(other)
    return same_side and scene_group(scene) != scene_group(other)


def _drawn(scene: Scene, split: str, index: int, seed: int) -> Tensor:
    """A picture, uint8 ``3 h w``."""
    picture = np.array(render(scene, picture_seed(split, index, seed)).convert("RGB"))
    return torch.from_numpy(picture).permute(2, 0, 1)


def _checked(families: Iterable[str], able: tuple[str, ...], form: str) -> tuple[str, ...]:
    families = tuple(families)
    unable = [family for family in families if family not in able]
    if unable or not families:
        raise ValueError(
            f"{', '.join(unable) or 'no family'}: {form} tests are made of {', '.join(able)}"
        )
    return families

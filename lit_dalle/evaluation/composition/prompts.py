"""What the composition benchmark asks for: compositions of the world, or a user's own prompts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain, islice, zip_longest
from random import Random
from typing import Any

from lit_dalle.data.world import (
    FAMILIES,
    Scene,
    captions,
    compositions,
    held_out_reasons,
    scene_group,
)
from lit_dalle.evaluation.splits import SPLIT_OF

REASONS = {"stack": ("pair", "triple", "height"), "writing": ("word", "pair")}
"""Families whose scenes are held out for several reasons; the reasons take turns."""
PROMPT_SEED = 0
"""The prompts are the same whatever the seed of the samples, so that seeds measure sampling."""


@dataclass(frozen=True)
class Prompt:
    """A caption, and what a picture of it must show."""

    text: str
    key: str
    """Names the prompt among all of a benchmark; also a file's name."""
    number: int
    """Its place among the prompts of its case, from 0."""
    case: Mapping[str, str] = field(compare=False)
    """What results are grouped by: family and split, or a tag."""
    asked: Any = field(compare=False)
    """What the grader compares a picture with: a scene, or a prompt in GenEval's form."""
    reason: str = ""
    """Why the scene is held out, in families with several reasons."""

    @property
    def scene(self) -> Scene | None:
        """The scene, where the prompt is of the world and so can be drawn."""
        return self.asked if isinstance(self.asked, Scene) else None


def world_prompts(
    families: Sequence[str],
    splits: Sequence[str],
    count: int,
    seed: int = PROMPT_SEED,
    skip: int = 0,
) -> list[Prompt]:
    """The first compositions of each family and split in a shuffled order, all different.

    Two scenes with the same picture count as one. Held-out stacks and words take turns by reason.

    Args:
        families: Families of the world.
        splits: Of ``iid`` (trained compositions) and ``held-out``.
        count: Prompts a family and split; fewer where there are no more compositions.
        seed: Seed of the order.
        skip: Leave out so many, the first, of each; the numbers of the others stay as they are.

    Returns:
        Canonical captions, family by family and split by split.

    Raises:
        ValueError: Unknown family or split, or no prompts.
    """
    _check("families", families, FAMILIES)
    _check("splits", splits, tuple(SPLIT_OF))
    if count < 1:
        raise ValueError(f"a benchmark needs prompts: {count} a family were asked for")
    return [
        Prompt(
            text=captions(scene)[0],
            key=f"{family}-{split}-{number:04d}",
            number=number,
            case={"family": family, "split": split},
            asked=scene,
            reason=_reason(scene),
        )
        for family in families
        for split in splits
        for number, scene in enumerate(
            islice(_scenes(family, split, seed), skip, skip + count), start=skip
        )
    ]


def stable_seed(*parts: object) -> int:
    """63 bits that depend on the parts' text alone."""
    text = "/".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def _check(name: str, chosen: Sequence[str], known: Sequence[str]) -> None:
    unknown = [one for one in chosen if one not in known]
    if unknown or not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(
            f"{name} are {', '.join(chosen) or 'none'}; "
            f"choose some of {', '.join(known)}, each once"
        )


def _scenes(family: str, split: str, seed: int) -> Iterator[Scene]:
    """Compositions of a family in a shuffled order, each picture once; reasons take turns."""
    scenes = list(compositions(family, SPLIT_OF[split]))
    Random(stable_seed("prompts", seed, family, split)).shuffle(scenes)
    distinct = list({scene_group(scene): scene for scene in reversed(scenes)}.values())[::-1]
    if split == "iid" or family not in REASONS:
        return iter(distinct)
    queues = [
        [scene for scene in distinct if held_out_reasons(scene) == (reason,)]
        for reason in REASONS[family]
    ]
    return (scene for scene in chain(*zip_longest(*queues)) if scene is not None)


def _reason(scene: Scene) -> str:
    reasons = held_out_reasons(scene) if scene.family in REASONS else ()
    return reasons[0] if reasons else ""

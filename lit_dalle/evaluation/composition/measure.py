"""The composition benchmark: graded samples of every prompt, beside what they are compared with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from lit_dalle.data.world import Scene, compositions, render, scene_group
from lit_dalle.evaluation.composition.painter import Painter, Pixels, Tokens
from lit_dalle.evaluation.composition.pools import Pool, PoolMaker
from lit_dalle.evaluation.composition.prompts import Prompt, stable_seed
from lit_dalle.evaluation.composition.retrieval import TrainingPictures
from lit_dalle.evaluation.grading.verdict import Verdict

BATCH = 64
"""Prompts whose references are made together."""
SAMPLES_TOGETHER = 512
"""Samples, of prompts of one case, that are drawn together: of 8 prompts with 64 each."""


@dataclass(frozen=True)
class Plan:
    """How much is drawn of what."""

    candidates: int = 64
    """Samples a prompt and seed."""
    large_pool: int = 512
    """Samples of the first prompts of each case; no more than ``candidates`` means no such pool."""
    large_prompts: int = 5
    """Prompts of each case (a family and split) with a large pool."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the samples."""
    shown_prompts: int = 3
    """Prompts of each case on the page: the first ones."""
    shown_samples: int = 4
    """Samples of each on the page: the first ones, beside the best ranked."""

    def __post_init__(self) -> None:
        if self.candidates < 1 or not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(
                f"a benchmark needs samples and different seeds; got {self.candidates} candidates "
                f"and the seeds {', '.join(map(str, self.seeds)) or 'none'}"
            )

    def samples_of(self, prompt: Prompt) -> int:
        """Size of a prompt's pool."""
        large = max(self.candidates, self.large_pool)
        return large if prompt.number < self.large_prompts else self.candidates

    def shown_of(self, prompt: Prompt) -> int:
        """How many of a prompt's first samples the page shows."""
        return self.shown_samples if prompt.number < self.shown_prompts else 0


@dataclass(frozen=True)
class Reference:
    """A picture that a prompt's samples are compared with."""

    verdict: Verdict
    picture: Pixels | None
    """None where the page does not show it."""


@dataclass(frozen=True)
class Measured:
    """All that was measured of a prompt."""

    prompt: Prompt
    references: Mapping[str, Reference]
    """By row: ``ground-truth``, ``tokenizer``, ``retrieval``, ``random``; without a scene only
    ``retrieval``."""
    truth_tokens: Tokens | None
    """Image tokens of the ground truth, ``1 i``; None without a scene."""
    pools: tuple[Pool, ...]
    """One a seed."""


def measure(
    prompts: Sequence[Prompt],
    training: TrainingPictures,
    maker: PoolMaker,
    plan: Plan,
    progress: Callable[[int], None] | None = None,
) -> list[Measured]:
    """Draw, grade and compare.

    Args:
        prompts: What to draw.
        training: Where retrieval looks.
        maker: Makes the pools.
        plan: How much.
        progress: Called after each pool with its number of samples.
    """
    pools: list[list[Pool]] = [[] for _ in prompts]
    for seed in plan.seeds:
        for places in groups(prompts, plan):
            group = [prompts[place] for place in places]
            size, shown = plan.samples_of(group[0]), [plan.shown_of(prompt) for prompt in group]
            drawn = maker.pools(group, size, seed, shown, plan.candidates)
            for place, pool in zip(places, drawn, strict=True):
                pools[place].append(pool)
                if progress is not None:
                    progress(size)
    found = references(prompts, training, maker, plan.shown_prompts)
    return [
        Measured(prompt, *compared, tuple(of_prompt))
        for prompt, compared, of_prompt in zip(prompts, found, pools, strict=True)
    ]


def groups(prompts: Sequence[Prompt], plan: Plan) -> list[list[int]]:
    """Places of the prompts that are drawn together: of one case and size, in their order.

    So they do not depend on what else is measured.
    """
    alike: dict[tuple[frozenset[tuple[str, str]], int], list[int]] = {}
    for place, prompt in enumerate(prompts):
        key = (frozenset(prompt.case.items()), plan.samples_of(prompt))
        alike.setdefault(key, []).append(place)
    found = []
    for (_, size), places in alike.items():
        count = max(1, SAMPLES_TOGETHER // size)
        found += [places[start : start + count] for start in range(0, len(places), count)]
    return found


def references(
    prompts: Sequence[Prompt], training: TrainingPictures, maker: PoolMaker, shown_prompts: int
) -> Iterator[tuple[dict[str, Reference], Tokens | None]]:
    """Yield what each prompt's samples are compared with, and the tokens of its ground truth.

    ground-truth: a fresh render of the scene; tokenizer: that after the dVAE's round trip;
    retrieval: the training picture whose CLIP feature is nearest to the prompt's; random: a render
    of another trained scene of the family.
    """
    for start in range(0, len(prompts), BATCH):
        batch = prompts[start : start + BATCH]
        features = maker.painter.text_features([prompt.text for prompt in batch])
        pictures: list[dict[str, Pixels]] = [
            {"retrieval": training.picture(int(row))} for row in training.nearest_by_clip(features)
        ]
        scenes = [(place, p.scene) for place, p in enumerate(batch) if p.scene is not None]
        tokens = _draw(maker.painter, batch, scenes, pictures)
        for place, (prompt, drawn) in enumerate(zip(batch, pictures, strict=True)):
            verdicts = maker.grade(np.stack(list(drawn.values())), prompt.asked)
            kept = drawn if prompt.number < shown_prompts else {}
            found = {
                row: Reference(verdict, kept.get(row))
                for row, verdict in zip(drawn, verdicts, strict=True)
            }
            yield {row: found[row] for row in ROWS if row in found}, tokens.get(place)


ROWS = ("ground-truth", "tokenizer", "retrieval", "random")


def _draw(
    painter: Painter,
    batch: Sequence[Prompt],
    scenes: Sequence[tuple[int, Scene]],
    pictures: list[dict[str, Pixels]],
) -> dict[int, Tokens]:
    """Add the pictures that need a scene; return the tokens of the ground truths."""
    if not scenes:
        return {}
    truths = np.stack(
        [_render(scene, painter, "truth", batch[place].key) for place, scene in scenes]
    )
    tokens = painter.encode(truths)
    for (place, scene), truth, again in zip(scenes, truths, painter.decode(tokens), strict=True):
        key = batch[place].key
        other = _render(_other_scene(scene, key), painter, "random picture", key)
        pictures[place] |= {"ground-truth": truth, "tokenizer": again, "random": other}
    return {place: row[None] for (place, _), row in zip(scenes, tokens, strict=True)}


def _render(scene: Scene, painter: Painter, stream: str, key: str) -> Pixels:
    return np.asarray(render(scene, stable_seed(stream, key), painter.image_size))


def _other_scene(scene: Scene, key: str) -> Scene:
    """A trained scene of the family with another picture."""
    trained = compositions(scene.family, "test")
    order = Random(stable_seed("random scene", key))
    while scene_group(other := order.choice(trained)) == scene_group(scene):
        pass
    return other

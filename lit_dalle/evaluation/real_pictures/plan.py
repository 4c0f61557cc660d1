"""Which prompts are drawn, and how often."""

from collections.abc import Sequence
from dataclasses import dataclass

from lit_dalle.evaluation.composition.painter import Painter
from lit_dalle.evaluation.real_pictures.subjects import CaptionedSplit, Subject, drawn_by_seed


@dataclass(frozen=True)
class Plan:
    """How much is drawn."""

    candidates: int = 16
    """Samples a prompt and seed."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the samples."""
    seed: int = 0
    """Seed of the prompts, of the labels beside the right one, and of the halves."""
    shown_prompts: int = 8
    """Prompts of each set in its grid: the first ones."""
    shown_samples: int = 8
    """Best ranked samples of each in the grid."""

    def __post_init__(self) -> None:
        if self.candidates < 1 or not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(
                f"a benchmark needs samples and different seeds; got {self.candidates} candidates "
                f"and the seeds {', '.join(map(str, self.seeds)) or 'none'}"
            )


@dataclass(frozen=True)
class PromptSet:
    """Prompts that are drawn, and the split that they are of."""

    name: str
    split: CaptionedSplit
    subjects: Sequence[Subject]
    """In an order that the seed gives."""
    too_long: int = 0
    """Subjects passed over because their prompt does not fit the nets."""


def prompt_set(
    name: str, split: CaptionedSplit, count: int, seed: int, painter: Painter
) -> PromptSet:
    """Choose prompts of a split by seed, among those that fit the pipeline's nets.

    Args:
        name: Of the set, in results.
        split: Where they are from.
        count: How many; fewer where there are no more.
        seed: Seed of the choice.
        painter: The pipeline.

    Raises:
        ValueError: There are not two such prompts.
    """
    taken, passed = drawn_by_seed(
        split.subjects, count, f"prompts {name}", seed, lambda one: fits(painter, one.prompt)
    )
    if len(taken) < 2:
        raise ValueError(
            f"{len(taken)} of the prompts of {split.name} fit the pipeline's text length, and two "
            f"are the least: --prompts is {count}, and {passed} are too long"
        )
    return PromptSet(name, split, taken, passed)


def fits(painter: Painter, prompt: str) -> bool:
    """Whether the prior and the CLIP of a pipeline can read a prompt."""
    try:
        for tokenizer in (painter.pipeline.prior_tokenizer, painter.clip_tokenizer):
            tokenizer.encode([prompt])
    except ValueError:
        return False
    return bool(prompt.strip())

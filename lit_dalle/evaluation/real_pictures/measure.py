"""Prompts of real pictures drawn by a pipeline, and judged beside what they are compared with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lit_dalle.evaluation.composition.painter import Painter, Pixels
from lit_dalle.evaluation.composition.prompts import stable_seed
from lit_dalle.evaluation.real_pictures.judge import Judge
from lit_dalle.evaluation.real_pictures.plan import Plan, PromptSet, fits
from lit_dalle.evaluation.real_pictures.samples import Drawn, draw_all
from lit_dalle.evaluation.real_pictures.scores import Bools, Scorer, Scores
from lit_dalle.evaluation.real_pictures.subjects import Subject, drawn_by_seed
from lit_dalle.evaluation.real_pictures.training import TrainingPictures
from lit_dalle.evaluation.real_pictures.trials import Trials, candidate_labels, trials_of

Progress = Callable[[int], None]

ENGLISH = "en"
"""The language of the prompts themselves, beside their translations."""


@dataclass(frozen=True)
class Translated:
    """A set's prompts in several languages."""

    places: Sequence[int]
    """The prompts that fit the nets in every language, by their place in the set."""
    right: Mapping[str, Mapping[str, Bools]]
    """By language and kind of picture: whether the right label is first, ``seeds n``."""
    shown: Mapping[str, Sequence[Drawn]]
    """By language: samples of the first of these prompts, of the first seed."""


@dataclass(frozen=True)
class Measured:
    """All that was measured of a set."""

    prompts: PromptSet
    labels: int
    """Labels of a trial."""
    references: Mapping[str, Scores]
    """``real``, ``round_trip`` and ``retrieval``."""
    drawn: Mapping[str, Sequence[Scores]]
    """``one`` and ``ranked``, each by seed."""
    shown: Sequence[Drawn]
    """Samples of the first prompts, of the first seed."""
    real: Pixels
    """The real picture of each prompt."""
    translated: Translated | None


@dataclass(frozen=True)
class PictureBench:
    """Draws sets of prompts and judges them."""

    painter: Painter
    """The pipeline."""
    judge: Judge
    """Not the pipeline's own CLIP."""
    training: TrainingPictures
    plan: Plan

    def measure(self, prompts: PromptSet, progress: Progress | None = None) -> Measured:
        """Draw a set with every seed, and judge it beside its references.

        Args:
            prompts: The set; its prompts' translations are drawn too, where there are some.
            progress: Called after each prompt with its number of samples.
        """
        size, subjects = self.painter.image_size, prompts.subjects
        real = prompts.split.pictures(subjects, size)
        trials = self._trials(prompts)
        others = prompts.split.pictures(self._others(prompts), size)
        scorer = Scorer(self.painter, self.judge, self.training, trials, others)
        places = self._translatable(subjects)
        kept = {*range(self.plan.shown_prompts), *places[: self.plan.shown_prompts]}
        drawn: dict[str, list[Scores]] = {"one": [], "ranked": []}
        shown: list[Drawn] = []
        for seed in self.plan.seeds:
            found = self._draw(subjects, [s.prompt for s in subjects], kept, seed, progress)
            for kind, pictures in picked(found).items():
                drawn[kind].append(scorer.of(pictures))
            shown = shown or found
        english = {kind: np.stack([one.right for one in each]) for kind, each in drawn.items()}
        return Measured(
            prompts,
            trials.labels.shape[1],
            self._references(subjects, real, scorer),
            drawn,
            shown[: self.plan.shown_prompts],
            real,
            self._translated(subjects, places, trials, english, shown, progress),
        )

    def _trials(self, prompts: PromptSet) -> Trials:
        labels = candidate_labels(prompts.subjects, prompts.split.subjects, self.plan.seed)
        texts = list(dict.fromkeys(label for one in labels for label in one))
        features = self.judge.label_features(texts)
        return trials_of(labels, dict(zip(texts, features, strict=True)))

    def _translatable(self, subjects: Sequence[Subject]) -> list[int]:
        """Places of the subjects whose prompt fits in every language; none where there is one."""
        names = languages_of(subjects)
        return [
            place
            for place, subject in enumerate(subjects)
            if names
            and all(fits(self.painter, subject.translations.get(name, "")) for name in names)
        ]

    def _draw(
        self,
        subjects: Sequence[Subject],
        prompts: Sequence[str],
        kept: set[int],
        seed: int,
        progress: Progress | None,
    ) -> list[Drawn]:
        """Samples of subjects asked for by these prompts; in every language with the same noise."""
        seeds = [stable_seed("samples", seed, subject.row) for subject in subjects]
        keep = [self.plan.shown_samples if n in kept else 1 for n in range(len(subjects))]
        return list(draw_all(self.painter, prompts, seeds, self.plan.candidates, keep, progress))

    def _references(
        self, subjects: Sequence[Subject], real: Pixels, scorer: Scorer
    ) -> dict[str, Scores]:
        """The real pictures, these after the dVAE's round trip, and what retrieval finds."""
        painter = self.painter
        texts = painter.text_features([subject.prompt for subject in subjects])
        return {
            "real": scorer.of(real),
            "round_trip": scorer.of(painter.decode(painter.encode(real))),
            "retrieval": scorer.of(self.training.retrieved(texts, painter.image_size)),
        }

    def _others(self, prompts: PromptSet) -> list[Subject]:
        """As many other subjects of the split as there are prompts, or all there are."""
        asked = {subject.row for subject in prompts.subjects}
        taken, _ = drawn_by_seed(
            prompts.split.subjects,
            len(asked),
            "other pictures",
            self.plan.seed,
            lambda subject: subject.row not in asked,
        )
        return taken

    def _translated(
        self,
        subjects: Sequence[Subject],
        places: Sequence[int],
        trials: Trials,
        english: Mapping[str, Bools],
        shown: Sequence[Drawn],
        progress: Progress | None,
    ) -> Translated | None:
        """Draw the prompts at these places in the other languages too."""
        if not places:
            return None
        chosen, own_trials = [subjects[place] for place in places], trials.of(places)
        first = range(min(self.plan.shown_prompts, len(places)))
        right = {ENGLISH: {kind: found[:, places] for kind, found in english.items()}}
        first_shown = {ENGLISH: [shown[places[n]] for n in first]}
        for name in languages_of(subjects):
            asked = [subject.translations[name] for subject in chosen]
            found: dict[str, list[Bools]] = {}
            for seed in self.plan.seeds:
                drawn = self._draw(chosen, asked, set(first), seed, progress)
                for kind, pictures in picked(drawn).items():
                    features = self.judge.image_features(pictures)
                    found.setdefault(kind, []).append(own_trials.right(features))
                first_shown.setdefault(name, [drawn[n] for n in first])
            right[name] = {kind: np.stack(each) for kind, each in found.items()}
        return Translated(places, right, first_shown)


def languages_of(subjects: Sequence[Subject]) -> list[str]:
    """Languages that some prompt is translated to."""
    return list(dict.fromkeys(name for one in subjects for name in one.translations))


def picked(drawn: Sequence[Drawn]) -> dict[str, Pixels]:
    """One picture a prompt, ``n h w 3``: ``one``, the first sample, and ``ranked``, the best."""
    return {
        "one": np.stack([one.first for one in drawn]),
        "ranked": np.stack([one.ranked[0] for one in drawn]),
    }

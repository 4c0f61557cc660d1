"""Captioned pictures of any data set as the benchmark sees them: prompt, label, group, family."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from datasets import Dataset

from lit_dalle.data.sources import Source
from lit_dalle.data.transforms import centre
from lit_dalle.evaluation.composition.painter import Pixels
from lit_dalle.evaluation.composition.prompts import stable_seed


@dataclass(frozen=True)
class Subject:
    """What one row says of its picture."""

    row: int
    """Its number among the rows of the split."""
    prompt: str
    """What a pipeline is asked for: the row's first caption."""
    label: str
    """What must be seen, in the judge's words: without style, for example."""
    group: str
    """Rows of one group show the same."""
    family: str
    """What results are reported by, such as the style; empty where there is none."""
    translations: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The prompt in other languages, by the language's name."""


@dataclass(frozen=True)
class CaptionedSplit:
    """A split of a captioned data set; its pictures are read when they are asked for."""

    name: str
    """What it is called in results."""
    subjects: tuple[Subject, ...]
    rows: Dataset
    """All rows of the source's split, with pictures."""
    fingerprint: str
    """Changes whenever a row does."""

    def pictures(self, subjects: Sequence[Subject], size: int) -> Pixels:
        """Pictures of some of the subjects, ``n size size 3``: the central square.

        Raises:
            ValueError: A picture cannot be read.
        """
        found = np.empty((len(subjects), size, size, 3), np.uint8)
        for place, subject in enumerate(subjects):
            image = self.rows[subject.row]["image"]
            if image is None:
                raise ValueError(f"the picture of row {subject.row} of {self.name} is unreadable")
            found[place] = np.asarray(centre(image, size))
        return found

    def batches(
        self, subjects: Sequence[Subject], size: int, batch_size: int
    ) -> Iterator[tuple[Sequence[Subject], Pixels]]:
        """Yield subjects and their pictures, a batch at a time."""
        for start in range(0, len(subjects), batch_size):
            part = subjects[start : start + batch_size]
            yield part, self.pictures(part, size)


def read_split(
    name: str,
    source: Source,
    split: str,
    *,
    labels: Source | None = None,
    translations: Mapping[str, Source] | None = None,
    leave_out: Collection[int] = (),
) -> CaptionedSplit:
    """Read what the rows of a split say.

    Args:
        name: What the split is called in results.
        source: Its captions are the prompts, the first of each row.
        split: One of the source's.
        labels: The same rows with the label as their caption; default: the label is the prompt.
        translations: The same rows with prompts in other languages, by language.
        leave_out: Numbers of rows that do not count; rows without a caption do not either.

    Raises:
        FileNotFoundError: There is no such data set.
        ValueError: There is no such split or no caption, or sources that belong together have
            other numbers of rows.
    """
    columns = _columns(source, split)
    prompts = _captions(columns, source)
    count = len(prompts)
    words = prompts if labels is None else _other_words(labels, split, count)
    foreign = {
        language: _other_words(other, split, count)
        for language, other in (translations or {}).items()
    }
    groups, families = columns.get("group", prompts), columns.get("family", [""] * count)
    subjects = tuple(
        Subject(
            row,
            prompts[row],
            words[row],
            groups[row],
            families[row],
            {language: texts[row] for language, texts in foreign.items() if texts[row]},
        )
        for row in range(count)
        if row not in leave_out and prompts[row] and words[row]
    )
    if not subjects:
        raise ValueError(f"{name} has no rows with captions")
    return CaptionedSplit(name, subjects, source.load(split), source.fingerprint(split))


def drawn_by_seed(
    subjects: Sequence[Subject],
    count: int | None,
    stream: str,
    seed: int,
    fits: Callable[[Subject], bool] = lambda subject: True,
) -> tuple[list[Subject], int]:
    """Take the first subjects of a shuffled order.

    Args:
        subjects: All there are.
        count: How many to take; None takes all.
        stream: Name of the draw, so that two draws of one seed differ.
        seed: Seed of the order.
        fits: Whether a subject can be used; others are passed over.

    Returns:
        Those taken, fewer where there are no more, and how many before the last were passed over.
    """
    order = np.random.default_rng(stable_seed(stream, seed)).permutation(len(subjects))
    taken: list[Subject] = []
    passed = 0
    for place in order:
        if len(taken) == count:
            break
        if fits(subjects[place]):
            taken.append(subjects[place])
        else:
            passed += 1
    return taken, passed


def _columns(source: Source, split: str) -> Mapping[str, list]:
    columns: Mapping[str, list] = source.load(split, pictures=False)[:]
    return columns


def _captions(columns: Mapping[str, list], source: Source) -> list[str]:
    """First caption of each row, empty where it has none."""
    if "caption" not in columns:
        raise ValueError(f"the rows of {source} have no captions: say where they are")
    return [captions[0] if captions else "" for captions in columns["caption"]]


def _other_words(source: Source, split: str, count: int) -> list[str]:
    """The same of a source that has other words for the same rows."""
    found = _captions(_columns(source, split), source)
    if len(found) != count:
        raise ValueError(f"{source} has {len(found)} rows for the {count} that it has words for")
    return found

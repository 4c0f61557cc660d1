"""The rows that binding tests leave in a result file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from lit_dalle.data.world import FAMILIES
from lit_dalle.evaluation.binding.scoring import (
    ACCURACY,
    ALL,
    CHANCE,
    GROUP,
    IMAGE,
    TEXT,
    BindingTest,
    score_binding,
)
from lit_dalle.evaluation.binding.tests import (
    KINDS,
    REARRANGED,
    sugarcrepe_tests,
    winoground_tests,
)
from lit_dalle.evaluation.caption_matching import EncodeImage, EncodeText
from lit_dalle.evaluation.results import ResultFile
from lit_dalle.evaluation.splits import SPLIT_OF

WINOGROUND, SUGARCREPE = "winoground", "sugarcrepe"
FORMS = 1 + len(KINDS)
"""Winoground's form, and each kind of SugarCrepe's."""


def add_binding(
    results: ResultFile,
    encode_image: EncodeImage,
    encode_text: EncodeText,
    pairs: int,
    *,
    splits: Sequence[str] = tuple(SPLIT_OF),
    families: Sequence[str] = FAMILIES,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Score a CLIP on tests of every form and add their rows, chance levels too.

    A row's case has ``form``, for SugarCrepe's form ``kind``, ``split``, ``family`` (or ``all``)
    and, where a family has several, ``change``; chance levels have ``row`` = ``chance`` and no
    split.

    Args:
        results: Where to.
        encode_image: Pictures float32 ``b 3 h w`` in [0, 1] to features of any norm.
        encode_text: Captions to features of any norm.
        pairs: Tests a family, form and split.
        splits: Of ``iid`` and ``held-out``.
        families: Those of them that have tests of a form are tested.
        seed: Seed of the tests.
        progress: Called after each form of a split with 1.
    """
    for case, able, make in _forms(pairs, seed):
        asked = tuple(family for family in families if family in able)
        if not asked:
            continue
        for split in splits:
            tests = list(make(split=SPLIT_OF[split], families=asked))
            for score in score_binding(tests, encode_image, encode_text):
                change = {} if score.change is None else {"change": score.change}
                group = case | {"split": split, "family": score.family} | change
                results.row(group, score.metric, score.share, *score.interval)
            if progress is not None:
                progress(1)
        for metric in (TEXT, IMAGE, GROUP) if case["form"] == WINOGROUND else (ACCURACY,):
            chance = case | {"family": ALL, "row": "chance"}
            results.row(chance, metric, CHANCE[metric])


def _forms(
    pairs: int, seed: int
) -> Iterator[tuple[dict[str, str], tuple[str, ...], Callable[..., Iterable[BindingTest]]]]:
    """The case of each form and kind, the families that have it, and what makes its tests."""
    yield {"form": WINOGROUND}, REARRANGED, partial(winoground_tests, tests=pairs, seed=seed)
    for kind, (_, able) in KINDS.items():
        make = partial(sugarcrepe_tests, kind, tests=pairs, seed=seed)
        yield {"form": SUGARCREPE, "kind": kind}, able, make

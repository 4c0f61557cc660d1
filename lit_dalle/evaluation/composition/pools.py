"""Pools: the samples of a prompt with their verdicts, kept in files so that a run can go on."""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lit_dalle.data.world import Scene, scene_to_json
from lit_dalle.data.world_source import world_code_hash
from lit_dalle.data.writing import whole_file
from lit_dalle.evaluation import grading
from lit_dalle.evaluation.composition.painter import Painter, Pixels, Samples, Tokens
from lit_dalle.evaluation.composition.prompts import Prompt, stable_seed
from lit_dalle.evaluation.grading.verdict import Requirement, Verdict

GradeAll = Callable[[Pixels, Any], list[Verdict]]
"""Pictures ``n h w 3``, and the scene or prompt asked for, to a verdict each."""


@dataclass(frozen=True)
class Shown:
    """A picture that the page shows, and its verdict."""

    picture: Pixels
    verdict: Verdict


@dataclass(frozen=True)
class Pool:
    """Graded samples of a prompt, in the order of their numbers."""

    tokens: Tokens
    scores: NDArray[np.float32]
    """What they are ranked by, ``n``; see :class:`Samples`."""
    right: NDArray[np.bool_]
    """``n``."""
    shown: Mapping[int, Shown]
    """Some of the samples with their pictures, by number."""


@dataclass(frozen=True)
class PoolMaker:
    """Draws and grades pools.

    What is in a pool follows from the nets, the sampling, the prompt, the seed and the size, and
    its rounding from the prompts that are drawn with it.
    """

    painter: Painter
    grade: GradeAll
    facts: Mapping[str, Any]
    """What else a pool depends on: hashes, precision, versions. A kept pool of others is redone."""
    work: Path | None = None
    """Folder where pools are kept; None keeps none."""

    def pools(
        self, prompts: Sequence[Prompt], size: int, seed: int, shown: Sequence[int], among: int
    ) -> Iterator[Pool]:
        """Draw pools of a group of prompts together, or take those that were kept.

        Where one is missing the whole group is drawn, so that rounding does not depend on what was
        kept; a kept pool is not graded again.

        Args:
            prompts: The group.
            size: Number of samples of each.
            seed: Seed of the run; every prompt has noise of its own.
            shown: So many first samples of each prompt are kept as pictures, and also the best
                ranked one; 0 keeps none.
            among: The best is sought among so many first samples.

        Yields:
            The pool of each prompt.
        """
        group = [prompt.text for prompt in prompts]
        facts = [
            self._facts(prompt, group, [size, seed, count, among])
            for prompt, count in zip(prompts, shown, strict=True)
        ]
        paths = [self._path(prompt, seed) for prompt in prompts]
        kept = [_read(path, fact) for path, fact in zip(paths, facts, strict=True)]
        found = [pool for pool in kept if pool is not None]
        if len(found) == len(prompts):
            yield from found
            return
        seeds = [stable_seed("samples", seed, prompt.key) for prompt in prompts]
        for place, drawn in enumerate(self.painter.samples(group, size, seeds)):
            pool, path = kept[place], paths[place]
            if pool is None:
                pool = self._graded(drawn, prompts[place].asked, shown[place], among)
                if path is not None:
                    _write(path, pool, facts[place])
            yield pool

    def _graded(self, drawn: Samples, asked: Any, shown: int, among: int) -> Pool:
        verdicts = self.grade(drawn.pictures, asked)
        first = set(range(min(shown, len(verdicts))))
        numbers = first | {int(drawn.scores[:among].argmax())} if shown else set()
        return Pool(
            drawn.tokens,
            drawn.scores,
            np.array([verdict.right for verdict in verdicts]),
            {number: Shown(drawn.pictures[number], verdicts[number]) for number in sorted(numbers)},
        )

    def _path(self, prompt: Prompt, seed: int) -> Path | None:
        return None if self.work is None else self.work / f"seed-{seed}" / f"{prompt.key}.npz"

    def _facts(self, prompt: Prompt, group: Sequence[str], numbers: Sequence[int]) -> str:
        asked = scene_to_json(prompt.asked) if isinstance(prompt.asked, Scene) else prompt.asked
        facts = {
            **self.facts,
            "code": code_hash(),
            **asdict(self.painter.settings),
            "prompt": prompt.text,
            "asked": str(asked),
            "group": list(group),
            "numbers": list(numbers),
        }
        return json.dumps(facts, sort_keys=True)


@cache
def code_hash() -> str:
    """Hash over the code that draws the world and grades, which verdicts follow from."""
    digest = hashlib.sha256(world_code_hash().encode())
    for path in sorted(Path(grading.__path__[0]).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _write(path: Path, pool: Pool, facts: str) -> None:
    """Write a pool, whole or not at all."""
    verdicts = [
        [asdict(requirement) for requirement in shown.verdict.requirements]
        for shown in pool.shown.values()
    ]
    with whole_file(path) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            tokens=pool.tokens,
            scores=pool.scores,
            right=pool.right,
            numbers=np.array(list(pool.shown), np.int64),
            pictures=np.array([shown.picture for shown in pool.shown.values()], np.uint8),
            texts=np.array([facts, json.dumps(verdicts)]),
        )


def _read(path: Path | None, facts: str) -> Pool | None:
    """The pool of a file; None where there is none, or one of other facts."""
    if path is None:
        return None
    try:
        with path.open("rb") as file, np.load(file) as kept:
            found, verdicts = kept["texts"].tolist()
            if found != facts:
                return None
            shown = {
                number: Shown(picture, Verdict(tuple(Requirement(**one) for one in verdict)))
                for number, picture, verdict in zip(
                    kept["numbers"].tolist(), kept["pictures"], json.loads(verdicts), strict=True
                )
            }
            return Pool(kept["tokens"], kept["scores"], kept["right"], shown)
    except (FileNotFoundError, KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        return None

"""Cases repainted and graded: what was asked for, what is around it, bytes, and the seam."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lit_dalle.evaluation.composition.prompts import stable_seed
from lit_dalle.evaluation.editing.tasks import Bools, EditCase, Pixels
from lit_dalle.evaluation.grading import grade
from lit_dalle.evaluation.grading.picture import SIDE, Picture
from lit_dalle.generation.edit import EditTask
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.generation.region import any_of_cells
from lit_dalle.generation.settings import EditSettings

OFF, OFF_SHARE = 2, 0.25
"""Pixels of 64, and share of an object's width, by which what goes on at a border may be off."""

Way = Literal["any-order", "forced-raster", "completion"]


class ForcedRaster(EditTask):
    """The baseline: raster order, in which known tokens are put in when their turn comes.

    What is drawn sees what lies above and left of it alone. Of a region that reaches the lower
    right corner this is the completion of [P].
    """

    @property
    def order(self) -> Tensor | None:
        """Raster."""
        return None


TASK_OF: dict[Way, type[EditTask]] = {
    "any-order": EditTask,
    "forced-raster": ForcedRaster,
    "completion": ForcedRaster,
}


@dataclass(frozen=True)
class Repainted:
    """What became of a case."""

    case: EditCase
    right: Bools
    """Whether each sample shows the scene, ``candidates``, in the order of their numbers."""
    around: Bools
    """Whether all that a change has no bearing on is right too, ``candidates``."""
    continues: Bools | None
    """Of cut objects: whether each sample is right and the object goes on, ``candidates``."""
    best: int
    """Number of the sample that is ranked first."""
    bytes_equal: bool
    """Whether every sample is the picture's, byte for byte, outside the region."""
    seam: float
    """Mean gradient across the border of the region, of all samples, in levels of 255."""
    seam_of_target: float
    """The same of the picture that was drawn with the same nuisances."""
    pictures: list[Image.Image]
    """The best ones, best first."""


def repaint(
    pipeline: DallePipeline,
    case: EditCase,
    way: Way,
    settings: EditSettings,
    shown: int = 4,
    progress: Callable[[int], None] | None = None,
) -> Repainted:
    """Draw all samples of a case and grade them.

    Args:
        pipeline: Its prior is of order ``any``.
        case: What is repainted.
        way: In which order.
        settings: All candidates are kept; their seed is mixed with the case's number.
        shown: Pictures that stay in memory.
        progress: Called with the number of samples.
    """
    sizes = pipeline.dvae.config.image_size, pipeline.prior.config.image_grid
    task = TASK_OF[way].of(Image.fromarray(case.picture), case.region, *sizes, settings.context)
    seed = stable_seed("edit", settings.seed, case.task, case.kind, case.number)
    settings = settings.changed(keep=settings.candidates, seed=seed)
    found = pipeline.repaint(task, case.prompt, settings)
    numbers = np.array(found.generation.candidates)
    pictures = np.stack([np.asarray(one) for one in found.pictures])[np.argsort(numbers)]
    verdicts = [grade(one, case.scene) for one in pictures]
    right = np.array([verdict.right for verdict in verdicts])
    meets = np.array([outline_meets(one, case.target, case.region) for one in pictures])
    if progress is not None:
        progress(len(pictures))
    return Repainted(
        case,
        right,
        np.array([all(r.right for r in v.requirements if r.name in case.around) for v in verdicts]),
        right & meets if case.task == "crossing" else None,
        int(numbers[0]),
        bool((pictures == case.picture)[:, ~case.region].all()),
        float(np.mean([border_gradient(one, case.region) for one in pictures])),
        border_gradient(case.target, case.region),
        found.pictures[:shown],
    )


def outline_meets(picture: Pixels, target: Pixels, region: Bools) -> bool:
    """Whether things reach a region's right and lower borders where they do in the real picture.

    Args:
        picture: ``h w 3``.
        target: The real one.
        region: ``h w``.
    """
    drawn, real = Picture(picture).foreground, Picture(target).foreground
    inside = any_of_cells(region, SIDE)
    beyond = np.pad(inside, ((0, 1), (0, 1)), mode="edge")
    last = inside & ~(beyond[1:, :-1] & beyond[:-1, 1:])
    off = int((drawn != real)[last].sum())
    return off <= max(OFF, OFF_SHARE * int(real[last].sum()))


def border_gradient(picture: Pixels, region: Bools) -> float:
    """Mean absolute difference of neighbouring pixels across a region's border, in levels.

    Args:
        picture: ``h w 3``.
        region: ``h w``; it has a border.
    """
    levels: NDArray[np.float32] = picture.astype(np.float32)
    gaps = []
    for axis in (0, 1):
        crossing = np.diff(region.astype(np.int8), axis=axis) != 0
        gaps.append(np.abs(np.diff(levels, axis=axis))[crossing].ravel())
    return float(np.concatenate(gaps).mean())

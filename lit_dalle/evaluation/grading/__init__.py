"""Right or wrong: does a picture show a scene of the world, exactly?"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lit_dalle.data.world import Scene
from lit_dalle.evaluation.grading import light, writing
from lit_dalle.evaluation.grading.dressed import penguin, together
from lit_dalle.evaluation.grading.filled import telephone, thing
from lit_dalle.evaluation.grading.objects import count, relation, stack
from lit_dalle.evaluation.grading.picture import Picture
from lit_dalle.evaluation.grading.verdict import Requirement, Verdict

__all__ = ["GRADER_VERSION", "Requirement", "Verdict", "grade"]

GRADER_VERSION = "1"
"""Names how pictures are read; results carry it beside the world's version."""

GRADERS: dict[str, Callable[..., Iterator[Requirement]]] = {
    "count": count.requirements,
    "relation": relation.requirements,
    "stack": stack.requirements,
    "penguin": penguin.requirements,
    "telephone": telephone.requirements,
    "light": light.requirements,
    "thing": thing.requirements,
    "together": together.requirements,
    "writing": writing.requirements,
}
"""What a picture of each family has to show, from the picture and its scene."""


def grade(image: Image.Image | NDArray[np.uint8], scene: Scene) -> Verdict:
    """Say whether a picture shows a scene: every attribute, and nothing else.

    Args:
        image: PIL picture or uint8 array ``h w 3``; read at 64 × 64 pixels.
        scene: What was asked for.

    Returns:
        Each requirement, right or wrong with a reason.
    """
    return Verdict(tuple(GRADERS[scene.family](Picture(image), scene)))

"""Right or wrong: does a picture show a scene of the world, exactly?"""

from importlib import import_module

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lit_dalle.data.world import Scene
from lit_dalle.evaluation.grading.picture import Picture
from lit_dalle.evaluation.grading.verdict import Requirement, Verdict

__all__ = ["GRADER_VERSION", "Requirement", "Verdict", "grade"]

GRADER_VERSION = "1"
"""Names how pictures are read; results carry it beside the world's version."""


def grade(image: Image.Image | NDArray[np.uint8], scene: Scene) -> Verdict:
    """Say whether a picture shows a scene: every attribute, and nothing else.

    Args:
        image: PIL picture or uint8 array ``h w 3``; read at 64 × 64 pixels.
        scene: What was asked for.

    Returns:
        Each requirement, right or wrong with a reason.
    """
    family = import_module(f"lit_dalle.evaluation.grading.{scene.family}")
    return Verdict(tuple(family.requirements(Picture(image), scene)))

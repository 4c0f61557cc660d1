"""Scene → picture."""

from collections.abc import Callable
from random import Random

from PIL import Image

from lit_dalle.data.world.drawing import styles
from lit_dalle.data.world.drawing.arrangements import draw_count, draw_relation, draw_stack
from lit_dalle.data.world.drawing.canvas import Canvas
from lit_dalle.data.world.drawing.light import draw_light
from lit_dalle.data.world.drawing.penguin import draw_penguin
from lit_dalle.data.world.drawing.telephone import draw_telephone
from lit_dalle.data.world.drawing.things import draw_thing
from lit_dalle.data.world.drawing.together import draw_together
from lit_dalle.data.world.drawing.writing import draw_writing
from lit_dalle.data.world.scenes import LightScene, Scene

__all__ = ["MIN_SIZE", "render"]

MIN_SIZE = 32
"""Smallest picture side; the vocabulary is drawn to be read at 64."""

DRAWERS: dict[str, Callable[..., Canvas]] = {
    "count": draw_count,
    "relation": draw_relation,
    "stack": draw_stack,
    "penguin": draw_penguin,
    "telephone": draw_telephone,
    "light": draw_light,
    "thing": draw_thing,
    "together": draw_together,
    "writing": draw_writing,
}


def render(scene: Scene, seed: int, size: int = 64) -> Image.Image:
    """Draw a scene.

    Args:
        scene: what to draw.
        seed: of the nuisances: colour, size and place jitter, background.
        size: side of the picture in pixels.

    Returns:
        An RGB picture, a pure function of the arguments.

    Raises:
        ValueError: the size is below `MIN_SIZE`.
    """
    if size < MIN_SIZE:
        raise ValueError(f"size is {size}; the world is drawn at {MIN_SIZE} pixels or more")
    rng = Random(seed)
    canvas = DRAWERS[scene.family](scene, rng, size)
    if isinstance(scene, LightScene):
        return styles.finish(canvas, scene.style, rng)
    return canvas.finish()

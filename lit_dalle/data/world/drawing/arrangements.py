"""Flat shapes and blocks: the families count, relation and stack."""

from random import Random

from lit_dalle.data.world.drawing.backdrop import backdrop
from lit_dalle.data.world.drawing.canvas import Canvas, Point, named
from lit_dalle.data.world.drawing.shapes import placed
from lit_dalle.data.world.scenes import CountScene, RelationScene, StackScene

SIDES = {1: (18, 30), 2: (16, 22), 3: (15, 19), 4: (14, 18), 5: (13, 16), 6: (13, 15)}
"""Count → least and greatest side of its objects, in units."""
GAP = 3.0
"""Least clearance between the square bounds of two objects, in units."""
TILT = 6.0
"""Greatest turn of a shape, in degrees."""


def scattered(count: int, side: float, rng: Random) -> list[Point]:
    """Places whose squares of `side` keep their distance; a grid when chance finds none."""
    margin = side / 2 + 2
    for _ in range(30):
        places: list[Point] = []
        for _ in range(60):
            x, y = rng.uniform(margin, 64 - margin), rng.uniform(margin, 64 - margin)
            if all(max(abs(x - a), abs(y - b)) >= side + GAP for a, b in places):
                places.append((x, y))
                if len(places) == count:
                    return places
    cells = rng.sample(
        [(11.5 + 20.5 * i, 11.5 + 20.5 * j) for i in range(3) for j in range(3)], count
    )
    return [(x + rng.uniform(-1, 1), y + rng.uniform(-1, 1)) for x, y in cells]


def draw_count(scene: CountScene, rng: Random, size: int) -> Canvas:
    """Equal objects that do not touch."""
    canvas = backdrop(size, rng)
    side = rng.uniform(*SIDES[scene.count])
    for x, y in scattered(scene.count, side, rng):
        half = side / 2 * rng.uniform(0.96, 1.0)
        points = placed(scene.shape, x, y, half, rng.uniform(-TILT, TILT))
        canvas.polygon(points, named(scene.colour, rng))
    return canvas


def draw_relation(scene: RelationScene, rng: Random, size: int) -> Canvas:
    """Two objects apart along one axis and nearly level along the other."""
    canvas = backdrop(size, rng)
    halves = rng.uniform(8, 11.5), rng.uniform(8, 11.5)
    apart = sum(halves) + rng.uniform(4, 10)
    middle = rng.uniform(max(30, 2 + halves[0] + apart / 2), 34), rng.uniform(28, 36)
    along = middle[0] - apart / 2, middle[0] + apart / 2
    across = middle[1] + rng.uniform(-3, 3), middle[1] + rng.uniform(-3, 3)
    objects = [(scene.first_colour, scene.first_shape), (scene.second_colour, scene.second_shape)]
    if scene.relation in ("right of", "below"):
        objects.reverse()
    for (colour, shape), half, a, b in zip(objects, halves, along, across, strict=True):
        x, y = (a, b) if scene.relation in ("left of", "right of") else (b, a)
        points = placed(shape, x, y, half, rng.uniform(-TILT, TILT))
        canvas.polygon(points, named(colour, rng))
    return canvas


def draw_stack(scene: StackScene, rng: Random, size: int) -> Canvas:
    """Square blocks of one size, each standing on the next."""
    canvas = backdrop(size, rng)
    height = len(scene.colours)
    side = rng.uniform(*{2: (14, 20), 3: (13, 17), 4: (12, 14)}[height])
    x = rng.uniform(side / 2 + 6, 58 - side / 2)
    bottom = rng.uniform(max(50, height * side + 3), 61)
    for level, colour in enumerate(reversed(scene.colours)):
        left = x - side / 2 + rng.uniform(-1.5, 1.5)
        top = bottom - (level + 1) * side
        canvas.box(left, top, left + side, top + side, named(colour, rng))
    return canvas

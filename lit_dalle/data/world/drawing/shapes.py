"""Outlines within the square from -1 to 1, y pointing down."""

from collections.abc import Iterable
from functools import cache
from math import atan2, cos, pi, radians, sin, sqrt

from lit_dalle.data.world.drawing.canvas import Point

Outline = tuple[Point, ...]


def arc(
    x: float, y: float, rx: float, ry: float, start: float, stop: float, steps: int = 20
) -> Outline:
    """Points on an ellipse from one angle to another, in degrees clockwise from the right."""
    angles = (radians(start + (stop - start) * i / steps) for i in range(steps + 1))
    return tuple((x + rx * cos(a), y + ry * sin(a)) for a in angles)


def regular(corners: int, inner: float | None = None) -> Outline:
    """A regular polygon with a corner at the top; with `inner`, a star of that inner radius."""
    count = corners if inner is None else 2 * corners
    points = []
    for i in range(count):
        angle = 2 * pi * i / count - pi / 2
        radius = 1.0 if inner is None or i % 2 == 0 else inner
        points.append((radius * cos(angle), radius * sin(angle)))
    return fitted(points)


def fitted(points: Iterable[Point], width: float = 2.0, height: float = 2.0) -> Outline:
    """Moved and scaled evenly so that the bounding box is centred and fills width or height."""
    points = list(points)
    xs, ys = [x for x, _ in points], [y for _, y in points]
    scale = min(width / (max(xs) - min(xs)), height / (max(ys) - min(ys)))
    x0, y0 = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    return tuple(((x - x0) * scale, (y - y0) * scale) for x, y in points)


def crescent(offset: float, radius: float) -> Outline:
    """A unit disc less a disc of `radius` moved right by `offset`."""
    x = (1 - radius**2 + offset**2) / (2 * offset)
    y = sqrt(1 - x**2)
    outer = atan2(y, x) * 180 / pi
    inner = atan2(y, x - offset) * 180 / pi
    return (
        *arc(0, 0, 1, 1, outer, 360 - outer, 28),
        *arc(offset, 0, radius, radius, 360 - inner, inner, 24),
    )


def _heart() -> Outline:
    points = []
    for i in range(40):
        t = 2 * pi * i / 40
        y = -(13 * cos(t) - 5 * cos(2 * t) - 2 * cos(3 * t) - cos(4 * t))
        points.append((16 * sin(t) ** 3, y))
    return fitted(points)


def _cross() -> Outline:
    a = 0.36
    return (
        (-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a),
        (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a),
    )  # fmt: skip


def _pineapple() -> Outline:
    crown = ((0.3, -0.38), (0.62, -0.8), (0.26, -0.66), (0, -1), (-0.26, -0.66), (-0.62, -0.8))
    return (*arc(0, 0.33, 0.6, 0.67, -62, 242, 30), (-0.3, -0.38), *reversed(crown))


def _carrot() -> Outline:
    leaves = ((0.2, -0.42), (0.5, -0.95), (0.16, -0.72), (0, -1), (-0.16, -0.72), (-0.5, -0.95))
    return (*leaves, (-0.2, -0.42), *arc(0, -0.3, 0.62, 0.24, 200, 170, 2), (-0.1, 1), (0.1, 1),
            *arc(0, -0.3, 0.62, 0.24, 10, -20, 2))  # fmt: skip


@cache
def outline(name: str) -> Outline:
    """The outline of a shape or of a thing's shape by its name."""
    return {
        "circle": lambda: arc(0, 0, 1, 1, 0, 360, 40),
        "round": lambda: arc(0, 0, 1, 1, 0, 360, 40),
        "square": lambda: ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
        "triangle": lambda: ((0, -0.95), (1.05, 0.85), (-1.05, 0.85)),
        "pentagon": lambda: regular(5),
        "star": lambda: regular(5, 0.45),
        "heart": _heart,
        "cross": _cross,
        "moon": lambda: fitted(crescent(0.55, 0.78)),
        "avocado": lambda: (
            *arc(0, 0.3, 0.7, 0.7, -22, 202, 28),
            *arc(0, -0.56, 0.4, 0.42, 190, 350, 18),
        ),
        "lemon": lambda: (
            *arc(0, 0, 0.78, 0.74, -155, -25, 18), (1.06, -0.16), (1.06, 0.16),
            *arc(0, 0, 0.78, 0.74, 25, 155, 18), (-1.06, 0.16), (-1.06, -0.16),
        ),
        "banana": lambda: fitted([(y, -x) for x, y in crescent(0.5, 0.86)], 2.3, 2.3),
        "mushroom": lambda: (
            *arc(0, 0.05, 1, 0.95, 180, 360, 26), (0.36, 0.1), (0.42, 0.95), (-0.42, 0.95),
            (-0.36, 0.1),
        ),
        "pineapple": _pineapple,
        "carrot": _carrot,
    }[name]()  # fmt: skip


def placed(name: str, x: float, y: float, half: float, degrees: float = 0.0) -> list[Point]:
    """The outline about (x, y) with half its side, turned clockwise."""
    c, s = half * cos(radians(degrees)), half * sin(radians(degrees))
    return [(x + c * px - s * py, y + s * px + c * py) for px, py in outline(name)]

"""A capybara whose time of day, style, place and weather are read from the picture."""

from collections.abc import Iterable, Iterator

from lit_dalle.data.world.drawing.light import LIGHTS
from lit_dalle.data.world.scenes import LightScene
from lit_dalle.evaluation.grading.colours import Floats
from lit_dalle.evaluation.grading.light import shadow
from lit_dalle.evaluation.grading.light.reading import Reading, read
from lit_dalle.evaluation.grading.light.residue import blobs_unlike, same_sky
from lit_dalle.evaluation.grading.light.style import styles_of
from lit_dalle.evaluation.grading.picture import NAMES, NOTHING, Bools, Picture
from lit_dalle.evaluation.grading.regions import middle, place_of
from lit_dalle.evaluation.grading.verdict import Requirement, compared, nothing_else

Box = tuple[slice, slice]
"""Rows and columns."""
CAPYBARA: Box = slice(34, 60), slice(15, 49)
SUN_REACH = 9
"""Pixels from the middle of the sun or moon to each side of its box."""
COLOURS = tuple(name for name in NAMES if name != NOTHING)


def requirements(picture: Picture, scene: LightScene) -> Iterator[Requirement]:
    """Read the picture and compare it with the scene; then look for what it has too much or lacks.

    Args:
        picture: What to look at.
        scene: What was asked for.
    """
    reading = read(picture.lab, styles_of(picture))
    for attribute in ("time", "style", "weather"):
        yield compared(attribute, getattr(reading.scene, attribute), getattr(scene, attribute))
    yield _place(reading, scene.place)
    yield compared("shadow", shadow.seen(picture), shadow.asked(scene.time))
    drawn = same_sky(picture.lab, reading.scene, reading.side)
    if drawn is None:
        yield Requirement("light", False, f"light: not the sky of {reading.scene.time}")
        return
    yield from _whole(picture, drawn, reading.scene.time)


def _place(reading: Reading, asked: str) -> Requirement:
    """That the ground is the asked place's, and what tells the place stands on it."""
    seen = reading.scene.place
    if seen == asked and not reading.stands:
        return Requirement("place", False, f"place: a bare ground, not {asked}")
    return compared("place", seen, asked)


def _whole(picture: Picture, drawn: Floats, time: str) -> Iterator[Requirement]:
    """That the picture has all of a drawing, and nothing else."""
    absent = blobs_unlike(drawn, picture.lab)
    strange = blobs_unlike(picture.lab, drawn)
    body, sun = _boxed(absent, CAPYBARA), _boxed(absent, _sun_box(time))
    words = "capybara: not whole" if body else "capybara: there"
    yield Requirement("capybara", not body, words)
    words = f"{'moon' if time == 'night' else 'sun'} of {time}{' is absent' if sun else ''}"
    yield Requirement("light", not sun, f"light: {words}")
    reasons = [
        *(f"a part is absent {place_of(blob)}" for blob in absent),
        *(_strange_words(picture, blob) for blob in strange),
    ]
    yield nothing_else(reasons)


def _sun_box(time: str) -> Box:
    """Where the sun or moon of a time is drawn."""
    x, y = (round(place) for place in LIGHTS[time].sun)
    rows, columns = (slice(max(0, at - SUN_REACH), at + SUN_REACH) for at in (y, x))
    return rows, columns


def _boxed(blobs: Iterable[Bools], box: Box) -> bool:
    """Whether the middle of any blob is in a box."""
    rows, columns = box
    middles = (middle(blob) for blob in blobs)
    return any(
        columns.start <= x < columns.stop and rows.start <= y < rows.stop for x, y in middles
    )


def _strange_words(picture: Picture, blob: Bools) -> str:
    colour = picture.colour(blob, COLOURS)
    return f"something {colour} {place_of(blob)} that was not asked for"

import numpy as np
import pytest

from lit_dalle.data.creatures import KINDS, draw_creature
from lit_dalle.data.creatures.drawing import PAIRS, _mask
from lit_dalle.data.creatures.kinds import COLOURS, OUTLINES


def pixels(kind, seed=0, size=64):
    return np.asarray(draw_creature(kind, seed, size), int)


def test_a_picture_is_a_function_of_kind_seed_and_size():
    assert (pixels(KINDS[0]) == pixels(KINDS[0])).all()
    assert (pixels(KINDS[0]) != pixels(KINDS[0], seed=1)).any()
    assert pixels(KINDS[0], size=96).shape == (96, 96, 3)


@pytest.mark.parametrize("colours", COLOURS)
def test_ground_and_marks_are_there(colours):
    (kind,) = (k for k in KINDS if (k.outline, k.coat, k.colours) == ("turtle", "tiger", colours))
    for seed in range(5):
        image = pixels(kind, seed)
        for wanted in PAIRS[colours]:
            near = np.abs(image - wanted).max(axis=-1) < 30
            assert near.sum() > 60, (colours, wanted)


def test_coats_differ_within_one_outline():
    drawn = [
        pixels(kind) for kind in KINDS if (kind.outline, kind.colours) == ("elephant", "panda")
    ]
    dark = [int((image.max(axis=-1) < 60).sum()) for image in drawn]
    assert len({*dark}) == len(dark) == 6
    assert min(dark) == dark[0]  # the plain one has none but its edge


@pytest.mark.parametrize("outline", OUTLINES)
def test_an_outline_stays_in_the_picture_and_is_no_other_s(outline):
    whole = np.asarray(_mask(outline, 64, (0, 0, 1), 0)) > 127
    assert 0.1 < whole.mean() < 0.6
    for other in OUTLINES:
        if other != outline:
            theirs = np.asarray(_mask(other, 64, (0, 0, 1), 0)) > 127
            assert (whole & theirs).sum() / (whole | theirs).sum() < 0.8

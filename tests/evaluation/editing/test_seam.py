"""The border of a region: the gradient across it, and what goes on there."""

import numpy as np

from lit_dalle.evaluation.editing.measure import border_gradient, outline_meets


def test_only_pairs_across_the_border_count():
    picture = np.zeros((6, 8, 3), np.uint8)
    region = np.zeros((6, 8), bool)
    region[2:4, 3:6] = True
    picture[region] = 10
    assert border_gradient(picture, region) == 10
    picture[2, 3] = 40  # its pairs above and to the left: two of the ten
    assert border_gradient(picture, region) == (8 * 10 + 2 * 40) / 10
    picture[0] = 255
    assert border_gradient(picture, region) == (8 * 10 + 2 * 40) / 10


def test_what_goes_on_is_where_it_is_in_the_real_picture():
    real = np.full((64, 64, 3), 245, np.uint8)
    real[10:50, 20:40] = (30, 60, 200)
    region = np.zeros((64, 64), bool)
    region[4:30, 10:50] = True  # the object goes on below
    assert outline_meets(real, real, region)
    missing, moved, elsewhere = real.copy(), real.copy(), real.copy()
    missing[region] = 245
    assert not outline_meets(missing, real, region)
    moved[region] = np.roll(real, 2, axis=1)[region]  # two columns lack it, two have it too much
    assert outline_meets(moved, real, region)
    moved[region] = np.roll(real, 5, axis=1)[region]
    assert not outline_meets(moved, real, region)
    elsewhere[5:13, 10:50] = 0  # far from the lower border, but at the right one
    assert not outline_meets(elsewhere, real, region)
    elsewhere[5:13, 45:50] = 245
    assert outline_meets(elsewhere, real, region)

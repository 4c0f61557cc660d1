"""The gradient across the border of a region."""

import numpy as np

from lit_dalle.evaluation.editing.measure import border_gradient


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

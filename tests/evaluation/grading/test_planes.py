import numpy as np
import pytest

from lit_dalle.evaluation.grading.planes import halved, moved


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (3, -2), (-1, 4)])
def test_moved_planes_are_filled_with_nothing(dx, dy):
    planes = np.arange(1, 2 * 8 * 8 + 1, dtype=np.float32).reshape(2, 8, 8)
    padded = np.pad(planes, ((0, 0), (8, 8), (8, 8)))
    expected = padded[:, 8 - dy : 16 - dy, 8 - dx : 16 - dx]
    assert (moved(planes, dx, dy) == expected).all()


def test_halved_planes_are_means_of_four():
    planes = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    assert halved(planes).tolist() == [[[2.5, 4.5], [10.5, 12.5]]]

import pytest
import torch
from torch.nn import functional as F

from lit_dalle.models.convolution import Convolution


@pytest.mark.parametrize(
    ("kernel", "stride", "height", "width"),
    [
        (1, 1, 5, 4),
        (1, 2, 6, 4),
        (3, 1, 2, 2),
        (3, 1, 1, 2),
        (3, 1, 1, 1),
        (3, 1, 5, 4),
        (3, 2, 4, 4),
    ],
)
def test_products_are_the_convolution(kernel, stride, height, width):
    torch.manual_seed(0)
    layer = Convolution(6, 5, kernel, stride).double()
    x = torch.randn(3, 6, height, width, dtype=torch.float64, requires_grad=True)
    direct = F.conv2d(x, layer.weight, stride=stride, padding=kernel // 2)
    given = torch.randn_like(direct)
    found = layer(x)
    torch.testing.assert_close(found, direct)
    ours = torch.autograd.grad(found, [x, layer.weight], given)
    theirs = torch.autograd.grad(direct, [x, layer.weight], given)
    torch.testing.assert_close(ours, theirs)

"""What this machine reaches in this run: bf16 products, bf16 convolutions, reading of memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from speed.clock import Call, seconds_per_call
from speed.work import Product
from speed.work_nets import Convolution

SHAPES = {
    "cpu": [Product(s, s, s) for s in (1024, 2048, 4096)]
    + [Product(8192, s, s) for s in (512, 1024)],
    "cuda": [Product(s, s, s) for s in (4096, 8192, 16384)],
    "small": [Product(128, 128, 128)],
}
"""Products among which the best rate is looked for, forward and as both gradients."""
WIDTHS = {"cpu": (128, 256, 512), "cuda": (256, 512, 1024), "small": (16,)}
"""Widths of the 3×3 convolutions among which the best rate is looked for."""
OCCURRING_SECONDS = 0.005
"""Time of each run at a shape that occurs, of which there are many."""
SOME = 2**20
"""How many random numbers are drawn for a tensor."""
READ_BYTES = 2**31
"""Size of the buffer that is read: well beyond any cache."""


@dataclass(frozen=True)
class Rates:
    """The best rates found on this machine."""

    matrix: float
    """bf16 matrix products: FLOP/s at the best of some large shapes."""
    convolution: float
    """bf16 channels-last 3×3 convolutions: FLOP/s at the best of some widths."""
    bandwidth: float
    """Reading: bytes/s from a buffer beyond the caches."""


def measure_rates(device: str, *, small: bool = False) -> Rates:
    """Measure the best rates.

    Args:
        device: ``cpu`` or ``cuda``.
        small: Small shapes only, for tests of the benchmark: the rates mean nothing.
    """
    kind = "small" if small else device.partition(":")[0]
    products = [Product(*shape) for shape in SHAPES[kind]]
    convolutions = [Convolution(width, width, 3, 32) for width in WIDTHS[kind]]
    with torch.inference_mode():
        return Rates(
            max(
                product.flops / seconds_per_call(form(product, device), device)
                for product in products
                for form in (_forward, _input_gradient, _weight_gradient)
            ),
            max(convolution_rate([c], 4 if small else 32, device) for c in convolutions),
            _read_rate(2**20 if small else READ_BYTES, device),
        )


def product_rate(products: Sequence[Product], device: str, *, training: bool = False) -> float:
    """FLOP/s over products in the shapes that occur: all their work by all their time.

    Args:
        products: Forward products.
        device: Where.
        training: The gradients' products too, as autograd makes them.
    """
    work = seconds = 0.0
    with torch.inference_mode():
        for product in products:
            forms = (_forward, _input_gradient, _weight_gradient) if training else (_forward,)
            for form in forms:
                once = seconds_per_call(form(product, device), device, at_least=OCCURRING_SECONDS)
                seconds += once * product.count
                work += product.flops
    return work / seconds


def convolution_rate(convolutions: Sequence[Convolution], batch: int, device: str) -> float:
    """FLOP/s over convolutions of the shapes that occur, for ``batch`` pictures."""
    work = seconds = 0.0
    with torch.inference_mode():
        for shape in convolutions:
            call = _convolution(shape, batch, device)
            seconds += seconds_per_call(call, device, at_least=OCCURRING_SECONDS) * shape.count
            work += batch * shape.flops
    return work / seconds


def _forward(product: Product, device: str) -> Call:
    x = _numbers(device, product.rows, product.inner)
    weight = _numbers(device, product.columns, product.inner)
    return lambda: F.linear(x, weight)


def _input_gradient(product: Product, device: str) -> Call:
    gradient = _numbers(device, product.rows, product.columns)
    weight = _numbers(device, product.columns, product.inner)
    return lambda: gradient @ weight


def _weight_gradient(product: Product, device: str) -> Call:
    gradient = _numbers(device, product.rows, product.columns)
    x = _numbers(device, product.rows, product.inner)
    return lambda: gradient.T @ x


def _convolution(shape: Convolution, batch: int, device: str) -> Call:
    layout = torch.channels_last
    x = _numbers(device, batch, shape.dim_in, shape.side, shape.side).to(memory_format=layout)
    weight = _numbers(device, shape.dim_out, shape.dim_in, shape.kernel, shape.kernel)
    weight = weight.to(memory_format=layout)
    return lambda: F.conv2d(x, weight, padding=shape.kernel // 2)


def _read_rate(size: int, device: str) -> float:
    """Bytes/s of summing up a buffer, by the faster of two ways."""
    numbers = torch.ones(size // 4, device=device)
    ways: tuple[Call, ...] = (numbers.sum, lambda: torch.dot(numbers, numbers))
    return size / min(seconds_per_call(way, device) for way in ways)


def _numbers(device: str, *shape: int) -> Tensor:
    """bf16 numbers that repeat: large tensors of fresh ones would take longer than the products."""
    size = math.prod(shape)
    some = torch.randn(min(size, SOME), device=device).to(torch.bfloat16)
    return some.repeat(-(-size // len(some)))[:size].view(shape)

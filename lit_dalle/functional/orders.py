"""Orders in which image tokens are predicted, and the mix of them that a prior is trained on.

An order is int64 ``i`` (or ``b i``), a permutation of raster positions: entry j is the raster
position of the j-th image token of the stream. A prior of any order (σ-GPT, arXiv 2404.09562) fills
a rectangle exactly where the order puts it last: every token of it then sees all around it.
"""

from dataclasses import astuple, dataclass

import torch
from torch import Tensor

from lit_dalle.functional.sampling import uniform_noise


@dataclass(frozen=True)
class OrderMix:
    """Shares of training rows by order; what counts is their ratio (0 or more, not all 0)."""

    raster: float = 1.0
    """Rows and columns as one reads them: the order of the paper."""
    rectangle_last: float = 0.0
    """All around a random rectangle first, the rectangle last: what repainting asks for."""
    rectangle_first: float = 0.0
    """A random rectangle first, then all around it: how likely the surroundings are given it."""
    random: float = 0.0
    """Any order, all equally likely."""

    def __post_init__(self) -> None:
        if min(astuple(self)) < 0 or sum(astuple(self)) <= 0:
            raise ValueError(
                f"shares of orders must be 0 or more with a sum above 0, got {astuple(self)}"
            )

    @property
    def shares(self) -> tuple[float, ...]:
        """The four shares in the order of the fields, with a sum of 1."""
        return tuple(share / sum(astuple(self)) for share in astuple(self))

    def annealed(self, share: float) -> "OrderMix":
        """Return the mix in which ``share`` of the rows follow this one and the rest are raster.

        A share that goes from 1 to 0 over the run is the annealing of RAR (arXiv 2411.00776).

        Raises:
            ValueError: ``share`` is outside [0, 1].
        """
        if not 0 <= share <= 1:
            raise ValueError(f"the share of rows that follow a mix is in [0, 1], got {share}")
        raster, *others = (share * own for own in self.shares)
        return OrderMix(raster + 1 - share, *others)


def raster_order(grid: int) -> Tensor:
    """Return the order in which one reads: row by row, each from the left."""
    return torch.arange(grid**2)


def order_rows(order: Tensor | None, grid: int, device: torch.device) -> Tensor:
    """Return an order as ``1 i`` or ``b i``; None is raster order, made on ``device``.

    Raises:
        ValueError: The order is of another grid.
    """
    if order is None:
        return torch.arange(grid**2, device=device)[None]
    if order.shape[-1] != grid**2:
        raise ValueError(
            f"an order of a grid of {grid} has {grid**2} entries, got {order.shape[-1]}"
        )
    return order.view(-1, grid**2)


def in_order(image_tokens: Tensor, order: Tensor) -> Tensor:
    """Put image tokens of raster order, int64 ``b i``, into an order, ``1 i`` or ``b i``.

    Raises:
        ValueError: The tokens are not those of a whole picture.
    """
    if image_tokens.shape[1] != order.shape[1]:
        raise ValueError(
            f"an order is of a whole picture, {order.shape[1]} image tokens, "
            f"got {image_tokens.shape[1]}"
        )
    return image_tokens.gather(1, order.expand_as(image_tokens))


def in_raster(stream: Tensor, order: Tensor) -> Tensor:
    """Put the image tokens of a stream back into raster order; undoes :func:`in_order`."""
    return torch.empty_like(stream).scatter_(1, order.expand_as(stream), stream)


def check_raster(order: Tensor, grid: int) -> None:
    """Raise ValueError where an order, ``b i``, is not that of a prior of raster order."""
    if not torch.equal(order, torch.arange(grid**2, device=order.device).expand_as(order)):
        raise ValueError(
            "this prior reads image tokens in raster order alone; for other orders train one with "
            "config.order any"
        )


def check_permutation(order: Tensor) -> None:
    """Raise ValueError where a row of an order, ``b i``, does not name each position once."""
    wanted = torch.arange(order.shape[1], device=order.device)
    if not torch.equal(order.sort().values, wanted.expand_as(order)):
        raise ValueError(
            f"an order names each raster position from 0 to {order.shape[1] - 1} once, got one "
            f"from {order.min()} to {order.max()} that leaves some out or repeats them"
        )


def rectangle_mask(grid: int, top: int, left: int, height: int, width: int) -> Tensor:
    """Tell which raster positions lie in a rectangle, all sizes in tokens: bool ``i``.

    Raises:
        ValueError: The rectangle is empty or reaches beyond the grid.
    """
    if min(height, width) < 1 or min(top, left) < 0 or max(top + height, left + width) > grid:
        raise ValueError(
            f"the rectangle of {height} × {width} tokens at row {top}, column {left} does not lie "
            f"within the grid of {grid} × {grid}"
        )
    return _inside(grid, *(torch.tensor([size]) for size in (top, left, height, width)))[0]


def masked_last(mask: Tensor) -> Tensor:
    """Order unmasked positions first and masked ones last, each part in raster order.

    Args:
        mask: bool, ``i`` or ``b i`` over raster positions.

    Returns:
        int64 of the same shape.
    """
    return mask.byte().argsort(dim=-1, stable=True)


def rectangle_last(grid: int, top: int, left: int, height: int, width: int) -> Tensor:
    """Order all around a rectangle first, then the rectangle: ``i``; see :func:`rectangle_mask`."""
    return masked_last(rectangle_mask(grid, top, left, height, width))


def rectangle_first(grid: int, top: int, left: int, height: int, width: int) -> Tensor:
    """Order a rectangle first, then all around it: ``i``; see :func:`rectangle_mask`."""
    return masked_last(~rectangle_mask(grid, top, left, height, width))


def random_order(grid: int, seed: int, step: int, index: Tensor) -> Tensor:
    """Draw one order a row, ``b i``, all equally likely: a function of (seed, step, index)."""
    return _random_keys(grid, seed, step, index).argsort(dim=-1, stable=True)


def draw_rectangles(grid: int, seed: int, step: int, index: Tensor) -> Tensor:
    """Draw one rectangle a row, never the whole picture (unless that is a single token).

    Pairs of sides from 1 to ``grid`` are equally likely, then so are all places.

    Args:
        grid: Image tokens along one side of the picture.
        seed: Any int.
        step: Update of the run.
        index: int64 ``b``, data set index of each row.

    Returns:
        bool ``b i`` over raster positions, True inside.
    """
    _, sides, top, left = _row_draws(seed, step, index)
    pair = (sides * max(grid**2 - 1, 1)).long()  # the last pair, the whole picture, is left out
    height, width = pair // grid + 1, pair % grid + 1
    top, left = (top * (grid - height + 1)).long(), (left * (grid - width + 1)).long()
    return _inside(grid, top, left, height, width)


def draw_orders(mix: OrderMix, grid: int, seed: int, step: int, index: Tensor) -> Tensor:
    """Draw the order of each row of a batch from a mix.

    Args:
        mix: Shares of the kinds of order.
        grid: Image tokens along one side of the picture.
        seed: Any int.
        step: Update of the run.
        index: int64 ``b``, data set index of each row.

    Returns:
        int64 ``b i`` on the device of ``index``; each row is a function of (seed, step, index).
    """
    kind, *_ = _row_draws(seed, step, index)
    ends = torch.tensor(mix.shares, dtype=kind.dtype, device=kind.device).cumsum(0)
    kind = torch.bucketize(kind, ends[:-1], right=True)
    inside = draw_rectangles(grid, seed, step, index).float()
    keys = torch.zeros_like(inside), inside, 1 - inside, _random_keys(grid, seed, step, index)
    rows = torch.arange(len(index), device=index.device)
    return torch.stack(keys)[kind, rows].argsort(dim=-1, stable=True)


def _row_draws(seed: int, step: int, index: Tensor) -> Tensor:
    """Draw what a row needs: kind of order, pair of sides, top, left; fp64 ``4 b`` in (0, 1)."""
    draws = torch.arange(4, device=index.device)[:, None]
    return uniform_noise(seed, step, index, draws).double()


def _random_keys(grid: int, seed: int, step: int, index: Tensor) -> Tensor:
    """Draw one number a position, ``b i``, apart from those of :func:`_row_draws`."""
    positions = torch.arange(grid**2, device=index.device)
    return uniform_noise(seed, step, index[:, None], 4, positions)


def _inside(grid: int, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Raster positions in rectangles: bool ``b i`` from sizes ``b``."""
    lines = torch.arange(grid, device=top.device)
    rows, columns = (
        (lines >= start[:, None]) & (lines < (start + length)[:, None])
        for start, length in ((top, height), (left, width))
    )
    return (rows[:, :, None] & columns[:, None, :]).flatten(1)

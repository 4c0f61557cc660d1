"""Rows of all processes together, so that a loss over the whole batch has exact gradients."""

from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

T = TypeVar("T")


def gather_rows(rows: Tensor) -> Tensor:
    """Rows of all processes in rank order: ``b …`` to ``(processes·b) …``, with gradients.

    Backward sums the gradients that all processes have for a row, in the process that made it: when
    each process computes the same loss from the gathered rows, the mean of their gradients, as DDP
    takes it, is the gradient of that loss in a single process.
    """
    if world_size() == 1:
        return rows
    gathered: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return gathered


def all_gather(rows: Tensor) -> Tensor:
    """Rows of all processes in rank order, without gradients."""
    parts = [torch.empty_like(rows) for _ in range(world_size())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def world_size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def everyone(has: bool) -> bool:
    """Whether all processes say so; each must ask as often as the others."""
    if world_size() == 1:
        return has
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    answer = torch.tensor(int(has), device=device)
    dist.all_reduce(answer, op=dist.ReduceOp.MIN)
    return bool(answer.item())


def all_objects(own: T) -> list[T]:
    """What each process has, plain data, in rank order; each must ask."""
    if world_size() == 1:
        return [own]
    everywhere: list[Any] = [None] * world_size()
    dist.all_gather_object(everywhere, own)
    return everywhere


class _Gather(torch.autograd.Function):
    """All-gather of equal shapes; backward is the matching reduce-scatter."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.rows = len(rows)
        return all_gather(rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total[dist.get_rank() * ctx.rows :][: ctx.rows]

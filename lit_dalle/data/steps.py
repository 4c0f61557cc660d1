"""As many steps in every process, and every row in one of them."""

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import Any

import torch
from torch import Tensor

from lit_dalle.functional.processes import all_objects, everyone, world_size

Rows = dict[str, Any]
"""A batch: fields of as many rows each, tensors or lists, ``index`` among them."""


def in_step(batches: Iterator[Rows], size: int) -> Iterator[Rows]:
    """Yield the batches of this process so that all make as many steps; no row comes twice.

    A batch is handed out when all processes have another. What they have left then, each cuts anew
    into as many batches as the one with most needs.

    Args:
        batches: Of this process, each of at least one row.
        size: Rows of a full batch.

    Raises:
        ValueError: A process has no row at all, and others have.
    """
    if world_size() == 1:
        yield from batches
        return
    kept, more = list(islice(batches, 1)), list(islice(batches, 1))
    while everyone(bool(more)):
        yield from kept
        kept, more = more, list(islice(batches, 1))
    yield from _last([*kept, *more, *batches], size)


def _last(batches: Sequence[Rows], size: int) -> Iterator[Rows]:
    """Batches of what is left: as many in every process, at most a row apart in size."""
    counts = all_objects(sum(len(batch["index"]) for batch in batches))
    having = sum(count > 0 for count in counts)
    if not having:
        return
    if having < len(counts):
        raise ValueError(
            f"only {having} of {len(counts)} processes have a row to evaluate that can be used: "
            "take more data, or fewer processes"
        )
    steps = min(max(-(-count // size) for count in counts), min(counts))
    rows = joined(batches)
    own = len(rows["index"])
    yield from cut(rows, [own * step // steps for step in range(steps + 1)])


def joined(batches: Sequence[Rows]) -> Rows:
    """The rows of some batches, all of the same fields, as one batch."""
    return {name: _joined([batch[name] for batch in batches]) for name in batches[0]}


def cut(batch: Rows, bounds: Sequence[int]) -> Iterator[Rows]:
    """Yield the rows between neighbouring bounds."""
    for first, end in pairwise(bounds):
        yield {name: values[first:end] for name, values in batch.items()}


def _joined(values: list[Any]) -> Any:
    if isinstance(values[0], Tensor):
        return torch.cat(values)
    return [item for some in values for item in some]

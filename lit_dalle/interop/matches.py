"""What a weight is called elsewhere: tables of names, and weights carried over, bit by bit."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor


@dataclass(frozen=True)
class Match:
    """A weight of ours and where another form keeps it."""

    ours: str
    """Its name in our net."""
    theirs: tuple[str, ...]
    """Names of the parts that make it, one below the other."""
    transposed: bool = False
    """Whether the other form keeps the transpose."""


Names = Sequence[Match]


def layer(ours: str, *theirs: str, bias: bool = True) -> list[Match]:
    """Match ``weight`` and ``bias`` of a layer."""
    parts = ("weight", "bias") if bias else ("weight",)
    return [Match(f"{ours}.{part}", tuple(f"{name}.{part}" for name in theirs)) for part in parts]


def norm(ours: str, theirs: str) -> list[Match]:
    """Match the weights and statistics of a batch normalisation."""
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return [Match(f"{ours}.{part}", (f"{theirs}.{part}",)) for part in parts]


def into_ours(
    names: Names, weights: Mapping[str, Tensor], source: Path, ignored: Collection[str] = ()
) -> dict[str, Tensor]:
    """Return weights of another form under our names.

    Args:
        names: All the weights of the net.
        weights: The other form's.
        source: Where they come from, for messages.
        ignored: Names that may stand there beside the weights.

    Raises:
        ValueError: A weight is missing, or there is one too many; it is named.
    """
    known = {name for match in names for name in match.theirs}
    if missing := sorted(known - set(weights)):
        raise ValueError(f"{source} lacks {_some(missing)}: it holds a net of another architecture")
    if surplus := sorted(set(weights) - known - set(ignored)):
        raise ValueError(f"{source} has {_some(surplus)}, which this architecture does not know")
    return {match.ours: _joined(match, weights) for match in names}


def into_theirs(names: Names, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return our weights under another form's names."""
    found: dict[str, Tensor] = {}
    for match in names:
        value = weights[match.ours].T if match.transposed else weights[match.ours]
        parts = value.chunk(len(match.theirs)) if len(match.theirs) > 1 else (value,)
        found |= {name: part.contiguous() for name, part in zip(match.theirs, parts, strict=True)}
    return found


def _joined(match: Match, weights: Mapping[str, Tensor]) -> Tensor:
    parts = [weights[name] for name in match.theirs]
    value = torch.cat(parts) if len(parts) > 1 else parts[0]
    return value.T.contiguous() if match.transposed else value


def _some(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"

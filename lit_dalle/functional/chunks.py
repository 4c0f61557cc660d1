"""Cross-entropy a chunk of rows at a time: what the losses over many logits share."""

from torch import Tensor

CHUNK_LOGITS = 2**23
"""Logits that exist at once: 32 MiB in fp32."""


def row_chunks(length: int, size: int) -> list[slice]:
    """Cut rows 0 … length into slices of at most ``size``."""
    return [slice(first, min(first + size, length)) for first in range(0, length, size)]


def cross_entropy_(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropies of a chunk, whose logits are overwritten by their probabilities.

    Args:
        logits: ``rows n``.
        targets: int64, ``rows 1``, each in [0, n).

    Returns:
        Nats, ``rows``.
    """
    right = logits.gather(1, targets)
    largest = logits.amax(dim=1, keepdim=True)
    total = logits.sub_(largest).exp_().sum(dim=1, keepdim=True)
    logits.div_(total)
    return (total.log() + largest - right).squeeze(1)

"""Cross-entropy over a large vocabulary without ever holding all logits."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from lit_dalle.functional.chunks import CHUNK_LOGITS, cross_entropy_, row_chunks
from lit_dalle.functional.precision import working_dtype


def vocabulary_loss(x: Tensor, weight: Tensor, tokens: Tensor) -> Tensor:
    """Cross-entropy of tokens under the logits ``x weightᵀ``, a chunk of rows at a time.

    The gradients are computed with the loss, while a chunk's logits are at hand, so nothing is
    computed twice. The products run in the autocast dtype where that is on, the softmax and the
    sums in fp32.

    Args:
        x: States, ``b n dim``.
        weight: Output embedding, ``vocabulary dim``.
        tokens: int64, ``b n``, each in [0, vocabulary).

    Returns:
        Scalar fp32: nats per token, mean over tokens and batch.
    """
    loss: Tensor = _VocabularyLoss.apply(  # type: ignore[no-untyped-call]
        x.flatten(0, 1), weight, tokens.flatten(), working_dtype(x)
    )
    return loss


@torch.no_grad()
def vocabulary_losses(x: Tensor, weight: Tensor, tokens: Tensor) -> Tensor:
    """Cross-entropy of each token by itself, as :func:`vocabulary_loss` but without gradients.

    Args:
        x: States, ``b n dim``.
        weight: Output embedding, ``vocabulary dim``.
        tokens: int64, ``b n``, each in [0, vocabulary).

    Returns:
        fp32, ``b n``: nats.
    """
    dtype = working_dtype(x)
    with torch.autocast(x.device.type, enabled=False):
        losses = _losses(x.flatten(0, 1).to(dtype), weight.to(dtype), tokens.flatten())
    return losses.view(tokens.shape)


class _VocabularyLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, tokens: Tensor, dtype: torch.dtype) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            own, head = x.to(dtype), weight.to(dtype)
            if not any(ctx.needs_input_grad):
                return _losses(own, head, tokens).mean()
            scratch, losses = _scratch(own, head), own.new_empty(len(x), dtype=_wide(own))
            grad_x, grad_weight = torch.empty_like(own), torch.zeros_like(weight)
            for part in row_chunks(len(x), len(scratch.products)):
                losses[part] = scratch.losses(own[part], head, tokens[part])
                grad = scratch.gradient(tokens[part], 1 / len(x))
                torch.mm(grad, head, out=grad_x[part])
                grad_weight += grad.T @ own[part]
        ctx.save_for_backward(grad_x, grad_weight)
        ctx.dtype = x.dtype
        return losses.mean()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_x, grad_weight = ctx.saved_tensors
        # In place: they are as large as the head, and a second backward pass is refused.
        return grad_x.mul_(grad).to(ctx.dtype), grad_weight.mul_(grad), None, None


class _Scratch(NamedTuple):
    """Room for one chunk of logits, used again for the next."""

    products: Tensor
    """``rows vocabulary`` in the dtype of the products."""
    shares: Tensor
    """``rows vocabulary`` in fp32."""

    def losses(self, x: Tensor, head: Tensor, tokens: Tensor) -> Tensor:
        """Return the cross-entropies of a chunk, and leave its probabilities in ``shares``."""
        shares = self.shares[: len(x)]
        shares.copy_(torch.mm(x, head.T, out=self.products[: len(x)]))
        return cross_entropy_(shares, tokens[:, None])

    def gradient(self, tokens: Tensor, scale: float) -> Tensor:
        """Return ``scale · (probabilities − one-hot)``, the gradient of the logits."""
        shares = self.shares[: len(tokens)]
        right = tokens[:, None]
        shares.scatter_add_(-1, right, shares.new_full((), -1).expand_as(right))
        return self.products[: len(tokens)].copy_(shares.mul_(scale))


def _scratch(x: Tensor, head: Tensor) -> _Scratch:
    rows = min(len(x), max(1, CHUNK_LOGITS // len(head)))
    return _Scratch(x.new_empty(rows, len(head)), x.new_empty(rows, len(head), dtype=_wide(x)))


def _losses(x: Tensor, head: Tensor, tokens: Tensor) -> Tensor:
    """Cross-entropy of each row, ``n``, from ``n dim``, a chunk at a time."""
    scratch, losses = _scratch(x, head), x.new_empty(len(x), dtype=_wide(x))
    for part in row_chunks(len(x), len(scratch.products)):
        losses[part] = scratch.losses(x[part], head, tokens[part])
    return losses


def _wide(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)

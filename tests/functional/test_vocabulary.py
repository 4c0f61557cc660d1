import pytest
import torch
from torch.nn import functional as F

from lit_dalle.functional import vocabulary
from lit_dalle.functional.vocabulary import vocabulary_loss, vocabulary_losses


@pytest.mark.parametrize("chunk", [1, 3 * 11, 10**9])
def test_loss_and_gradients_equal_cross_entropy_whatever_the_chunk(chunk, monkeypatch):
    monkeypatch.setattr(vocabulary, "CHUNK_LOGITS", chunk)
    torch.manual_seed(0)
    x = torch.randn(2, 5, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(11, 8, dtype=torch.float64, requires_grad=True)
    tokens = torch.randint(0, 11, (2, 5))
    found = vocabulary_loss(x, weight, tokens)
    wanted = F.cross_entropy((x @ weight.T).flatten(0, 1), tokens.flatten())
    torch.testing.assert_close(found.double(), wanted, atol=1e-6, rtol=1e-6)
    grads = torch.autograd.grad(3 * found, (x, weight))
    for one, other in zip(grads, torch.autograd.grad(3 * wanted, (x, weight)), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("chunk", [1, 3 * 11, 10**9])
def test_the_loss_of_each_token_is_its_own_cross_entropy(chunk, monkeypatch):
    monkeypatch.setattr(vocabulary, "CHUNK_LOGITS", chunk)
    torch.manual_seed(0)
    x, weight = torch.randn(2, 5, 8, requires_grad=True), torch.randn(11, 8)
    tokens = torch.randint(0, 11, (2, 5))
    found = vocabulary_losses(x, weight, tokens)
    wanted = F.cross_entropy((x @ weight.T).mT, tokens, reduction="none")
    torch.testing.assert_close(found, wanted.detach())
    assert not found.requires_grad


def test_bf16_products_come_near_the_fp32_loss():
    torch.manual_seed(0)
    x, weight = torch.randn(4, 64, 32, requires_grad=True), torch.randn(500, 32) / 6
    weight.requires_grad_()
    tokens = torch.randint(0, 500, (4, 64))
    exact = vocabulary_loss(x, weight, tokens)
    wanted = torch.autograd.grad(exact, (x, weight))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = vocabulary_loss(x, weight, tokens)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, exact, atol=1e-3, rtol=1e-3)
    for one, other in zip(torch.autograd.grad(rounded, (x, weight)), wanted, strict=True):
        assert one.dtype == torch.float32
        assert (one - other).norm() < 0.01 * other.norm()


def test_no_more_than_a_chunk_of_logits_exists_at_once(monkeypatch):
    monkeypatch.setattr(vocabulary, "CHUNK_LOGITS", 1000)
    largest = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                largest.append(out.numel())
            return out

    x, weight = torch.randn(1, 64, 4, requires_grad=True), torch.randn(100, 4, requires_grad=True)
    tokens = torch.zeros(1, 64, dtype=torch.int64)
    with Watch():
        vocabulary_loss(x, weight, tokens).backward()
        vocabulary_losses(x, weight, tokens)
    assert max(largest) <= 1000, f"{max(largest)} of {64 * 100} logits at once"

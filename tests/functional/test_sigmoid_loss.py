import math

import pytest
import torch
from torch.nn import functional as F

from lit_dalle.functional import sigmoid_loss as module
from lit_dalle.functional.sigmoid_loss import sigmoid_chance_level, sigmoid_loss

GROUPS = [[0, 1, 2, 3, 4], [0, 1, 0, 1, 2], [3, 3, 3, 3, 3]]


def features(rows, seed):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(rows, 8, generator=generator), dim=-1)


@pytest.mark.parametrize("groups", GROUPS)
def test_loss_is_the_formula(groups):
    images, texts = features(5, 1), features(5, 2)
    total = 0.0
    for i, image in enumerate(images):
        for j, text in enumerate(texts):
            if i != j and groups[i] == groups[j]:
                continue
            sign = 1 if i == j else -1
            logit = 3 * float(image @ text) - 2
            total += math.log(1 + math.exp(-sign * logit))
    bias = torch.tensor(-2.0)
    loss = sigmoid_loss(images, texts, torch.tensor(3.0).log(), bias, torch.tensor(groups))
    assert loss.item() == pytest.approx(total / 5, abs=1e-5)


@pytest.mark.parametrize("groups", [None, *GROUPS[:2]])
@pytest.mark.parametrize("chunk", [1, 3 * 5, 10**9])
def test_gradients_are_those_of_all_pairs_at_once(chunk, groups, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_LOGITS", chunk)
    leaves = [features(5, 1), features(5, 2), torch.tensor(1.5), torch.tensor(-2.0)]
    for leaf in leaves:
        leaf.requires_grad_()
    images, texts, scale, bias = leaves
    logits = scale.exp() * images @ texts.T + bias
    losses = -F.logsigmoid(logits * (2 * torch.eye(5) - 1))
    if groups is not None:
        same = torch.tensor(groups)[:, None] == torch.tensor(groups)
        losses = losses.masked_fill(same & ~torch.eye(5, dtype=torch.bool), 0)
    expected = losses.sum(dim=1).mean()
    found = sigmoid_loss(*leaves, None if groups is None else torch.tensor(groups))
    torch.testing.assert_close(found, expected)
    for own, other in zip(
        torch.autograd.grad(3 * found, leaves),
        torch.autograd.grad(3 * expected, leaves),
        strict=True,
    ):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [2, 7, 64])
def test_chance_level_is_the_best_that_a_bias_alone_can_do(rows):
    same = torch.zeros(rows, 4)
    levels = [
        sigmoid_loss(same, same, torch.tensor(0.0), torch.tensor(bias)).item()
        for bias in torch.linspace(-6, 2, 401).tolist()
    ]
    assert min(levels) == pytest.approx(sigmoid_chance_level(rows), abs=1e-3)
    assert sigmoid_chance_level(1) == 0

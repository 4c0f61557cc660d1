import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lit_dalle.functional import contrastive
from lit_dalle.functional.contrastive import chance_level, contrastive_loss, matches


def features(rows: int, dim: int = 8, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(rows, dim, generator=generator), dim=-1)


def naive_loss(images: Tensor, texts: Tensor, scale: float, groups: list[int]) -> float:
    """InfoNCE by its formula, one row at a time."""
    total = 0.0
    for rows, columns in ((images, texts), (texts, images)):
        for own, row in enumerate(rows):
            seen = [
                math.exp(scale * float(row @ column))
                for other, column in enumerate(columns)
                if other == own or groups[other] != groups[own]
            ]
            total -= math.log(math.exp(scale * float(row @ columns[own])) / sum(seen))
    return total / (2 * len(images))


@pytest.mark.parametrize("groups", [[0, 1, 2, 3, 4], [0, 1, 0, 1, 2], [3, 3, 3, 3, 3]])
def test_loss_is_the_formula_with_a_group_left_out_of_the_negatives(groups: list[int]) -> None:
    images, texts = features(5, seed=1), features(5, seed=2)
    loss = contrastive_loss(images, texts, torch.tensor(3.0).log(), torch.tensor(groups))
    assert loss.item() == pytest.approx(naive_loss(images, texts, 3.0, groups), abs=1e-5)


def test_without_groups_every_other_row_is_a_negative() -> None:
    images, texts, scale = features(6, seed=1), features(6, seed=2), torch.tensor(1.0)
    alone = contrastive_loss(images, texts, scale)
    assert alone.item() == contrastive_loss(images, texts, scale, torch.arange(6)).item()


@pytest.mark.parametrize("groups", [None, [0, 1, 0, 1, 2, 3, 0]])
@pytest.mark.parametrize("chunk", [1, 3 * 7, 10**9])
def test_loss_and_gradients_are_those_of_all_logits_at_once(
    chunk: int, groups: list[int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contrastive, "CHUNK_LOGITS", chunk)
    leaves = [features(7, seed=1), features(7, seed=2), torch.tensor(2.0)]
    for leaf in leaves:
        leaf.requires_grad_()
    group_ids = None if groups is None else torch.tensor(groups)
    found = contrastive_loss(*leaves, group_ids)
    images, texts, logit_scale = leaves
    logits = logit_scale.exp() * images @ texts.T
    if group_ids is not None:
        same = group_ids[:, None] == group_ids
        logits = logits.masked_fill(same.fill_diagonal_(False), -torch.inf)
    own = torch.arange(7)
    wanted = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    torch.testing.assert_close(found, wanted)
    grads = torch.autograd.grad(3 * found, leaves)
    for one, other in zip(grads, torch.autograd.grad(3 * wanted, leaves), strict=True):
        torch.testing.assert_close(one, other)


def test_no_more_than_a_chunk_of_logits_exists_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contrastive, "CHUNK_LOGITS", 1000)
    largest = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            if isinstance(out, Tensor):
                largest.append(out.numel())
            return out

    images, texts = (features(100, dim=4, seed=seed).requires_grad_() for seed in (1, 2))
    with Watch():
        contrastive_loss(images, texts, torch.tensor(2.0), torch.arange(100) % 60).backward()
    assert max(largest) <= 1000, f"{max(largest)} of {100 * 100} logits at once"


def test_features_that_say_nothing_are_at_chance() -> None:
    same = features(1).expand(32, -1)
    loss = contrastive_loss(same, same, torch.tensor(4.6))
    assert loss.item() == pytest.approx(chance_level(32), abs=1e-4)


def test_logits_are_fp32_under_autocast() -> None:
    images, texts, scale = features(16, seed=1), features(16, seed=2), torch.tensor(100.0).log()
    exact = contrastive_loss(images, texts, scale)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = contrastive_loss(images, texts, scale)
    assert mixed.dtype == torch.float32
    assert mixed.item() == exact.item()


def test_a_match_is_the_own_text_or_one_of_the_group() -> None:
    images = torch.eye(4)
    texts = torch.eye(4)[[1, 0, 2, 2]]  # pictures 0 and 1 find each other's text, 3 ties at nothing
    assert matches(images, texts).tolist() == [False, False, True, False]
    assert matches(images, texts, torch.tensor([7, 7, 8, 9])).tolist() == [True, True, True, False]

import pytest
import torch
from torch.nn import functional as F

from lit_dalle.functional.attention import attend, attend_causal, attend_shared
from lit_dalle.functional.flex import attend_flex, block_mask
from lit_dalle.functional.masks import CAUSAL, FULL, AttentionPattern
from lit_dalle.functional.products import (
    Blocks,
    Span,
    attend_in_parts,
    blocks_behind_text,
    computed_share,
    plan,
)

KINDS = ("row", "column", "convolutional")


def naive_attention(q, k, v, mask):
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(~mask, -torch.inf)
    return scores.softmax(-1) @ v


def outputs_and_gradients(function, qkv, grad):
    qkv = qkv.detach().requires_grad_()
    out = function(*qkv)
    return out.detach(), *torch.autograd.grad(out, qkv, grad)[0]


def assert_equals_naive(function, pattern, n, dtype=torch.float64, tolerance=1e-9):
    torch.manual_seed(0)
    qkv, grad = torch.randn(3, 2, 3, n, 8).to(dtype), torch.randn(2, 3, n, 8).to(dtype)
    found = outputs_and_gradients(function, qkv, grad)
    mask = pattern.mask(n)
    wanted = outputs_and_gradients(
        lambda q, k, v: naive_attention(q, k, v, mask), qkv.double(), grad.double()
    )
    for name, one, other in zip(("out", "q", "k", "v"), found, wanted, strict=True):
        assert one.dtype == dtype
        error = (one.double() - other).abs().max()
        assert error <= tolerance * max(1, float(other.abs().max())), f"{name}: {error}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("text_len", "grid"), [(0, 8), (5, 8), (7, 16), (64, 16), (9, 32)])
def test_blocks_equal_the_dense_mask_forward_and_backward(kind, text_len, grid):
    pattern, n = AttentionPattern(kind, text_len, grid), text_len + grid**2
    parts = blocks_behind_text(pattern, grid)
    assert isinstance(parts[-1], Blocks)
    assert_equals_naive(lambda *qkv: attend_in_parts(*qkv, pattern, parts), pattern, n)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_equal_the_dense_mask_on_the_widest_grid(kind):
    pattern, n = AttentionPattern(kind, 4, 64), 4 + 64 * 64
    torch.manual_seed(0)
    q, k, v, grad = torch.randn(4, 1, 1, n, 4)
    found = outputs_and_gradients(
        lambda *x: attend_in_parts(*x, pattern), torch.stack([q, k, v]), grad
    )
    wanted = outputs_and_gradients(
        lambda *x: F.scaled_dot_product_attention(*x, attn_mask=pattern.mask(n)),
        torch.stack([q, k, v]),
        grad,
    )
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", [*KINDS, "causal", "full"])
def test_bf16_differs_by_rounding_only(kind):
    pattern, n = AttentionPattern(kind, 8, 16), 8 + 256
    function = lambda *qkv: attend_in_parts(*qkv, pattern)  # noqa: E731
    assert_equals_naive(function, pattern, n, torch.bfloat16, 3e-2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_a_picture_of_some_rows_is_enough(kind, rows):
    pattern = AttentionPattern(kind, 3, 16)
    parts = blocks_behind_text(pattern, rows)
    function = lambda *qkv: attend_in_parts(*qkv, pattern, parts)  # noqa: E731
    assert_equals_naive(function, pattern, 3 + 16 * rows)


@pytest.mark.parametrize("n", [1, 2, 255, 512, 1000])
def test_causal_spans_equal_the_dense_mask(n):
    assert_equals_naive(lambda *qkv: attend_in_parts(*qkv, CAUSAL), CAUSAL, n)


def test_parts_cover_each_query_once():
    for n in (1, 300, 511, 1280, 4352):
        spans = plan(CAUSAL, n, n)
        assert [span.first for span in spans] == [0, *(span.end for span in spans[:-1])]
        assert spans[-1].end == n
    assert len(plan(CAUSAL, 4352, 4352)) == 8


def test_the_published_masks_cost_what_they_show():
    shares = {
        kind: computed_share(AttentionPattern(kind, 256, 32), 1280)
        for kind in (*KINDS, "causal", "full")
    }
    assert shares["row"] < shares["column"] + 0.03 < 0.28, shares
    assert shares["convolutional"] < 0.42
    assert 0.5 < shares["causal"] < 0.65
    assert shares["full"] == 1
    wide = {kind: computed_share(AttentionPattern(kind, 256, 64), 4352) for kind in KINDS}
    assert all(wide[kind] < shares[kind] / 1.9 for kind in KINDS), "the saving grows with the grid"


def test_blocks_that_save_little_give_way_to_the_mask():
    pattern = AttentionPattern("convolutional", 32, 8)
    assert [type(part) for part in plan(pattern, 96, 96)] == [Span]
    assert [type(part) for part in plan(AttentionPattern("row", 4, 16), 100, 100)] == [Span]


@pytest.mark.parametrize("pattern", [FULL, CAUSAL, *(AttentionPattern(k, 4, 4, 3) for k in KINDS)])
@pytest.mark.parametrize("gradients", [False, True])
def test_attend_equals_softmax_over_the_visible_keys(pattern, gradients):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 3, 20, 8, dtype=torch.float64, requires_grad=gradients)
    wanted = naive_attention(q, k, v, pattern.mask(20))
    torch.testing.assert_close(attend(q, k, v, pattern), wanted)
    if pattern is CAUSAL:
        torch.testing.assert_close(attend_causal(q, k, v), wanted)


@pytest.mark.parametrize("gradients", [False, True])
def test_full_attention_takes_any_number_of_keys(gradients):
    torch.manual_seed(0)
    q = torch.randn(2, 3, 5, 8, dtype=torch.float64, requires_grad=gradients)
    k, v = torch.randn(2, 2, 3, 7, 8, dtype=torch.float64, requires_grad=gradients)
    mask = torch.ones(5, 7, dtype=torch.bool)
    torch.testing.assert_close(attend(q, k, v), naive_attention(q, k, v, mask))


def test_attend_refuses_what_it_would_get_wrong():
    x = torch.randn(1, 1, 4, 8)
    with pytest.raises(ValueError, match=r"causal attention .* got 2 and 4"):
        attend(x[:, :, :2], x, x, CAUSAL)


@pytest.mark.parametrize("mask", [None, torch.tensor([True, False, False, True])])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shared_prefix_equals_attention_over_all_keys(dtype, mask):
    torch.manual_seed(0)
    prompts, copies, heads, s, m, d = 2, 5, 3, 7, 4, 16
    b = prompts * copies
    q, shared = torch.randn(b, heads, 1, d), torch.randn(2, prompts, heads, s, d)
    q, shared, own = (x.to(dtype) for x in (q, shared, 3 * torch.randn(2, b, heads, m, d)))
    found = attend_shared(q, tuple(shared), tuple(own), mask)
    keys, values = (
        torch.cat([a.repeat_interleave(copies, 0), b], dim=2).double()
        for a, b in zip(shared, own, strict=True)
    )
    seen = torch.ones(m, dtype=torch.bool) if mask is None else mask
    seen = torch.cat([torch.ones(s, dtype=torch.bool), seen])
    wanted = naive_attention(q.double(), keys, values, seen)
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(found.double(), wanted, atol=tolerance, rtol=tolerance)


def test_shared_prefix_survives_extreme_scores():
    q = torch.full((2, 1, 1, 4), 100.0)
    shared, own = torch.full((2, 1, 1, 3, 4), 50.0), torch.full((2, 2, 1, 1, 4), -50.0)
    assert torch.equal(attend_shared(q, tuple(shared), tuple(own)), torch.full_like(q, 50.0))


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("kind", KINDS)
def test_flex_attention_sees_the_same_keys(kind):
    pattern, n = AttentionPattern(kind, 5, 8, 3), 5 + 64
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 2, n, 16)
    wanted = naive_attention(q, k, v, pattern.mask(n))
    torch.testing.assert_close(attend_flex(q, k, v, pattern), wanted)
    assert block_mask(pattern, n, q.device) is block_mask(pattern, n, q.device)


@pytest.mark.cuda
@pytest.mark.parametrize("kind", KINDS)
def test_flex_attention_equals_the_mask_on_cuda(kind):
    pattern, n = AttentionPattern(kind, 32, 16), 32 + 256
    torch.manual_seed(0)
    qkv = torch.randn(3, 2, 4, n, 64, device="cuda")
    grad = torch.randn(2, 4, n, 64, device="cuda")
    found = outputs_and_gradients(lambda *x: attend(*x, pattern), qkv, grad)
    mask = pattern.mask(n, qkv.device)
    wanted = outputs_and_gradients(lambda *x: naive_attention(*x, mask), qkv, grad)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=2e-2, rtol=2e-2)

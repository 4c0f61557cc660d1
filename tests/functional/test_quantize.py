import pytest
import torch

from lit_dalle.functional.quantize import (
    code_counts,
    codebook_perplexity,
    codebook_usage,
    gumbel_noise,
    gumbel_softmax,
    hard_tokens,
    index_backpropagation,
    one_hot_codes,
)

SHAPE = (6, 3, 3)


def logits(batch=2, seed=0):
    return torch.randn(batch, *SHAPE, generator=torch.Generator().manual_seed(seed))


def test_tokens_run_in_raster_order():
    tokens = torch.arange(6).repeat(3)[: 2 * 9].reshape(2, 9)
    assert torch.equal(hard_tokens(one_hot_codes(tokens, 6)), tokens)
    codes = one_hot_codes(tokens, 6)
    assert codes[0, tokens[0, 5], 1, 2] == 1, "token 5 of a 3×3 grid is row 1, column 2"


def test_noise_of_a_row_does_not_depend_on_the_batch():
    together = gumbel_noise(SHAPE, seed=1, step=7, index=torch.tensor([5, 3, 11]))
    alone = gumbel_noise(SHAPE, seed=1, step=7, index=torch.tensor([11]))
    assert torch.equal(together[2], alone[0])


@pytest.mark.parametrize("other", [(2, 7, 11), (1, 8, 11), (1, 7, 12)])
def test_noise_changes_with_seed_step_and_index(other):
    seed, step, index = other
    one = gumbel_noise(SHAPE, 1, 7, torch.tensor([11]))
    two = gumbel_noise(SHAPE, seed, step, torch.tensor([index]))
    assert (one == two).float().mean() < 0.1


def test_noise_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    gumbel_noise(SHAPE, 0, 0, torch.tensor([0]))
    assert torch.equal(before, torch.get_rng_state())


def test_noise_is_standard_gumbel():
    noise = gumbel_noise((100_000, 1, 1), 0, 0, torch.arange(2))
    assert noise.mean().item() == pytest.approx(0.5772, abs=0.01)
    assert noise.var().item() == pytest.approx(torch.pi**2 / 6, abs=0.03)


def test_arg_max_of_noisy_logits_samples_the_softmax():
    scores = torch.tensor([1.0, 0.0, -1.0])
    noise = gumbel_noise((3, 100, 100), 0, 0, torch.arange(2))
    tokens = hard_tokens(scores[:, None, None] + noise)
    share = code_counts(tokens, 3) / tokens.numel()
    torch.testing.assert_close(share, scores.softmax(0), atol=0.01, rtol=0)


def test_relaxation_is_a_mixture_and_hardens_as_tau_falls():
    noise = gumbel_noise(SHAPE, 0, 0, torch.arange(2))
    soft, sharp = gumbel_softmax(logits(), noise, 1.0), gumbel_softmax(logits(), noise, 1 / 200)
    torch.testing.assert_close(soft.sum(1), torch.ones(2, 3, 3))
    assert soft.amax(1).mean() < 0.8
    assert sharp.amax(1).mean() > 0.97
    assert torch.equal(hard_tokens(sharp), hard_tokens(logits() + noise))


def test_index_backpropagation_is_one_hot_with_the_gradient_of_the_softmax():
    values = logits().requires_grad_()
    weight = torch.randn(2, *SHAPE, generator=torch.Generator().manual_seed(1))
    codes = index_backpropagation(values, tau=0.7)
    torch.testing.assert_close(codes, one_hot_codes(hard_tokens(values), 6))
    (codes * weight).sum().backward()
    straight = logits().requires_grad_()
    ((straight / 0.7).softmax(1) * weight).sum().backward()
    torch.testing.assert_close(values.grad, straight.grad)
    assert (values.grad != 0).all(), "every code is to learn, chosen or not"


def test_perplexity_and_usage():
    assert codebook_perplexity(torch.tensor([5, 5, 5, 5])) == pytest.approx(4)
    assert codebook_perplexity(torch.tensor([9, 0, 0])) == pytest.approx(1)
    assert codebook_usage(torch.tensor([9, 0, 1, 0])) == 0.5
    with pytest.raises(ValueError, match="at least one"):
        codebook_perplexity(torch.zeros(3))

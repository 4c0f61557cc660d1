import pytest
import torch
from torch.nn import functional as F

from lit_dalle.generation.decode import generate_image_tokens, null_text_tokens
from lit_dalle.generation.likelihood import likelihood_gain, log_likelihoods


@pytest.fixture
def drawn(tiny_nets):
    """A prior that hears the words, a caption, another, and seven pictures of the first."""
    prior = tiny_nets.prior
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for parameter in prior.parameters():
            parameter.data += 0.2 * torch.randn_like(parameter)
    text, other = tiny_nets.prior_tokenizer.encode(["a red circle", "a blue square"]).split(1)
    return prior, text, other, generate_image_tokens(prior, text, 7)


def test_likelihood_is_the_mean_over_tokens_of_what_the_logits_say(drawn):
    prior, text, _, tokens = drawn
    with torch.no_grad():
        logits = prior(text.expand(7, -1), tokens).image_logits
    wanted = -F.cross_entropy(logits.mT, tokens, reduction="none").mean(1)
    found = log_likelihoods(prior, text, tokens)
    torch.testing.assert_close(found, wanted)
    assert found.dtype == torch.float32
    assert (found < 0).all()


@pytest.mark.parametrize("tile", [1, 2, 7, 100])
def test_tiles_change_no_more_than_rounding(drawn, tile):
    prior, text, _, tokens = drawn
    for function in (log_likelihoods, likelihood_gain):
        whole, parts = (function(prior, text, tokens, size) for size in (64, tile))
        torch.testing.assert_close(parts, whole, rtol=0, atol=1e-5)


def test_gain_is_what_the_caption_adds(drawn):
    prior, text, other, tokens = drawn
    null = log_likelihoods(prior, null_text_tokens(text), tokens)
    gain = likelihood_gain(prior, text, tokens)
    torch.testing.assert_close(gain, log_likelihoods(prior, text, tokens) - null)
    assert not torch.equal(gain, likelihood_gain(prior, other, tokens))
    none = likelihood_gain(prior, null_text_tokens(text), tokens)
    torch.testing.assert_close(none, torch.zeros(7))


def test_pictures_are_likelier_under_the_caption_they_were_drawn_of(drawn):
    prior, text, other, _ = drawn
    own = generate_image_tokens(prior, text, 200)
    gaps = log_likelihoods(prior, text, own) - log_likelihoods(prior, other, own)
    error = gaps.std() / 200**0.5
    assert gaps.mean() > 4 * error, f"{gaps.mean():.4f} ± {error:.4f} nats per token"


def test_a_bf16_prior_scores_nearly_alike_in_fp32(drawn):
    prior, text, _, tokens = drawn
    exact = log_likelihoods(prior, text, tokens)
    low = log_likelihoods(prior.to(torch.bfloat16), text, tokens)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, exact, rtol=0.03, atol=0.03)


def test_two_captions_are_refused(drawn):
    prior, text, other, tokens = drawn
    with pytest.raises(ValueError, match="one caption, got 2"):
        log_likelihoods(prior, torch.cat([text, other]), tokens)

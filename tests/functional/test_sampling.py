import math

import pytest
import torch

from lit_dalle.functional.sampling import filter_logits, guide, sample_tokens, uniform_noise


def splitmix64(state: int) -> int:
    """One output of the published generator, on Python's unbounded ints."""
    bits = (1 << 64) - 1
    z = (state + 0x9E3779B97F4A7C15) & bits
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & bits
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & bits
    return z ^ (z >> 31)


def naive_uniform(seed: int, *counters: int) -> float:
    bits = (1 << 64) - 1
    state = splitmix64(seed & bits)
    for counter in counters:
        state = splitmix64((state + counter * 0x9E3779B97F4A7C15) & bits)
    return ((state >> 41) + 0.5) / 2**23


def test_noise_equals_splitmix64_on_plain_ints():
    assert splitmix64(0) == 0xE220A8397B1DCDAF  # first output published for seed 0
    for seed in (0, 1, -3, 2**63 + 11, 2**70):
        found = uniform_noise(seed, torch.tensor([0, 5, 2**40, -7])[:, None], torch.arange(3))
        wanted = [[naive_uniform(seed, c, p) for p in range(3)] for c in (0, 5, 2**40, -7)]
        assert torch.equal(found, torch.tensor(wanted))
        assert found.dtype == torch.float32


def test_noise_depends_on_the_counters_alone():
    whole = uniform_noise(3, torch.arange(100)[:, None], torch.arange(7))
    part = uniform_noise(3, torch.arange(40, 50)[:, None], torch.arange(7))
    assert torch.equal(whole[40:50], part)
    assert uniform_noise(3, 41, 6) == whole[41, 6]
    assert uniform_noise(3, 6, 41) != whole[41, 6]
    assert not torch.equal(uniform_noise(4, torch.arange(7)), uniform_noise(3, torch.arange(7)))


def test_noise_is_uniform():
    noise = uniform_noise(11, torch.arange(500)[:, None], torch.arange(256)).double()
    n = noise.numel()
    assert 0 < noise.min() < noise.max() < 1
    mean_error = (noise.mean() - 0.5).abs().item() * math.sqrt(12 * n)
    assert mean_error < 4.5, f"{mean_error:.1f} standard errors; over 4.5 by chance 7 in a million"
    ranked = noise.flatten().sort().values
    distance = (ranked - (torch.arange(n) + 0.5) / n).abs().max().item() * math.sqrt(n)
    assert distance < 2.7, f"Kolmogorov distance {distance:.2f}; over 2.7 by chance 1 in a million"
    counts = torch.histc(noise, 256, 0, 1)
    chi = (((counts - n / 256) ** 2) / (n / 256)).sum().item()
    deviation = (chi - 255) / math.sqrt(2 * 255)
    assert deviation < 5.5, f"chi² {deviation:.1f} sigma high; over 5.5 by chance 1 in 2 million"


def test_noise_of_neighbouring_counters_and_seeds_is_uncorrelated():
    candidates, positions = torch.arange(400)[:, None], torch.arange(256)
    noise = uniform_noise(0, candidates, positions).double() - 0.5
    others = {
        "candidate": uniform_noise(0, candidates + 1, positions),
        "position": uniform_noise(0, candidates, positions + 1),
        "seed": uniform_noise(1, candidates, positions),
        "swapped": uniform_noise(0, positions, candidates),
    }
    for name, other in others.items():
        z = (noise * (other.double() - 0.5)).mean().item() * 12 * math.sqrt(noise.numel())
        assert abs(z) < 5, f"{name}: {z:.1f} standard errors; over 5 by chance 6 in 10 million"


def test_guidance_is_the_naive_formula_and_off_at_one():
    cond, uncond = torch.randn(2, 3, 9)
    torch.testing.assert_close(guide(cond, uncond, 1.0), cond)
    torch.testing.assert_close(guide(cond, uncond, 3.0), 3 * cond - 2 * uncond)


def naive_filter(logits: list[float], temperature, top_k, top_p) -> list[float]:
    scaled = [x / temperature for x in logits]
    order = sorted(range(len(scaled)), key=lambda j: -scaled[j])
    kept = order[: top_k or len(order)]
    total = sum(math.exp(scaled[j]) for j in kept)
    nucleus, reached = [], 0.0
    for j in kept:
        if top_p is not None and reached >= top_p:
            break
        nucleus.append(j)
        reached += math.exp(scaled[j]) / total
    return [x if j in nucleus else -math.inf for j, x in enumerate(scaled)]


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    [(1, None, None), (0.5, None, None), (1, 3, None), (1, None, 0.7), (2, 5, 0.5), (1, 99, 1e-9)],
)
def test_filters_equal_the_naive_ones(temperature, top_k, top_p):
    torch.manual_seed(0)
    logits = torch.randn(6, 12)
    found = filter_logits(logits, temperature, top_k, top_p)
    wanted = [naive_filter(row, temperature, top_k, top_p) for row in logits.tolist()]
    torch.testing.assert_close(found, torch.tensor(wanted))


def test_top_k_keeps_exactly_k_of_equal_logits():
    assert filter_logits(torch.zeros(2, 10), top_k=4).isfinite().sum(-1).tolist() == [4, 4]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, "temperature must be above 0, got 0.0"),
        ({"top_k": 0}, "top_k must be at least 1, got 0"),
        ({"top_p": 1.5}, "top_p must be above 0 and at most 1, got 1.5"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        filter_logits(torch.zeros(1, 4), **settings)


def test_sampling_inverts_the_cumulative_distribution():
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log().expand(6, -1)
    noise = torch.tensor([0.0999, 0.1001, 0.2999, 0.3001, 0.5999, 0.6001])
    assert sample_tokens(logits, noise).tolist() == [0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("vocabulary", [1, 127, 128, 129, 8192])
def test_sampling_in_runs_equals_one_cumulative_sum(vocabulary):
    torch.manual_seed(0)
    logits = 3 * torch.randn(2000, vocabulary)
    noise = uniform_noise(0, torch.arange(2000))
    cumulative = logits.double().softmax(-1).cumsum(-1)
    wanted = (cumulative <= noise.double()[:, None]).sum(-1)
    found = sample_tokens(logits, noise)
    near = (cumulative - noise.double()[:, None]).abs().amin(-1) < 1e-6
    assert torch.equal(found[~near], wanted[~near])
    assert near.float().mean() < 0.05


def test_sampling_never_returns_an_excluded_token():
    smallest, largest = 2.0**-24, 1 - 2.0**-24
    torch.manual_seed(0)
    logits = filter_logits(torch.randn(2000, 50), top_k=7)
    for noise in (smallest, largest):
        drawn = sample_tokens(logits, torch.full((2000,), noise))
        assert logits.gather(1, drawn[:, None]).isfinite().all()


def test_sampled_frequencies_follow_the_probabilities():
    probabilities = torch.tensor([0.5, 0.02, 0.0, 0.3, 0.18])
    n = 100_000
    drawn = sample_tokens(probabilities.log().expand(n, -1), uniform_noise(5, torch.arange(n)))
    counts = torch.bincount(drawn, minlength=5)
    spread = (n * probabilities * (1 - probabilities)).sqrt()
    z = ((counts - n * probabilities).abs() / spread.clamp(min=1)).max().item()
    assert z < 5, f"{z:.1f} standard errors off; over 5 by chance 1 in 400,000"
    assert counts[2] == 0

from dataclasses import replace

import pytest
import torch

from lit_dalle.functional.sampling import guide, sample_tokens, uniform_noise
from lit_dalle.generation.decode import (
    fitting_prompts,
    fitting_tile,
    generate_image_tokens,
    null_text_tokens,
)
from lit_dalle.models.dalle import Dalle, DalleConfig

TINY = DalleConfig(
    text_vocab_size=40,
    codebook_size=24,
    text_len=6,
    image_grid=4,
    dim=32,
    depth=4,
    heads=4,
    conv_kernel=3,
)


@pytest.fixture(scope="module")
def prior():
    torch.manual_seed(0)
    net = Dalle(TINY).eval()
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return net


@pytest.fixture(scope="module")
def prompt():
    return torch.tensor([[1, 7, 9, 30, 0, 0]])


@torch.no_grad()
def naive(prior, text, candidate, *, guidance=1.0, seed=0, known=()):
    """One candidate, the whole stream computed again for every token."""
    image = list(known)
    null = null_text_tokens(text)
    for p in range(len(image), prior.config.image_len):
        tokens = torch.tensor([[*image, 0]])
        cond, uncond = (prior(t, tokens).image_logits[:, -1] for t in (text, null))
        logits = guide(cond, uncond, guidance)
        noise = uniform_noise(seed, torch.tensor([candidate]), p)
        image.append(int(sample_tokens(logits, noise)))
    return image


def test_sampling_equals_recomputing_the_stream_for_every_token(prior, prompt):
    found = generate_image_tokens(prior, prompt, 5, seed=4, tile=2)
    assert found.tolist() == [naive(prior, prompt, c, seed=4) for c in range(5)]
    assert found.dtype == torch.int64


def test_guided_sampling_equals_the_naive_one(prior, prompt):
    found = generate_image_tokens(prior, prompt, 4, guidance=3.0, tile=3)
    assert found.tolist() == [naive(prior, prompt, c, guidance=3.0) for c in range(4)]
    assert not torch.equal(found, generate_image_tokens(prior, prompt, 4))


def test_guidance_leaves_the_callers_tokens_alone(prior, prompt):
    before = prompt.clone()
    generate_image_tokens(prior, prompt, 2, guidance=2.0)
    assert torch.equal(prompt, before)


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_samples_do_not_depend_on_the_tile(prior, prompt, guidance):
    whole = generate_image_tokens(prior, prompt, 33, guidance=guidance, tile=33)
    for tile in (1, 7, 64):
        assert torch.equal(
            generate_image_tokens(prior, prompt, 33, guidance=guidance, tile=tile), whole
        )
    rest = generate_image_tokens(prior, prompt, 13, guidance=guidance, first_candidate=20)
    assert torch.equal(rest, whole[20:])


def test_the_tile_is_chosen_by_the_size_of_the_caches(monkeypatch):
    prior = Dalle(TINY)
    slots = (4 + 1) * 2 + 4 * 4 + (4 + 1 + 1)  # two rings, a column layer, the window of 3×3
    each = slots * 2 * TINY.dim * 4
    assert fitting_tile(prior, 100) == 100
    assert fitting_tile(prior, 1025) == 342  # three equal parts of at most 512
    monkeypatch.setattr("lit_dalle.generation.decode.TILE_BYTES", 40 * each)
    assert fitting_tile(prior, 100) == 34
    assert fitting_tile(prior, 100, guided=True) == 20
    assert fitting_tile(prior.bfloat16(), 100) == 50
    monkeypatch.setattr("lit_dalle.generation.decode.TILE_BYTES", 1)
    assert fitting_tile(prior, 100) == 1


def test_prompts_are_drawn_together_while_their_caches_fit(monkeypatch):
    prior = Dalle(TINY)
    slots = (4 + 1) * 2 + 4 * 4 + (4 + 1 + 1)
    each = (10 * slots + TINY.depth * TINY.text_len) * 2 * TINY.dim * 4  # ten candidates, one text
    assert fitting_prompts(prior, 20, 10) == 20
    assert fitting_prompts(prior, 20, 64) == 7  # three groups of at most 512 candidates
    assert fitting_prompts(prior, 20, 512) == fitting_prompts(prior, 20, 1025) == 1
    monkeypatch.setattr("lit_dalle.generation.decode.TILE_BYTES", 8 * each)
    assert fitting_prompts(prior, 20, 10) == 7
    assert fitting_prompts(prior, 20, 10, guided=True) == 4
    assert fitting_prompts(prior.bfloat16(), 20, 10) == 10
    monkeypatch.setattr("lit_dalle.generation.decode.TILE_BYTES", 1)
    assert fitting_prompts(prior, 20, 10) == 1


@pytest.fixture(scope="module")
def prompts(prompt):
    others = torch.tensor([[1, 5, 0, 0, 0, 0], [1, 7, 9, 30, 2, 3], [1, 0, 0, 0, 0, 0]])
    return torch.cat([prompt, others, prompt])


SEEDS = [3, 0, 3, 8, 9]


@pytest.mark.parametrize("guidance", [1.0, 2.0])
@pytest.mark.parametrize("tile", [None, 20, 13, 12, 7, 2, 1])
def test_several_prompts_have_the_pictures_that_each_has_alone(prior, prompts, guidance, tile):
    settings = {"guidance": guidance, "tile": tile}
    found = generate_image_tokens(prior, prompts, 6, seed=SEEDS, **settings)
    for place, rows in enumerate(found.split(6)):
        alone = generate_image_tokens(
            prior, prompts[place : place + 1], 6, seed=SEEDS[place], guidance=guidance
        )
        assert torch.equal(rows, alone)
    assert not torch.equal(found[:6], found[-6:])  # one prompt, two seeds


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_groups_chosen_by_size_change_no_picture(prior, prompts, guidance, monkeypatch):
    settings = {"seed": SEEDS, "guidance": guidance}
    together = generate_image_tokens(prior, prompts, 3, **settings)
    steps = []
    monkeypatch.setattr("lit_dalle.generation.decode.LARGEST_TILE", 8)  # groups of 2, 2 and 1
    found = generate_image_tokens(prior, prompts, 3, progress=steps.append, **settings)
    assert torch.equal(found, together)
    assert steps == [6] * 32 + [3] * 16


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_prompts_may_go_on_from_numbers_of_their_own(prior, prompts, guidance):
    numbers = range(4, 9)
    found = generate_image_tokens(
        prior, prompts, 1, seed=2, first_candidate=numbers, guidance=guidance
    )
    assert found.tolist() == [
        naive(prior, text[None], number, guidance=guidance, seed=2)
        for text, number in zip(prompts, numbers, strict=True)
    ]


def test_bf16_draws_nearly_the_same_for_a_prompt_among_others(prompts):
    torch.manual_seed(1)
    prior = Dalle(replace(TINY, dim=64)).eval().bfloat16()
    found = generate_image_tokens(prior, prompts, 64, seed=SEEDS).split(64)
    same = compared = 0
    for place, rows in enumerate(found):
        alone = generate_image_tokens(prior, prompts[place : place + 1], 64, seed=SEEDS[place])
        alike = (rows == alone).long().cumprod(1).sum(1)  # then each goes its own way
        same += alike.sum().item()
        compared += (alike + 1).clamp(max=16).sum().item()
    assert same >= 0.99 * compared, f"{same} of {compared} tokens agree"


def test_a_known_start_is_kept_and_read(prior, prompt):
    known = torch.tensor([[3, 1, 4, 1, 5]])
    found = generate_image_tokens(prior, prompt, 4, prefix_image_tokens=known, tile=3, guidance=2)
    assert found.tolist() == [
        naive(prior, prompt, c, known=known[0].tolist(), guidance=2) for c in range(4)
    ]
    own = torch.randint(0, 24, (3, 6))
    prompts = torch.cat([prompt, prompt.roll(1), prompt])
    found = generate_image_tokens(prior, prompts, 2, prefix_image_tokens=own, tile=4, guidance=2)
    assert found.tolist() == [
        naive(prior, prompts[p : p + 1], c, known=own[p].tolist(), guidance=2)
        for p in range(3)
        for c in range(2)
    ]
    picture = torch.randint(0, 24, (1, 16))
    found = generate_image_tokens(prior, prompt, 2, prefix_image_tokens=picture)
    assert torch.equal(found, picture.expand(2, -1))


def test_progress_counts_every_drawn_token(prior, prompt):
    steps = []
    generate_image_tokens(prior, prompt, 5, tile=2, progress=steps.append)
    assert sum(steps) == 5 * 16
    assert len(steps) == 3 * 16


def test_greedy_sampling_takes_the_most_likely_token(prior, prompt):
    found = generate_image_tokens(prior, prompt, 3, top_k=1)
    logits = prior(prompt, found[:1]).image_logits
    assert torch.equal(found, logits.argmax(-1).expand(3, -1))


def test_bf16_agrees_with_fp32_on_nearly_all_tokens_of_a_given_picture(prior, prompt):
    config = replace(TINY, dim=64)
    torch.manual_seed(1)
    exact = Dalle(config).eval()
    rounded = Dalle(config).eval()
    rounded.load_state_dict(exact.state_dict())
    rounded.bfloat16()
    image = generate_image_tokens(rounded, prompt, 64)
    assert image.shape == (64, 16)
    noise = uniform_noise(0, torch.arange(64)[:, None], torch.arange(16)).flatten()
    text = prompt.expand(64, -1)
    drawn = [
        sample_tokens(net(text, image).image_logits.flatten(0, 1), noise)
        for net in (exact, rounded)
    ]
    agreement = (drawn[0] == drawn[1]).float().mean()
    assert agreement > 0.98, f"{agreement:.3f} of the tokens agree"


def test_result_is_an_ordinary_tensor(prior, prompt):
    found = generate_image_tokens(prior, prompt, 2)
    assert not found.is_inference()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"candidates": 0, "tile": 64},
            "prompts, candidates and tile must be at least 1, got 1, 0 and 64",
        ),
        ({"candidates": 2, "temperature": -1.0}, "temperature must be above 0, got -1.0"),
        (
            {"candidates": 2, "prefix_image_tokens": torch.zeros(3, 1).long()},
            "prefix_image_tokens must have 1 or 1 rows, got 3",
        ),
        (
            {"candidates": 2, "prefix_image_tokens": torch.zeros(1, 17).long()},
            "reads 0 to 16 image tokens, got 17",
        ),
        ({"candidates": 2, "seed": [1, 2]}, "seed must be one number or 1, one a prompt, got 2"),
        ({"candidates": 2, "first_candidate": []}, "first_candidate must be one number or 1, .* 0"),
    ],
)
def test_bad_settings_are_refused(prior, prompt, settings, message):
    with pytest.raises(ValueError, match=message):
        generate_image_tokens(prior, prompt, **settings)


def test_every_prompt_needs_its_seed(prior, prompts):
    with pytest.raises(ValueError, match="seed must be one number or 5, one a prompt, got 4"):
        generate_image_tokens(prior, prompts, 2, seed=[1, 2, 3, 4])
    with pytest.raises(ValueError, match="at least 1, got 0, 2 and None"):
        generate_image_tokens(prior, prompts[:0], 2)

from dataclasses import replace

import pytest
import torch

from lit_dalle.functional.orders import (
    in_order,
    random_order,
    raster_order,
    rectangle_first,
    rectangle_last,
    rectangle_mask,
)
from lit_dalle.functional.sampling import guide, sample_tokens, uniform_noise
from lit_dalle.generation.decode import (
    UNKNOWN,
    fitting_prompts,
    fitting_tile,
    generate_image_tokens,
    null_text_tokens,
)
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig

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


ANY = replace(TINY, attention="causal", depth=2, order="any")
RECTANGLE = {"top": 1, "left": 1, "height": 2, "width": 3}


def lively(config):
    """A net whose weights are large enough for every path to matter."""
    torch.manual_seed(0)
    net = Dalle(config).eval()
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return net


@pytest.fixture(scope="module")
def prior():
    return lively(TINY)


@pytest.fixture(scope="module")
def any_prior():
    return lively(ANY)


@pytest.fixture(scope="module")
def prompt():
    return torch.tensor([[1, 7, 9, 30, 0, 0]])


def started(start, order=None):
    """Pictures of which the first tokens of an order are known, ``n i`` in raster order."""
    places = raster_order(4) if order is None else order
    first = places.expand(len(start), -1)[:, : start.shape[1]]
    return torch.full((len(start), 16), UNKNOWN).scatter(1, first, start)


@torch.no_grad()
def naive(prior, text, candidate, *, guidance=1.0, seed=0, known=None, order=None):
    """One candidate, the whole stream computed again for every token; ``known`` is raster."""
    places = range(prior.config.image_len) if order is None else order.tolist()
    known = torch.full((prior.config.image_len,), UNKNOWN) if known is None else known
    image = torch.zeros(1, prior.config.image_len, dtype=torch.int64)
    null = null_text_tokens(text)
    for j in range(len(places)):
        if known[places[j]] != UNKNOWN:
            image[0, places[j]] = known[places[j]]
            continue
        cond, uncond = (prior(t, image, order).image_logits[:, j] for t in (text, null))
        logits = guide(cond, uncond, guidance)
        noise = uniform_noise(seed, torch.tensor([candidate]), places[j])
        image[0, places[j]] = sample_tokens(logits, noise)
    return image[0].tolist()


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
    found = generate_image_tokens(
        prior, prompt, 4, known_image_tokens=started(known), tile=3, guidance=2
    )
    assert found.tolist() == [
        naive(prior, prompt, c, known=started(known)[0], guidance=2) for c in range(4)
    ]
    own = started(torch.randint(0, 24, (3, 6)))
    prompts = torch.cat([prompt, prompt.roll(1), prompt])
    found = generate_image_tokens(prior, prompts, 2, known_image_tokens=own, tile=4, guidance=2)
    assert found.tolist() == [
        naive(prior, prompts[p : p + 1], c, known=own[p], guidance=2)
        for p in range(3)
        for c in range(2)
    ]
    picture = torch.randint(0, 24, (1, 16))
    found = generate_image_tokens(prior, prompt, 2, known_image_tokens=picture)
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
            {"candidates": 2, "known_image_tokens": torch.zeros(3, 16).long()},
            "known_image_tokens must be 1 or 1 pictures of 16 tokens, got 3 × 16",
        ),
        (
            {"candidates": 2, "known_image_tokens": torch.zeros(1, 17).long()},
            "known_image_tokens must be 1 or 1 pictures of 16 tokens, got 1 × 17",
        ),
        (
            {"candidates": 2, "known_image_tokens": torch.full((1, 16), 24)},
            "must be -1 where one is to be drawn and else below 24, got 24 to 24",
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


@pytest.mark.parametrize("guidance", [1.0, 2.0])
@pytest.mark.parametrize("tile", [None, 3])
def test_sampling_in_an_order_equals_the_naive_one(any_prior, prompt, guidance, tile):
    settings = {"guidance": guidance, "seed": 2}
    for known in (0, 1, 10):
        order = rectangle_last(4, **RECTANGLE)
        start = started(torch.randint(0, 24, (1, known)), order)
        found = generate_image_tokens(
            any_prior, prompt, 4, known_image_tokens=start, order=order, tile=tile, **settings
        )
        assert found.tolist() == [
            naive(any_prior, prompt, c, known=start[0], order=order, **settings) for c in range(4)
        ]


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_known_tokens_behind_unknown_ones_are_read_in_their_turn(prior, prompt, guidance):
    known = torch.randint(0, 24, (2, 16))
    known[0, [2, 3, 7]] = known[1, [0, 9, 11]] = UNKNOWN
    prompts = torch.cat([prompt, prompt.roll(1)])
    found = generate_image_tokens(
        prior, prompts, 3, known_image_tokens=known, guidance=guidance, tile=6
    )
    wanted = [
        naive(prior, prompts[p : p + 1], c, known=known[p], guidance=guidance)
        for p in range(2)
        for c in range(3)
    ]
    assert found.tolist() == wanted
    given = known.repeat_interleave(3, dim=0)
    assert torch.equal(torch.where(given == UNKNOWN, UNKNOWN, found), given)


def test_nothing_is_computed_behind_the_last_unknown_token(any_prior, prompt, monkeypatch):
    steps = []
    step = Dalle.step
    monkeypatch.setattr(Dalle, "step", lambda *given: steps.append(1) or step(*given))
    order = rectangle_last(4, **RECTANGLE)
    known = torch.zeros(1, 16).long()
    known[0, order[[5, 7]]] = UNKNOWN
    generate_image_tokens(any_prior, prompt, 2, known_image_tokens=known, order=order)
    assert len(steps) == 2, "positions 5 and 6 are read, 7 is drawn last"


def test_a_rectangle_is_filled_in_and_all_around_it_kept(any_prior, prompt):
    picture = torch.randint(0, 24, (1, 16))
    order, inside = rectangle_last(4, **RECTANGLE), rectangle_mask(4, **RECTANGLE)
    known = picture.masked_fill(inside, UNKNOWN)
    found = generate_image_tokens(
        any_prior, prompt, 20, known_image_tokens=known, order=order, guidance=2
    )
    assert torch.equal(found[:, ~inside], picture[:, ~inside].expand(20, -1))
    assert all(len(drawn.unique()) > 1 for drawn in found[:, inside].T)
    kept = generate_image_tokens(any_prior, prompt, 2, known_image_tokens=picture, order=order)
    assert torch.equal(kept, picture.expand(2, -1))


def test_each_prompt_may_have_an_order_of_its_own(any_prior, prompts):
    orders = torch.stack(
        [
            rectangle_last(4, **RECTANGLE),
            rectangle_first(4, **RECTANGLE),
            raster_order(4),
            *random_order(4, 0, 0, torch.arange(2)),
        ]
    )
    known = started(torch.randint(0, 24, (5, 6)), orders)
    for tile in (None, 4, 2):
        found = generate_image_tokens(
            any_prior,
            prompts,
            3,
            seed=SEEDS,
            guidance=2,
            tile=tile,
            order=orders,
            known_image_tokens=known,
        )
        for place, rows in enumerate(found.split(3)):
            own = slice(place, place + 1)
            alone = generate_image_tokens(
                any_prior,
                prompts[own],
                3,
                seed=SEEDS[place],
                guidance=2,
                order=orders[place],
                known_image_tokens=known[own],
            )
            assert torch.equal(rows, alone)


def test_raster_order_given_is_the_same_as_none(prior, any_prior, prompts):
    for net in (prior, any_prior):
        wanted = generate_image_tokens(net, prompts, 3, seed=SEEDS, guidance=2)
        found = generate_image_tokens(
            net, prompts, 3, seed=SEEDS, guidance=2, order=raster_order(4)
        )
        assert torch.equal(found, wanted)


def test_the_noise_of_a_position_is_the_same_in_every_order(prompt):
    net = lively(ANY)
    net.image_head.weight.data.zero_()  # then noise alone decides
    wanted = generate_image_tokens(net, prompt, 4)
    order = rectangle_first(4, **RECTANGLE)
    assert torch.equal(generate_image_tokens(net, prompt, 4, order=order), wanted)


def test_greedy_sampling_in_an_order_takes_the_most_likely_token(any_prior, prompt):
    order = rectangle_last(4, **RECTANGLE)
    found = generate_image_tokens(any_prior, prompt, 2, top_k=1, order=order)
    likely = any_prior(prompt, found[:1], order).image_logits.argmax(-1)
    assert torch.equal(likely.expand(2, -1), in_order(found, order[None]))


def test_orders_that_do_not_fit_are_refused(prior, any_prior, prompt):
    order = rectangle_last(4, **RECTANGLE)
    with pytest.raises(ValueError, match="reads image tokens in raster order alone"):
        generate_image_tokens(prior, prompt, 1, order=order)
    for wrong, message in (
        (raster_order(5), "a grid of 4 has 16 entries, got 25"),
        (order.expand(2, -1), "order must be one order or 1, one a prompt, got 2"),
        (order.clamp(min=1), "0 to 15 once, got one from 1 to 15"),
    ):
        with pytest.raises(ValueError, match=message):
            generate_image_tokens(any_prior, prompt, 1, order=wrong)

import pytest
import torch
from einops import rearrange

from lit_dalle.functional.quantize import codebook_perplexity
from lit_dalle.models.codes import NearestCodes, ScalarCodes
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig, to_images


def latents(count=4, channels=3, side=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, channels, side, side, generator=generator)


def rows(maps):
    return rearrange(maps, "b c h w -> (b h w) c")


def nearest(codes=6, channels=3, **settings):
    torch.manual_seed(0)
    return NearestCodes(codes, channels, **settings)


def test_the_token_is_the_nearest_code():
    codes = nearest().eval()
    codes.vectors.mul_(2)  # so that arg-max of the products is another code
    tokens = codes.tokens(latents())
    brute = torch.cdist(rows(codes.norm(latents())), codes.vectors).argmin(dim=1)
    assert torch.equal(tokens, brute.view(4, 25))


def test_codes_pass_gradients_straight_through_to_the_normed_latents():
    codes, given = nearest().eval(), latents().requires_grad_()
    coded = codes(given, None, 1.0)
    assert torch.allclose(rows(coded.codes), codes.vectors[codes.tokens(latents()).flatten()])
    weights = latents(seed=1)
    (coded.codes * weights).sum().backward()
    scale = (codes.norm.running_var + codes.norm.eps).rsqrt().view(1, -1, 1, 1)
    torch.testing.assert_close(given.grad, weights * scale)


def test_vectors_become_the_means_of_their_latents():
    codes = nearest(momentum=1.0)
    normed = rows(codes.norm(latents()))
    tokens = torch.cdist(normed, codes.vectors).argmin(dim=1)
    codes(latents(), None, 1.0)
    for code in tokens.unique():
        torch.testing.assert_close(codes.vectors[code], normed[tokens == code].mean(dim=0))


def test_unused_codes_start_again_at_latents_and_most_come_into_use():
    codes = nearest(codes=40, channels=3)
    codes.vectors[1:], codes.counts[1:] = 100.0, 0.0  # out of reach: only the first code wins
    assert codes.tokens(latents(8)).unique().numel() == 1
    for seed in range(60):
        codes(latents(8, seed=seed), None, 1.0)
    used = codes.tokens(latents(8)).unique().numel()
    assert used >= 36, f"{used} of 40 codes in use"


def test_the_codebook_follows_the_batches_alone_and_rests_in_evaluation():
    one, other = nearest(), nearest()
    for seed in range(5):
        one(latents(seed=seed), None, 1.0)
        torch.manual_seed(seed)  # nothing is drawn
        other(latents(seed=seed), None, 1.0)
    assert torch.equal(one.vectors, other.vectors)
    before = one.eval().vectors.clone()
    one(latents(seed=9), None, 1.0)
    assert torch.equal(one.vectors, before)


@pytest.mark.parametrize("levels", [(4, 4), (5, 3), (2, 2, 2), (8, 6, 5)])
def test_every_scalar_token_has_a_vector_that_rounds_to_it(levels):
    codes, channels = ScalarCodes(levels), len(levels)
    count = int(torch.tensor(levels).prod())
    table = torch.eye(channels)
    vectors = codes.times(torch.arange(count)[None], table)[0]
    assert len(vectors.unique(dim=0)) == count
    half = torch.tensor([level // 2 for level in levels])
    spread = vectors * half  # the levels, before they are scaled
    bound = torch.tensor([(level - 1) / 2 * 1.001 for level in levels])
    offset = torch.tensor([0.5 if level % 2 == 0 else 0.0 for level in levels])
    inverse = torch.atanh((spread + offset) / bound) - torch.atanh(offset / bound)
    tokens = codes.tokens(inverse[:, :, None, None])
    assert torch.equal(tokens[:, 0], torch.arange(count))


TOY = {"image_size": 16, "codebook_size": 12, "codebook_dim": 6, "hidden": 8, "widths": (1, 2)}
KINDS = [
    {"quantizer": "ibq"},
    {"quantizer": "vq", "code_dim": 3},
    {"quantizer": "fsq", "levels": (4, 3)},
]


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_tokens_equals_decoding_the_codes_of_training(kind):
    torch.manual_seed(0)
    net = DiscreteVAE(DiscreteVAEConfig(**TOY, **kind))
    images = torch.rand(3, 3, 16, 16)
    net(images, None, 1.0)
    net.eval()
    output = net(images, None, 1.0)
    torch.testing.assert_close(net.decode(net.encode(images)), to_images(output.maps))
    assert net.encode(images).max() < 12


def test_levels_that_do_not_make_the_codebook_are_refused():
    with pytest.raises(ValueError, match=r"levels \[4, 4\] make 16 codes, codebook_size is 12"):
        DiscreteVAEConfig(**TOY, quantizer="fsq", levels=(4, 4))


def test_codes_that_start_again_sooner_are_used_more_evenly():
    torch.manual_seed(0)
    crowd, rest = 0.05 * torch.randn(700, 4), 2 * torch.randn(300, 4)
    given = torch.cat([crowd, rest])[torch.randperm(1000)].T.reshape(1, 4, 25, 40)
    used = {}
    for share in (0.02, 0.5):
        codes = nearest(codes=32, channels=4, revival=share).train()
        for _ in range(300):
            codes(given, None, 1.0)
        counts = torch.bincount(codes.eval().tokens(given).flatten(), minlength=32)
        used[share] = codebook_perplexity(counts)
    assert used[0.5] > 1.2 * used[0.02]

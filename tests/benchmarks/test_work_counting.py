"""The benchmark's work against counting by hand, by parameters and by torch's own counter."""

import math
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CONFIG = DalleConfig(
    text_vocab_size=30,
    codebook_size=20,
    text_len=5,
    image_grid=4,
    dim=12,
    depth=4,
    heads=3,
    head_dim=6,
    conv_kernel=3,
)


@pytest.fixture
def work(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import speed.work

    return speed.work


@pytest.fixture
def work_nets(work):
    import speed.work_nets

    return speed.work_nets


def seen_by(kind, query):
    """Image tokens that an image token sees, found one by one; row 1 lies below row 0."""
    grid, half = CONFIG.image_grid, CONFIG.conv_kernel // 2
    rules = {
        "causal": lambda key: True,
        "row": lambda key: query - key <= grid,
        "column": lambda key: query % grid == key % grid,
        "convolutional": lambda key: any(
            abs(query - up * grid - key) <= half for up in range(half + 1)
        ),
    }
    return sum(rules[kind](key) for key in range(query + 1))


@pytest.mark.parametrize("kind", ["causal", "row", "column", "convolutional"])
def test_visible_keys_are_those_counted_one_by_one(work, kind):
    text, image = CONFIG.text_len, CONFIG.image_len
    expected = [*range(1, text + 1), *(text + seen_by(kind, query) for query in range(image))]
    assert work.visible_keys(CONFIG, kind).tolist() == expected


def test_linear_work_is_two_flops_a_weight_and_token(work):
    prior = Dalle(CONFIG)
    weights = sum(p.numel() for p in prior.blocks.parameters() if p.ndim == 2)
    products = work.linear_products(CONFIG, tokens=7)
    assert sum(product.flops for product in products) == 2 * 7 * weights


def test_linear_work_is_that_of_torchs_counter(work):
    layers = [layer for layer in Dalle(CONFIG).modules() if isinstance(layer, torch.nn.Linear)]
    rows = {CONFIG.text_vocab_size: 2 * 4, CONFIG.codebook_size: 2 * 16}  # what heads are read for
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for layer in layers:
            layer(torch.zeros(rows.get(layer.out_features, 2 * 20), layer.in_features))
    products = work.training_products(CONFIG, batch=2)
    assert sum(product.flops for product in products) == counter.get_total_flops()


def test_training_is_three_passes_over_linear_layers_and_visible_pairs(work):
    # 20 positions are read: 5 of text, and 15 of 16 image tokens.
    layers = 4 * (12 * 54 + 18 * 12 + 12 * 48 + 48 * 12)
    linear = 2 * (20 * layers + 4 * 12 * 30 + 16 * 12 * 20)
    image = [
        sum(CONFIG.text_len + seen_by(kind, query) for query in range(15))
        for kind in ("row", "column", "row", "convolutional")
    ]
    pairs = 4 * (1 + 2 + 3 + 4 + 5) + sum(image)
    attention = 4 * 6 * 3 * pairs
    assert CONFIG.kinds == ("row", "column", "row", "convolutional")
    assert work.training_flops(CONFIG, batch=3) == 3 * 3 * (linear + attention)
    assert work.training_tokens(CONFIG, batch=3) == 3 * 21


def test_a_decoding_step_reads_weights_once_text_once_and_images_for_each_candidate(work):
    decoding = work.decoding_work(CONFIG, candidates=10)
    weights = 4 * (12 * 54 + 18 * 12 + 12 * 48 + 48 * 12) + 12 * 20
    for position in (1, 9, 15):
        seen = [seen_by(kind, position - 1) for kind in CONFIG.kinds]
        pairs = sum(5 + count for count in seen)
        assert decoding.flops[position] == 10 * (2 * weights + 4 * 18 * pairs)
        cached = sum(5 + 10 * count for count in seen)
        assert decoding.bytes[position] == 2 * weights + 2 * 2 * 18 * cached
    prefill = 2 * (5 * (weights - 240) + 240) + 4 * 18 * 4 * 15
    assert decoding.flops[0] == prefill
    assert decoding.bytes[0] == 2 * weights


def test_a_step_takes_the_longer_of_computing_and_reading(work):
    decoding = work.Decoding(torch.tensor([8.0, 8.0]), torch.tensor([3.0, 30.0]))
    assert decoding.seconds(matrix_rate=2.0, bandwidth=1.0).tolist() == [4.0, 30.0]
    faster = decoding.seconds(matrix_rate=2.0, bandwidth=1.0, prefill_rate=4.0)
    assert faster.tolist() == [3.0, 30.0]


def test_image_keys_of_sparse_layers_hardly_grow(work):
    config = DalleConfig(16384, 8192, text_len=64, dim=512, depth=12, heads=8)
    bytes_read = work.decoding_work(config, candidates=512).bytes
    assert bytes_read[1010] < 1.2 * bytes_read[400]


@pytest.mark.parametrize(
    "config",
    [
        DiscreteVAEConfig(32, codebook_size=24, codebook_dim=8, hidden=8, widths=(1, 2, 4)),
        DiscreteVAEConfig(
            32, codebook_size=24, hidden=8, widths=(1, 1), blocks_per_group=1, patch=2
        ),
    ],
)
def test_convolutions_are_those_of_torchs_counter(work_nets, config):
    dvae = DiscreteVAE(config).eval()
    directions = {
        work_nets.encoder_convolutions: lambda: dvae.encode(torch.rand(1, 3, 32, 32)),
        work_nets.decoder_convolutions: lambda: dvae.decode(
            torch.zeros(1, config.image_grid**2, dtype=torch.int64)
        ),
    }
    for count, call in directions.items():
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            call()
        assert sum(convolution.flops for convolution in count(config)) == counter.get_total_flops()


def test_clip_is_two_flops_a_weight_and_token_and_its_pairs(work_nets):
    config = ClipConfig(
        image_size=16,
        patch_size=8,
        embed_dim=6,
        vision_dim=8,
        vision_depth=2,
        vision_heads=2,
        text_vocab_size=20,
        text_len=7,
        eos_id=2,
        text_dim=4,
        text_depth=3,
        text_heads=2,
    )
    clip = Clip(config)
    towers = [
        sum(p.numel() for p in tower.blocks.parameters() if p.ndim == 2)
        for tower in (clip.vision, clip.text)
    ]
    patches = 4 * math.prod(clip.vision.patches.weight.shape)
    once = (8 + 4) * 6 + 6 * 3  # projections, and the scores of a batch of three
    linear = 2 * 3 * (patches + 5 * towers[0] + 7 * towers[1] + once)
    attention = 4 * 3 * (2 * 8 * 25 + 3 * 4 * 28)
    assert work_nets.clip_training_flops(config, batch=3) == 3 * (linear + attention)

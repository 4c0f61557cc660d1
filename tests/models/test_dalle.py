import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from lit_dalle.functional.orders import (
    in_order,
    in_raster,
    random_order,
    raster_order,
    rectangle_first,
    rectangle_last,
)
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig

TINY = DalleConfig(
    text_vocab_size=40,
    codebook_size=24,
    text_len=6,
    image_grid=5,
    dim=32,
    depth=4,
    heads=4,
    conv_kernel=3,
)
ANY = replace(TINY, attention="causal", depth=2, order="any")
RECTANGLE = {"top": 1, "left": 2, "height": 3, "width": 2}
# depth 1 is convolutional, depth 2 adds a row layer, depth 4 a column layer
VARIANTS = {
    "causal": replace(TINY, attention="causal", depth=2),
    "convolutional": replace(TINY, depth=1),
    "row": replace(TINY, depth=2),
    "published": TINY,
    "qk_norm": replace(TINY, qk_norm=True, head_dim=16),
    "any": ANY,
    "rotary": replace(TINY, rotary=True),
    "any rotary": replace(ANY, rotary=True),
}


def tiny(config=TINY, batch=3):
    """A net whose weights are large enough for every path to matter, and tokens."""
    torch.manual_seed(0)
    net = Dalle(config).eval()
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    text = torch.randint(2, config.text_vocab_size, (batch, config.text_len))
    text[:, 0] = 1
    text[0, 3:] = 0
    return net, text, torch.randint(0, config.codebook_size, (batch, config.image_len))


def test_layers_follow_the_published_order():
    kinds = DalleConfig().kinds
    assert len(kinds) == 64
    assert kinds[:7] == ("row", "column", "row", "row", "row", "column", "row")
    assert kinds[61:] == ("column", "row", "convolutional")
    assert set(replace(TINY, attention="causal").kinds) == {"causal"}


def test_the_published_net_has_twelve_billion_parameters():
    with torch.device("meta"):
        net = Dalle(DalleConfig())
    billions = sum(parameter.numel() for parameter in net.blocks.parameters()) / 1e9
    assert 12.0 <= billions <= 12.2, f"{billions:.3f} billion parameters in the blocks"


def test_a_net_made_on_the_meta_device_becomes_the_same_net():
    wanted = Dalle(TINY)
    torch.manual_seed(0)
    wanted.reset_parameters()
    with torch.device("meta"):
        net = Dalle(TINY)
    net.to_empty(device="cpu")
    torch.manual_seed(0)
    net.reset_parameters()
    for name, value in wanted.state_dict().items():
        assert torch.equal(net.state_dict()[name], value), name
    assert not list(net.buffers()), "a buffer would stay empty"


@pytest.mark.parametrize("name", VARIANTS)
def test_cached_logits_equal_uncached(name):
    config = VARIANTS[name]
    net, text, image = tiny(config)
    with torch.no_grad():
        wanted = net(text, image).image_logits
        for known in (0, 1, config.image_grid + 2):
            prefill = net.prefill(text, image[:, :known])
            caches, logits = net.new_caches(prefill, copies=1), [prefill.logits]
            for p in range(known, config.image_len - 1):
                logits.append(net.step(image[:, p], caches))
            found = torch.stack(logits, 1)
            torch.testing.assert_close(found, wanted[:, known:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", VARIANTS)
def test_candidates_that_share_a_prefix_equal_separate_prompts(name):
    config = VARIANTS[name]
    net, text, image = tiny(config, batch=6)
    known, copies = config.image_grid + 2, 3
    text = text[::copies].repeat_interleave(copies, 0)
    image[:, :known] = image[::copies, :known].repeat_interleave(copies, 0)
    with torch.no_grad():
        wanted = net(text, image).image_logits
        prefill = net.prefill(text[::copies], image[::copies, :known])
        caches = net.new_caches(prefill, copies)
        assert len(caches[0].shared[0]) == 2, "one prefix a prompt"
        for p in range(known, config.image_len - 1):
            found = net.step(image[:, p], caches)
            torch.testing.assert_close(found, wanted[:, p + 1], atol=1e-5, rtol=1e-5)


def test_a_sparse_cache_holds_no_more_than_its_window():
    config = replace(TINY, image_grid=16, conv_kernel=5)
    net, text, _ = tiny(config, batch=1)
    caches = net.new_caches(net.prefill(text, text[:, :0]), copies=2)
    slots = [cache.own.shape[1] for cache in caches]
    assert slots == [16 + 1, 16 * 16, 16 + 1, 2 * 16 + 2 + 1]


def test_losses_equal_the_cross_entropy_of_the_logits():
    net, text, image = tiny()
    losses, output = net.losses(text, image), net(text, image)
    for loss, logits, tokens in (
        (losses.text_loss, output.text_logits, text[:, 1:]),
        (losses.image_loss, output.image_logits, image),
    ):
        wanted = nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten())
        torch.testing.assert_close(loss, wanted)


def test_activation_checkpointing_changes_no_gradient():
    net, text, image = tiny()
    grads = []
    for net.activation_checkpointing in (False, True):
        net.zero_grad()
        sum(net.losses(text, image)).backward()
        grads.append([parameter.grad.clone() for parameter in net.parameters()])
    for plain, again in zip(*grads, strict=True):
        assert torch.equal(plain, again)


def test_activation_checkpointing_keeps_less():
    kept = []
    for checkpointing in (False, True):
        net, text, image = tiny()
        net.activation_checkpointing = checkpointing
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda x, sizes=sizes: sizes.append(x.numel()) or x, lambda x: x
        ):
            net.losses(text, image)
        kept.append(sum(sizes))
    assert kept[1] < kept[0] / 3, kept


@pytest.mark.parametrize("name", VARIANTS)
def test_a_token_changes_nothing_before_it(name):
    config = VARIANTS[name]
    net, text, image = tiny(config)
    with torch.no_grad():
        base = torch.cat([part.flatten(1) for part in net(text, image)], 1)
        sizes = [config.text_vocab_size] * (config.text_len - 1)
        sizes += [config.codebook_size] * config.image_len
        ends = torch.tensor([0, *sizes]).cumsum(0)
        for p in range(1, config.text_len + config.image_len - 1):
            changed_text, changed_image = text.clone(), image.clone()
            if p < config.text_len:
                changed_text[:, p] = 2 + (text[:, p] - 1) % (config.text_vocab_size - 2)
            else:
                q = p - config.text_len
                changed_image[:, q] = (image[:, q] + 1) % config.codebook_size
            other = torch.cat([part.flatten(1) for part in net(changed_text, changed_image)], 1)
            assert torch.equal(other[:, : ends[p]], base[:, : ends[p]]), f"before token {p}"
            own = slice(int(ends[p]), int(ends[p + 1]))
            assert not torch.equal(other[:, own], base[:, own]), f"token {p} is not read"


def test_gradients_reach_only_tokens_before_the_target():
    net, text, image = tiny(replace(TINY, depth=4), batch=1)
    seen = {}
    net.embedding.image.register_forward_hook(lambda _, __, out: seen.update(image=out))
    net.embedding.image.weight.requires_grad_(True)
    logits = net(text, image).image_logits
    for p in range(TINY.image_len):
        (grad,) = torch.autograd.grad(logits[0, p].logsumexp(-1), seen["image"], retain_graph=True)
        reached = grad[0].abs().amax(-1) > 0
        assert not reached[p:].any(), f"the logits of token {p} see it or a later one"
        assert p == 0 or reached[p - 1], f"the logits of token {p} miss the token before"


def test_padding_has_an_embedding_of_its_own_at_each_position():
    net, text, image = tiny(batch=1)
    text[0, 3:] = 0
    net(text, image).image_logits.sum().backward()
    used = net.embedding.pad.weight.grad.abs().sum(-1) > 0
    assert used.tolist() == [False, False, False, True, True, True]
    assert not net.embedding.text.weight.grad[0].any()


def test_a_shorter_picture_gives_the_same_first_logits():
    net, text, image = tiny()
    whole = net(text, image)
    for length in (1, 7, TINY.image_len):
        part = net(text, image[:, :length])
        assert part.text_logits.shape == (3, TINY.text_len - 1, TINY.text_vocab_size)
        wanted = whole.image_logits[:, :length]
        torch.testing.assert_close(part.image_logits, wanted, atol=1e-5, rtol=1e-5)


def test_logits_are_fp32_and_start_near_chance():
    torch.manual_seed(0)
    net, text, image = Dalle(TINY).bfloat16(), torch.ones(2, 6).long(), torch.zeros(2, 25).long()
    output = net(text, image)
    assert output.text_logits.dtype == output.image_logits.dtype == torch.float32
    entropy = torch.distributions.Categorical(logits=output.image_logits).entropy().mean()
    assert abs(entropy - math.log(TINY.codebook_size)) < 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 30}, "dim 30 does not divide by 4 heads"),
        ({"conv_kernel": 4}, "conv_kernel must be odd and positive, got 4"),
        ({"depth": 0}, "depth must be at least 1, got 0"),
        ({"attention": "sparse"}, "published or causal, got sparse"),
        ({"text_len": 1}, "at least 2 .* got 40 and 1"),
        ({"order": "random"}, "order must be raster or any, got random"),
        ({"order": "any"}, "order any needs attention causal, got published"),
    ],
)
def test_config_says_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        replace(TINY, **change)


def test_wrong_lengths_are_refused_with_both_numbers():
    net, text, image = tiny()
    with pytest.raises(ValueError, match="reads 6 text tokens, got 5"):
        net(text[:, :5], image)
    with pytest.raises(ValueError, match="reads 1 to 25 image tokens, got 26"):
        net(text, torch.cat([image, image[:, :1]], 1))
    caches = net.new_caches(net.prefill(text, image), copies=1)
    with pytest.raises(ValueError, match="complete: it has 25 image tokens"):
        net.step(image[:, 0], caches)


def orders(batch=3):
    """One order a row: a rectangle last, another first, and any."""
    known = [rectangle_last(5, **RECTANGLE), rectangle_first(5, **RECTANGLE)]
    return torch.stack([*known, random_order(5, 0, 0, torch.zeros(1).long())[0]])[:batch]


def test_a_net_of_any_order_has_two_more_embeddings_and_raster_nets_none():
    of_raster, of_any = (set(Dalle(replace(ANY, order=o)).state_dict()) for o in ("raster", "any"))
    added = {"embedding.target_row.weight", "embedding.target_column.weight"}
    assert of_any - of_raster == added
    assert of_raster < of_any
    assert {name.partition(".")[0] for name in of_raster} == {
        "embedding",
        "blocks",
        "norm",
        "text_head",
        "image_head",
    }


@pytest.mark.parametrize("name", VARIANTS)
def test_raster_order_given_is_the_same_as_none(name):
    config = VARIANTS[name]
    net, text, image = tiny(config)
    raster = raster_order(config.image_grid)
    with torch.no_grad():
        wanted, wanted_losses = net(text, image), net.losses(text, image)
        for order in (raster, raster.expand(3, -1)):
            for found in zip(net(text, image, order), wanted, strict=True):
                assert torch.equal(*found)
            assert net.losses(text, image, order) == wanted_losses
        known = image[:, :7]
        prefills = net.prefill(text, known), net.prefill(text, known, raster)
        assert torch.equal(prefills[0].logits, prefills[1].logits)
        caches = [net.new_caches(prefill, copies=1) for prefill in prefills]
        steps = [net.step(image[:, 7], caches[0]), net.step(image[:, 7], caches[1], raster)]
        assert torch.equal(*steps)


def test_a_token_changes_nothing_before_it_in_the_order():
    net, text, image = tiny(ANY)
    order = orders()
    with torch.no_grad():
        base = net(text, image, order)
        for j in range(ANY.image_len):
            changed, at = image.clone(), order[:, j : j + 1]
            changed.scatter_(1, at, (image.gather(1, at) + 1) % ANY.codebook_size)
            other = net(text, changed, order)
            assert torch.equal(other.text_logits, base.text_logits)
            torch.testing.assert_close(
                other.image_logits[:, : j + 1], base.image_logits[:, : j + 1], atol=1e-5, rtol=1e-5
            )
            moved = (other.image_logits - base.image_logits)[:, j + 1 :].abs().amax(-1)
            assert (moved > 1e-4).all(), f"token {j} of the order is not read by all behind it"


def test_logits_depend_on_the_order_up_to_their_own_token_only():
    net, text, image = tiny(ANY)
    order = orders()
    for j in (0, 1, 12, ANY.image_len - 2):
        other = torch.cat([order[:, : j + 1], order[:, j + 1 :].flip(1)], dim=1)
        with torch.no_grad():
            found = [net(text, image, o).image_logits for o in (order, other)]
        torch.testing.assert_close(found[0][:, : j + 1], found[1][:, : j + 1])
        if j + 3 < ANY.image_len:
            assert not torch.allclose(found[0][:, j + 1], found[1][:, j + 1], atol=1e-4)


@pytest.mark.parametrize("entry", [0, 4])
def test_what_predicts_a_token_knows_its_row_and_column(entry):
    net, text, image = tiny(ANY)
    order = orders()
    swapped = order.clone()  # the same tokens before the entry, another one to predict
    swapped[:, [entry, entry + 1]] = order[:, [entry + 1, entry]]
    with torch.no_grad():
        found = [net(text, image, o).image_logits[:, entry] for o in (order, swapped)]
        assert not torch.allclose(*found, atol=1e-3)
        for table in (net.embedding.target_row, net.embedding.target_column):
            table.weight.zero_()
        found = [net(text, image, o).image_logits[:, entry] for o in (order, swapped)]
    torch.testing.assert_close(*found)


def test_an_order_a_row_is_the_same_as_each_row_alone():
    net, text, image = tiny(ANY)
    with torch.no_grad():
        together = net(text, image, orders()).image_logits
        for row, order in enumerate(orders()):
            own = slice(row, row + 1)
            alone = net(text[own], image[own], order).image_logits
            torch.testing.assert_close(together[own], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("known", [0, 1, 19])
def test_cached_logits_equal_uncached_in_any_order(known):
    net, text, image = tiny(ANY)
    for order in (rectangle_last(5, **RECTANGLE), orders()):
        stream = in_order(image, order.expand(3, -1))
        with torch.no_grad():
            wanted = net(text, image, order).image_logits
            prefill = net.prefill(text, stream[:, :known], order)
            caches, logits = net.new_caches(prefill, copies=1), [prefill.logits]
            for j in range(known, ANY.image_len - 1):
                logits.append(net.step(stream[:, j], caches, order))
        found = torch.stack(logits, 1)
        torch.testing.assert_close(found, wanted[:, known:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_image_losses_are_those_of_each_token(variant):
    net, text, image = tiny(VARIANTS[variant])
    logits = net(text, image).image_logits
    wanted = nn.functional.cross_entropy(logits.mT, image, reduction="none").detach()
    found = net.image_losses(text, image)
    torch.testing.assert_close(found, wanted)
    assert not found.requires_grad


def test_image_losses_of_a_bf16_net_come_near():
    net, text, image = tiny()
    exact = net.image_losses(text, image)
    low = net.to(torch.bfloat16).image_losses(text, image)
    assert low.dtype == torch.float32
    assert (low - exact).abs().mean() < 0.02 * exact.mean()


def test_losses_in_an_order_equal_the_cross_entropy_of_its_logits():
    net, text, image = tiny(ANY)
    order = orders()
    scored = torch.rand(3, ANY.image_len) < 0.4
    logits = net(text, image, order).image_logits
    each = nn.functional.cross_entropy(logits.mT, in_order(image, order), reduction="none")
    torch.testing.assert_close(net.losses(text, image, order).image_loss, each.mean())
    wanted = in_raster(each, order)[scored].mean()
    found = net.losses(text, image, order, scored)
    torch.testing.assert_close(found.image_loss, wanted)
    assert found.text_loss == net.losses(text, image, order).text_loss
    raster = net.losses(text, image[:, :7], scored=scored[:, :7]).image_loss
    each = nn.functional.cross_entropy(
        net(text, image[:, :7]).image_logits.mT, image[:, :7], reduction="none"
    )
    torch.testing.assert_close(raster, each[scored[:, :7]].mean())


def test_losses_of_a_picture_while_another_is_read():
    net, text, image = tiny(ANY)
    order, read = orders(), image.roll(1, dims=0)
    logits = net(text, read, order).image_logits
    wanted = nn.functional.cross_entropy(logits.mT, in_order(image, order))
    torch.testing.assert_close(net.losses(text, image, order, read=read).image_loss, wanted)
    assert net.losses(text, image, order, read=image) == net.losses(text, image, order)


def test_gradients_reach_every_weight_of_a_net_of_any_order():
    net, text, image = tiny(ANY)
    sum(net.losses(text, image, orders())).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
    # The last image token is told to predict the first of the order, which nobody reads.
    assert net.embedding.target_row.weight.grad.abs().sum(1).min() > 0


def test_orders_that_do_not_fit_are_refused():
    net, text, image = tiny()
    order = rectangle_last(5, **RECTANGLE)
    for call in (
        lambda: net(text, image, order),
        lambda: net.losses(text, image, order),
        lambda: net.prefill(text, image[:, :3], order.expand(3, -1)),
        lambda: net.step(image[:, 0], net.new_caches(net.prefill(text, image[:, :3]), 1), order),
    ):
        with pytest.raises(
            ValueError, match=r"raster order alone; .* train one with config\.order any"
        ):
            call()
    net, text, image = tiny(ANY)
    with pytest.raises(ValueError, match="a grid of 5 has 25 entries, got 16"):
        net(text, image, raster_order(4))
    with pytest.raises(ValueError, match="whole picture, 25 image tokens, got 7"):
        net(text, image[:, :7], order)


def test_codes_that_look_alike_start_alike():
    net = Dalle(replace(TINY, codebook_size=400, dim=64))
    weights = (net.embedding.image.weight, net.image_head.weight)
    scales = [weight.std().item() for weight in weights]
    vectors = torch.randn(400, 8)
    net.relate_codes(vectors, share=0.8)

    def likeness(x):
        return torch.corrcoef(x).fill_diagonal_(0).flatten()

    for weight, scale in zip(weights, scales, strict=True):
        agreement = torch.corrcoef(torch.stack([likeness(weight), likeness(vectors)]))[0, 1]
        assert agreement > 0.6, f"alike as vectors and as weights correlate by {agreement:.2f}"
        assert weight.std().item() == pytest.approx(scale, rel=0.1)


def test_a_share_of_zero_leaves_the_codes_as_they_are():
    net = Dalle(TINY)
    before = net.image_head.weight.clone()
    net.relate_codes(torch.randn(TINY.codebook_size, 8), share=0)
    assert torch.equal(net.image_head.weight, before)


def test_codes_of_weights_that_are_not_made_yet_are_refused():
    with torch.device("meta"):
        net = Dalle(TINY)
    with pytest.raises(ValueError, match="these are not made yet: set it to 0"):
        net.relate_codes(torch.randn(TINY.codebook_size, 8), share=0.5)

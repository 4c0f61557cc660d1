import pytest
import torch
from torch import nn

from lit_dalle.functional.attention import causal_mask
from lit_dalle.models.layers import MLP, Attention, Block, KVCache, LayerNorm32, Linear32


def test_attention_equals_the_one_of_torch():
    torch.manual_seed(0)
    ours, theirs = Attention(32, 4), nn.MultiheadAttention(32, 4, batch_first=True)
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.qkv.weight.data, ours.qkv.bias.data
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    x = torch.randn(2, 7, 32)
    wanted, _ = theirs(x, x, x, attn_mask=~causal_mask(7))
    torch.testing.assert_close(ours(x, causal=True), wanted)
    torch.testing.assert_close(ours(x, causal_mask(7)), wanted)


@pytest.mark.parametrize("qk_norm", [False, True])
def test_block_with_cache_equals_block_without(qk_norm):
    torch.manual_seed(0)
    block = Block(32, 4, head_dim=16, qk_norm=qk_norm)
    x = torch.randn(3, 9, 32)
    cache = KVCache(3, 4, 9, 16)
    parts = [block(x[:, :5], causal=True, cache=cache)]
    parts += [block(x[:, p : p + 1], cache=cache) for p in range(5, 9)]
    torch.testing.assert_close(torch.cat(parts, 1), block(x, causal=True), atol=1e-5, rtol=0)


def test_cache_says_when_it_is_full():
    cache = KVCache(1, 1, 3, 4)
    cache.append(torch.zeros(1, 1, 2, 4), torch.zeros(1, 1, 2, 4))
    with pytest.raises(ValueError, match="holds 3 positions, 4 are needed"):
        cache.append(torch.zeros(1, 1, 2, 4), torch.zeros(1, 1, 2, 4))


def test_repeated_cache_holds_each_row_in_succession_and_leaves_the_original():
    cache = KVCache(2, 1, 3, 4)
    cache.append(torch.randn(2, 1, 2, 4), torch.randn(2, 1, 2, 4))
    more = cache.repeat(3)
    assert more.filled == 2
    assert torch.equal(more.k, cache.k.repeat_interleave(3, 0))
    more.append(torch.ones(6, 1, 1, 4), torch.ones(6, 1, 1, 4))
    assert cache.filled == 2
    assert not cache.k[:, :, 2].any()


def test_norms_and_logits_are_computed_in_fp32():
    torch.manual_seed(0)
    x = (torch.randn(4, 64) * 30 + 500).bfloat16()
    norm = LayerNorm32(64)
    torch.testing.assert_close(norm(x), nn.functional.layer_norm(x.float(), (64,)).bfloat16())
    assert norm(x).dtype == torch.bfloat16
    head = Linear32(64, 8)
    with torch.autocast("cpu", torch.bfloat16):
        logits = head(x)
    torch.testing.assert_close(logits, nn.functional.linear(x.float(), head.weight, head.bias))


def test_quick_gelu_is_not_gelu():
    torch.manual_seed(0)
    quick, plain = MLP(8, 16, "quick_gelu"), MLP(8, 16)
    plain.load_state_dict(quick.state_dict())
    x = torch.randn(5, 8)
    hidden = quick.up(x)
    torch.testing.assert_close(quick(x), quick.down(hidden * (1.702 * hidden).sigmoid()))
    assert not torch.allclose(quick(x), plain(x), atol=1e-4)
    with pytest.raises(ValueError, match="got relu"):
        MLP(8, 16, "relu")


def test_heads_that_do_not_divide_the_width_are_named():
    with pytest.raises(ValueError, match="dim 30 does not divide by 4"):
        Attention(30, 4)

import pytest
import torch
from torch import nn

from lit_dalle.functional.attention import attend, attend_causal
from lit_dalle.functional.masks import CAUSAL
from lit_dalle.models.cache import KVCache, PrefixCache
from lit_dalle.models.layers import MLP, Attention, Block, LayerNorm32


def test_attention_equals_the_one_of_torch():
    torch.manual_seed(0)
    ours, theirs = Attention(32, 4), nn.MultiheadAttention(32, 4, batch_first=True)
    theirs.in_proj_weight.data, theirs.in_proj_bias.data = ours.qkv.weight.data, ours.qkv.bias.data
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    x = torch.randn(2, 7, 32)
    wanted, _ = theirs(x, x, x, attn_mask=~CAUSAL.mask(7))
    torch.testing.assert_close(ours(x, attend_causal), wanted)
    wanted, _ = theirs(x, x, x)
    torch.testing.assert_close(ours(x), wanted)


@pytest.mark.parametrize("qk_norm", [False, True])
def test_block_with_cache_equals_block_without(qk_norm):
    torch.manual_seed(0)
    block = Block(32, 4, head_dim=16, qk_norm=qk_norm)
    x = torch.randn(3, 9, 32)
    prefix = PrefixCache(CAUSAL)
    parts = [block(x[:, :5], prefix)]
    cache = KVCache(prefix, text_len=5, image_len=4, copies=1)
    parts += [block(x[:, p : p + 1], cache) for p in range(5, 9)]
    torch.testing.assert_close(torch.cat(parts, 1), block(x, attend_causal), atol=1e-5, rtol=0)


def test_norms_are_computed_in_fp32():
    torch.manual_seed(0)
    x = (torch.randn(4, 64) * 30 + 500).bfloat16()
    norm = LayerNorm32(64)
    torch.testing.assert_close(norm(x), nn.functional.layer_norm(x.float(), (64,)).bfloat16())
    assert norm(x).dtype == torch.bfloat16
    with torch.autocast("cpu", torch.bfloat16):
        assert norm(x.float()).dtype == torch.float32
    norm.bfloat16()
    torch.testing.assert_close(norm(x), nn.functional.layer_norm(x.float(), (64,)).bfloat16())


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


@pytest.mark.parametrize("causal", [False, True])
def test_reading_one_position_gives_what_the_whole_block_gives_there(causal):
    torch.manual_seed(0)
    block = Block(24, 3)
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.3)
    x, positions = torch.randn(4, 7, 24, requires_grad=True), torch.tensor([0, 3, 6, 3])
    seen = torch.arange(7) <= positions[:, None] if causal else None
    found = block.read(x, positions, seen)
    wanted = block(x, attend_causal if causal else attend)[torch.arange(4), positions]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    grad, leaves = torch.randn_like(found), (x, *block.parameters())
    grads = [torch.autograd.grad(out, leaves, grad) for out in (found, wanted)]
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_normalised_keys_are_refused_where_one_position_is_read():
    block = Block(24, 3, qk_norm=True)
    with pytest.raises(ValueError, match="qk_norm cannot read one position"):
        block.read(torch.randn(2, 3, 24), torch.tensor([0, 1]))

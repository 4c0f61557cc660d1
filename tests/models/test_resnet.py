import pytest
import torch
from torch.nn import functional as F

from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.resnet import ModifiedResNet, ResNet, ResNetConfig

CONFIG = ClipConfig(
    image_size=64,
    embed_dim=12,
    vision_dim=4,
    vision_heads=2,
    vision_stages=(2, 1, 2, 1),
    text_vocab_size=40,
    text_len=9,
    eos_id=2,
    text_dim=16,
    text_depth=2,
    text_heads=2,
)


def shaken(net):
    """Weights and running statistics far from their first values, so that each one counts."""
    generator = torch.Generator().manual_seed(0)
    for name, value in net.state_dict().items():
        if value.is_floating_point() and name not in ("mean", "std"):
            noise = torch.randn(value.shape, generator=generator)
            value.copy_(noise.abs() + 0.5 if "var" in name or value.ndim == 1 else 0.3 * noise)
    return net.eval()


@torch.no_grad()
def test_the_classifier_agrees_with_transformers():
    transformers = pytest.importorskip("transformers")
    stages = (2, 1, 2, 1)
    config = transformers.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[32, 64, 128, 256],
        depths=list(stages),
        layer_type="bottleneck",
        num_labels=5,
    )
    reference = shaken(transformers.ResNetForImageClassification(config))
    ours = ResNet(ResNetConfig(classes=5, image_size=64, width=8, stages=stages)).eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), in_our_order(reference), strict=True)))
    images = torch.rand(2, 3, 64, 64)
    expected = reference((images - ours.mean) / ours.std).logits
    torch.testing.assert_close(ours(images), expected, rtol=1e-4, atol=1e-4 * expected.std())


def in_our_order(reference):
    """Weights of transformers' ResNet: its shortcuts stand before the layers, ours behind."""
    groups, late = {}, {}
    for name, value in reference.state_dict().items():
        layer = name.partition(".shortcut.")[0] if ".shortcut." in name else None
        block = ".".join(name.split(".")[:6]) if ".layers." in name else name
        (late if layer else groups).setdefault(block, []).append(value)
    return [value for block in groups for value in [*groups[block], *late.get(block, [])]]


@torch.no_grad()
def test_features_are_those_of_the_released_code():
    net = shaken(Clip(CONFIG)).vision
    images = torch.rand(3, 3, 64, 64)
    expected = naive_features(net, (images - net.mean) / net.std)
    torch.testing.assert_close(net(images), expected, rtol=1e-4, atol=1e-4 * expected.std())


def naive_features(net: ModifiedResNet, x):
    """CLIP's ResNet written out by layer, with torch's own multi-head attention in the pool."""

    def normed(norm, x):
        return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)

    for at, stride in ((0, 2), (3, 1), (6, 1)):
        conv, norm = net.stem[at], net.stem[at + 1]
        x = normed(norm, F.conv2d(x, conv.weight, stride=stride, padding=1)).relu()
    x = F.avg_pool2d(x, 2)
    for number, stage in enumerate(net.stages):
        for place, block in enumerate(stage):
            stride = 2 if number and not place else 1
            y = normed(block.reduce_norm, F.conv2d(x, block.reduce.weight)).relu()
            y = normed(block.mix_norm, F.conv2d(y, block.mix.weight, padding=1)).relu()
            y = F.avg_pool2d(y, stride)
            y = normed(block.expand_norm, F.conv2d(y, block.expand.weight))
            if not place:
                _, conv, norm = block.shortcut
                x = normed(norm, F.conv2d(F.avg_pool2d(x, stride), conv.weight))
            x = (x + y).relu()
    pool = net.pool
    states = x.flatten(2).permute(2, 0, 1)
    states = torch.cat([states.mean(0, keepdim=True), states]) + pool.position_embedding[:, None]
    pooled, _ = F.multi_head_attention_forward(
        query=states[:1],
        key=states,
        value=states,
        embed_dim_to_check=states.shape[-1],
        num_heads=CONFIG.vision_heads,
        q_proj_weight=pool.query.weight,
        k_proj_weight=pool.key.weight,
        v_proj_weight=pool.value.weight,
        in_proj_weight=None,
        in_proj_bias=torch.cat([pool.query.bias, pool.key.bias, pool.value.bias]),
        bias_k=None,
        bias_v=None,
        add_zero_attn=False,
        dropout_p=0.0,
        out_proj_weight=pool.projection.weight,
        out_proj_bias=pool.projection.bias,
        use_separate_proj_weight=True,
        training=False,
        need_weights=False,
    )
    return pooled[0]


@torch.no_grad()
def test_a_bottleneck_begins_as_its_shortcut():
    block = ModifiedResNet(CONFIG).stages[0][1].eval()
    x = torch.rand(1, 16, 8, 8)
    assert torch.equal(block(x), x)


def test_resnet_101_has_the_published_number_of_weights():
    with torch.device("meta"):
        net = ResNet(ResNetConfig())
    assert sum(parameter.numel() for parameter in net.parameters()) == 44_549_160


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"vision_stages": (1, 2, 3)}, "four numbers"),
        ({"image_size": 72}, "multiple of 32"),
        ({"vision_heads": 3}, "32 times vision_dim, 128"),
    ],
)
def test_sizes_that_make_no_resnet_are_refused(change, what):
    with pytest.raises(ValueError, match=what):
        ClipConfig(**{**vars(CONFIG), **change})


def test_a_small_stem_keeps_the_resolution():
    sizes = {"classes": 3, "image_size": 32, "width": 4, "stages": (1, 1)}
    seen = {}
    for small in (False, True):
        net = ResNet(ResNetConfig(**sizes, small_stem=small))
        seen[small] = net.stem(torch.rand(1, 3, 32, 32)).shape[-1]
    assert seen == {False: 8, True: 32}

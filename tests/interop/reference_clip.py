"""CLIP written the plain way, with torch's own attention and OpenAI's names, as reference."""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class ResidualAttentionBlock(nn.Module):
    def __init__(self, width, heads, mask, activation):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads)
        self.ln_1 = nn.LayerNorm(width)
        layers = OrderedDict(c_fc=nn.Linear(width, 4 * width), gelu=activation())
        layers["c_proj"] = nn.Linear(4 * width, width)
        self.mlp = nn.Sequential(layers)
        self.ln_2 = nn.LayerNorm(width)
        self.mask = mask

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=self.mask)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width, layers, heads, mask=None, activation=QuickGELU):
        super().__init__()
        blocks = (ResidualAttentionBlock(width, heads, mask, activation) for _ in range(layers))
        self.resblocks = nn.Sequential(*blocks)

    def forward(self, x):
        return self.resblocks(x.transpose(0, 1)).transpose(0, 1)


class VisionTransformer(nn.Module):
    def __init__(self, size, patch, width, layers, heads, out, activation=QuickGELU):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn((size // patch) ** 2 + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, layers, heads, activation=activation)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.randn(width, out))

    def forward(self, x):
        x = self.conv1(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], dim=1)
        x = self.transformer(self.ln_pre(x + self.positional_embedding))
        return self.ln_post(x[:, 0]) @ self.proj


class Bottleneck(nn.Module):
    def __init__(self, channels, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.avgpool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.downsample = None
        if stride > 1 or channels != 4 * planes:
            parts = [("-1", nn.AvgPool2d(stride))]
            parts += [("0", nn.Conv2d(channels, 4 * planes, 1, bias=False))]
            parts += [("1", nn.BatchNorm2d(4 * planes))]
            self.downsample = nn.Sequential(OrderedDict(parts))

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y)).relu()
        y = self.bn3(self.conv3(self.avgpool(y)))
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class AttentionPool2d(nn.Module):
    def __init__(self, side, width, heads, out):
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.randn(side**2 + 1, width))
        self.k_proj, self.q_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.c_proj = nn.Linear(width, width), nn.Linear(width, out)
        self.heads = heads

    def forward(self, x):
        x = x.flatten(2).permute(2, 0, 1)
        x = torch.cat([x.mean(dim=0, keepdim=True), x]) + self.positional_embedding[:, None]
        biases = torch.cat([self.q_proj.bias, self.k_proj.bias, self.v_proj.bias])
        pooled, _ = F.multi_head_attention_forward(
            *(x[:1], x, x, x.shape[-1], self.heads, None, biases, None, None, False, 0.0),
            *(self.c_proj.weight, self.c_proj.bias),
            training=False,
            need_weights=False,
            use_separate_proj_weight=True,
            q_proj_weight=self.q_proj.weight,
            k_proj_weight=self.k_proj.weight,
            v_proj_weight=self.v_proj.weight,
        )
        return pooled[0]


class ModifiedResNet(nn.Module):
    def __init__(self, layers, out, heads, size, width):
        super().__init__()
        half = width // 2
        self.conv1, self.bn1 = nn.Conv2d(3, half, 3, 2, 1, bias=False), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = nn.Conv2d(half, half, 3, 1, 1, bias=False), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = nn.Conv2d(half, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        channels = width
        for number, count in enumerate(layers):
            planes, blocks = width * 2**number, []
            for place in range(count):
                blocks.append(Bottleneck(channels, planes, 2 if number and not place else 1))
                channels = 4 * planes
            self.add_module(f"layer{number + 1}", nn.Sequential(*blocks))
        self.attnpool = AttentionPool2d(size // 32, 32 * width, heads, out)

    def forward(self, x):
        for conv, bn in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = bn(conv(x)).relu()
        x = F.avg_pool2d(x, 2)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return self.attnpool(x)


class CLIP(nn.Module):
    """Sizes by the released code's rules; heads of the given width."""

    def __init__(
        self,
        *,
        out=12,
        size=64,
        stages=(),
        vision_width=64,
        vision_layers=2,
        patch=16,
        context=9,
        vocab=40,
        width=64,
        layers=2,
        head_width=64,
        activation=QuickGELU,
    ):
        super().__init__()
        if stages:
            heads = vision_width * 32 // head_width
            self.visual = ModifiedResNet(stages, out, heads, size, vision_width)
        else:
            heads = vision_width // head_width
            self.visual = VisionTransformer(
                size, patch, vision_width, vision_layers, heads, out, activation
            )
        mask = torch.full((context, context), -torch.inf).triu(1)
        self.transformer = Transformer(width, layers, width // head_width, mask, activation)
        self.token_embedding = nn.Embedding(vocab, width)
        self.positional_embedding = nn.Parameter(torch.randn(context, width))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.randn(width, out))
        self.logit_scale = nn.Parameter(torch.tensor(4.6))

    def encode_image(self, targets):
        return F.normalize(self.visual(targets), dim=-1)

    def encode_text(self, text):
        x = self.token_embedding(text) + self.positional_embedding
        x = self.ln_final(self.transformer(x))
        return F.normalize(x[torch.arange(len(x)), text.argmax(-1)] @ self.text_projection, dim=-1)


@torch.no_grad()
def random_clip(seed=0, **sizes):
    """A CLIP whose every number counts: weights, biases, gains and running statistics are drawn."""
    torch.manual_seed(seed)
    net = CLIP(**sizes).eval()
    for name, value in net.state_dict().items():
        if name.endswith("running_var"):
            value.copy_(torch.rand_like(value) + 0.5)
        elif name.endswith(("bias", "running_mean")):
            value.normal_(std=0.1)
        elif value.ndim == 1 and value.is_floating_point():
            value.copy_(1 + 0.2 * torch.randn_like(value))
        elif value.ndim > 1:
            value.normal_(std=value[0].numel() ** -0.5)
    return net


def tokens(count=3, context=9, vocab=40):
    """Captions with [BOS] and [EOS], the highest id, at different places."""
    generator = torch.Generator().manual_seed(0)
    text = torch.randint(1, vocab - 2, (count, context), generator=generator)
    text[:, 0] = vocab - 2
    for row in range(count):
        text[row, context - 1 - row] = vocab - 1
        text[row, context - row :] = 0
    return text

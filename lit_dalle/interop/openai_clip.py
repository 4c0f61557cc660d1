"""CLIP as OpenAI's released code names and sizes it; open_clip keeps the same names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from lit_dalle.interop.matches import Match, Names, layer, norm
from lit_dalle.models.clip_config import RESNET_STRIDE, ClipConfig
from lit_dalle.models.layers import Activation

HEAD_WIDTH = 64
"""Width of every head in the released nets, whose weights do not tell the number of heads."""
FACTS = ("input_resolution", "context_length", "vocab_size", "attn_mask")
"""What OpenAI's archives and open_clip's state hold beside the weights; the config says it."""


def openai_names(config: ClipConfig) -> Names:
    """Match our weights with those of the released code (clip/model.py)."""
    vision = _resnet(config) if config.vision_stages else _vision_transformer(config)
    return [
        *vision,
        Match("text.token_embedding.weight", ("token_embedding.weight",)),
        Match("text.position_embedding", ("positional_embedding",)),
        *_blocks("text.blocks", "transformer.resblocks", config.text_depth),
        *layer("text.norm_after", "ln_final"),
        Match("text.projection.weight", ("text_projection",), transposed=True),
        Match("logit_scale", ("logit_scale",)),
    ]


def openai_config(
    weights: Mapping[str, Tensor],
    source: Path,
    *,
    activation: Activation = "quick_gelu",
    vision_head_width: int = HEAD_WIDTH,
    text_heads: int | None = None,
) -> ClipConfig:
    """Read the sizes off the shapes of the weights, as the released code does.

    Args:
        weights: By the released code's names.
        source: Where they come from, for messages.
        activation: Of the transformers; the weights do not tell.
        vision_head_width: Width of a head of the image tower.
        text_heads: Heads of the text tower; when not given, heads of ``HEAD_WIDTH``.

    Raises:
        ValueError: These are no weights of a CLIP.
    """
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    try:
        text_dim = shapes["ln_final.weight"][0]
        vocab_size, embed_dim = shapes["token_embedding.weight"][0], shapes["text_projection"][1]
        text: dict[str, Any] = {
            "embed_dim": embed_dim,
            "text_vocab_size": vocab_size,
            "text_len": shapes["positional_embedding"][0],
            "eos_id": vocab_size - 1,  # the released code reads the feature at the highest id
            "text_dim": text_dim,
            "text_depth": _count(shapes, "transformer.resblocks."),
            "text_heads": text_heads or text_dim // HEAD_WIDTH,
        }
        resnet = "visual.layer1.0.conv1.weight" in shapes
        vision = _resnet_sizes(shapes) if resnet else _vision_sizes(shapes, vision_head_width)
    except (KeyError, IndexError) as error:
        raise ValueError(f"{source} holds no CLIP by OpenAI's names: it lacks {error}") from error
    return ClipConfig(**text, **vision, activation=activation)


def check_openai_sizes(config: ClipConfig) -> None:
    """Raise ValueError where the released code could not tell a CLIP of ours by its weights."""
    width = 32 * config.vision_dim if config.vision_stages else config.vision_dim
    own = (config.vision_heads, config.text_heads, config.eos_id, config.activation)
    told = (
        width // HEAD_WIDTH,
        config.text_dim // HEAD_WIDTH,
        config.text_vocab_size - 1,
        "quick_gelu",
    )
    named = ("vision_heads", "text_heads", "eos_id", "activation")
    for name, ours, theirs in zip(named, own, told, strict=True):
        if ours != theirs:
            raise ValueError(
                f"OpenAI's form cannot say that {name} is {ours}: its reader takes {theirs}; "
                "export to huggingface instead"
            )


def _vision_transformer(config: ClipConfig) -> Names:
    return [
        Match("vision.patches.weight", ("visual.conv1.weight",)),
        Match("vision.class_embedding", ("visual.class_embedding",)),
        Match("vision.position_embedding", ("visual.positional_embedding",)),
        *layer("vision.norm_before", "visual.ln_pre"),
        *_blocks("vision.blocks", "visual.transformer.resblocks", config.vision_depth),
        *layer("vision.norm_after", "visual.ln_post"),
        Match("vision.projection.weight", ("visual.proj",), transposed=True),
    ]


def _blocks(ours: str, theirs: str, depth: int) -> Names:
    found: list[Match] = []
    for number in range(depth):
        own, other = f"{ours}.{number}", f"{theirs}.{number}"
        found += layer(f"{own}.attn_norm", f"{other}.ln_1")
        found += [
            Match(f"{own}.attn.qkv.{part}", (f"{other}.attn.in_proj_{part}",))
            for part in ("weight", "bias")
        ]
        found += layer(f"{own}.attn.out", f"{other}.attn.out_proj")
        found += layer(f"{own}.mlp_norm", f"{other}.ln_2")
        found += layer(f"{own}.mlp.up", f"{other}.mlp.c_fc")
        found += layer(f"{own}.mlp.down", f"{other}.mlp.c_proj")
    return found


def _resnet(config: ClipConfig) -> Names:
    found: list[Match] = []
    for number in range(3):
        found += layer(f"vision.stem.{3 * number}", f"visual.conv{number + 1}", bias=False)
        found += norm(f"vision.stem.{3 * number + 1}", f"visual.bn{number + 1}")
    for stage, blocks in enumerate(config.vision_stages):
        for block in range(blocks):
            own, other = f"vision.stages.{stage}.{block}", f"visual.layer{stage + 1}.{block}"
            for place, part in enumerate(("reduce", "mix", "expand"), start=1):
                found += layer(f"{own}.{part}", f"{other}.conv{place}", bias=False)
                found += norm(f"{own}.{part}_norm", f"{other}.bn{place}")
            if block == 0:
                found += layer(f"{own}.shortcut.1", f"{other}.downsample.0", bias=False)
                found += norm(f"{own}.shortcut.2", f"{other}.downsample.1")
    pool = "visual.attnpool"
    found += [Match("vision.pool.position_embedding", (f"{pool}.positional_embedding",))]
    for own, other in (("query", "q"), ("key", "k"), ("value", "v"), ("projection", "c")):
        found += layer(f"vision.pool.{own}", f"{pool}.{other}_proj")
    return found


def _vision_sizes(shapes: Mapping[str, tuple[int, ...]], head_width: int) -> dict[str, int]:
    dim, _, _, patch = shapes["visual.conv1.weight"]
    grid = round((shapes["visual.positional_embedding"][0] - 1) ** 0.5)
    return {
        "image_size": grid * patch,
        "patch_size": patch,
        "vision_dim": dim,
        "vision_depth": _count(shapes, "visual.transformer.resblocks."),
        "vision_heads": dim // head_width,
    }


def _resnet_sizes(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, object]:
    width = shapes["visual.layer1.0.conv1.weight"][0]
    side = round((shapes["visual.attnpool.positional_embedding"][0] - 1) ** 0.5)
    return {
        "image_size": side * RESNET_STRIDE,
        "vision_dim": width,
        "vision_heads": 32 * width // HEAD_WIDTH,
        "vision_stages": tuple(_count(shapes, f"visual.layer{stage}.") for stage in (1, 2, 3, 4)),
    }


def _count(shapes: Mapping[str, object], prefix: str) -> int:
    """Number of blocks whose names start with a prefix."""
    return len(
        {name[len(prefix) :].partition(".")[0] for name in shapes if name.startswith(prefix)}
    )

"""CLIP as Hugging Face's transformers keeps it: names of weights, config and image processor."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lit_dalle.interop.matches import Match, Names, layer
from lit_dalle.models.clip_config import ClipConfig

IGNORED = ("text_model.embeddings.position_ids", "vision_model.embeddings.position_ids")
"""Numbers of positions, which older files hold beside the weights."""
ACTIVATIONS = ("quick_gelu", "gelu")
LEGACY_EOS = 2
"""In configs of before 2023: the feature stands at the highest id, whatever is written there."""
EPS = 1e-5
"""Of every LayerNorm here."""

TEXT_DEFAULTS = {
    "vocab_size": 49408,
    "max_position_embeddings": 77,
    "eos_token_id": 49407,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
}
VISION_DEFAULTS = {
    "image_size": 224,
    "patch_size": 32,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
"""What a config that leaves a field out means by it: ViT-B/32, as in transformers."""


def huggingface_names(config: ClipConfig) -> Names:
    """Match our weights with those of ``transformers.CLIPModel``."""
    vision, text = "vision_model.embeddings", "text_model.embeddings"
    return [
        *layer("vision.patches", f"{vision}.patch_embedding", bias=False),
        Match("vision.class_embedding", (f"{vision}.class_embedding",)),
        Match("vision.position_embedding", (f"{vision}.position_embedding.weight",)),
        *layer("vision.norm_before", "vision_model.pre_layrnorm"),
        *_blocks("vision.blocks", "vision_model.encoder.layers", config.vision_depth),
        *layer("vision.norm_after", "vision_model.post_layernorm"),
        *layer("vision.projection", "visual_projection", bias=False),
        *layer("text.token_embedding", f"{text}.token_embedding", bias=False),
        Match("text.position_embedding", (f"{text}.position_embedding.weight",)),
        *_blocks("text.blocks", "text_model.encoder.layers", config.text_depth),
        *layer("text.norm_after", "text_model.final_layer_norm"),
        *layer("text.projection", "text_projection", bias=False),
        Match("logit_scale", ("logit_scale",)),
    ]


def read_huggingface_config(
    config: Mapping[str, Any], processor: Mapping[str, Any], source: Path
) -> ClipConfig:
    """Translate ``config.json`` and ``preprocessor_config.json``; what is left out has defaults.

    Raises:
        ValueError: It is not a CLIP, or one of a shape that ours cannot have.
    """
    if config.get("model_type") != "clip":
        kind = config.get("model_type")
        raise ValueError(f"{source} holds a model of type {kind!r}, a CLIPModel is needed here")
    text, vision = _part(config, "text", TEXT_DEFAULTS), _part(config, "vision", VISION_DEFAULTS)
    for part in (text, vision):
        _check_shape(part, source)
    if text["hidden_act"] != vision["hidden_act"]:
        raise ValueError(f"{source} has another activation in each tower: ours have one for both")
    vocab_size, eos_id = text["vocab_size"], text["eos_token_id"]
    pixels = {
        name: tuple(processor[name]) for name in ("image_mean", "image_std") if name in processor
    }
    return ClipConfig(
        image_size=vision["image_size"],
        patch_size=vision["patch_size"],
        embed_dim=config.get("projection_dim", 512),
        vision_dim=vision["hidden_size"],
        vision_depth=vision["num_hidden_layers"],
        vision_heads=vision["num_attention_heads"],
        text_vocab_size=vocab_size,
        text_len=text["max_position_embeddings"],
        eos_id=vocab_size - 1 if eos_id == LEGACY_EOS else eos_id,
        text_dim=text["hidden_size"],
        text_depth=text["num_hidden_layers"],
        text_heads=text["num_attention_heads"],
        activation=text["hidden_act"],
        **pixels,
    )


def write_huggingface_config(config: ClipConfig) -> dict[str, Any]:
    """Return the ``config.json`` of a CLIP of ours.

    Raises:
        ValueError: The form has no place for it.
    """
    if config.vision_stages:
        raise ValueError(
            "the Hugging Face form has no ResNet towers: export to openai or open_clip instead"
        )
    if config.eos_id == LEGACY_EOS and config.text_vocab_size - 1 != LEGACY_EOS:
        raise ValueError(
            "transformers reads an eos_token_id of 2 as the highest id: this CLIP, whose [EOS] is "
            "2, would be read at the wrong place; use another form"
        )
    text = {
        "model_type": "clip_text_model",
        "vocab_size": config.text_vocab_size,
        "max_position_embeddings": config.text_len,
        "eos_token_id": config.eos_id,
        "bos_token_id": config.eos_id - 1,
        "pad_token_id": config.eos_id,
    } | _sizes(config.text_dim, config.text_depth, config.text_heads, config)
    vision = {
        "model_type": "clip_vision_model",
        "image_size": config.image_size,
        "patch_size": config.patch_size,
    } | _sizes(config.vision_dim, config.vision_depth, config.vision_heads, config)
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": config.embed_dim,
        "text_config": text,
        "vision_config": vision,
    }


def _sizes(dim: int, depth: int, heads: int, config: ClipConfig) -> dict[str, Any]:
    return {
        "hidden_size": dim,
        "intermediate_size": 4 * dim,
        "num_hidden_layers": depth,
        "num_attention_heads": heads,
        "hidden_act": config.activation,
        "layer_norm_eps": EPS,
        "projection_dim": config.embed_dim,
    }


def _blocks(ours: str, theirs: str, depth: int) -> Names:
    found: list[Match] = []
    for number in range(depth):
        own, other = f"{ours}.{number}", f"{theirs}.{number}"
        attention = f"{other}.self_attn"
        found += layer(f"{own}.attn_norm", f"{other}.layer_norm1")
        found += layer(f"{own}.attn.qkv", *(f"{attention}.{part}_proj" for part in "qkv"))
        found += layer(f"{own}.attn.out", f"{attention}.out_proj")
        found += layer(f"{own}.mlp_norm", f"{other}.layer_norm2")
        found += layer(f"{own}.mlp.up", f"{other}.mlp.fc1")
        found += layer(f"{own}.mlp.down", f"{other}.mlp.fc2")
    return found


def _part(config: Mapping[str, Any], tower: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Config of a tower; what older files wrote beside it under another name wins, as there."""
    own = config.get(f"{tower}_config") or {}
    other = config.get(f"{tower}_config_dict") or {}
    return {"hidden_act": "quick_gelu", **defaults, **own, **other}


def _check_shape(part: Mapping[str, Any], source: Path) -> None:
    dim = part["hidden_size"]
    hidden, eps = part["intermediate_size"], part.get("layer_norm_eps", EPS)
    if hidden != 4 * dim:
        raise ValueError(f"{source} has MLPs of {hidden} in a width of {dim}: ours are 4 × {dim}")
    if part["hidden_act"] not in ACTIVATIONS:
        known = " and ".join(ACTIVATIONS)
        raise ValueError(f"{source} has the activation {part['hidden_act']}; known are {known}")
    if eps != EPS:
        raise ValueError(f"{source} has a layer_norm_eps of {eps}: ours is {EPS}")

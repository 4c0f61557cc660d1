"""The ``open_clip_config.json`` of open_clip: what the shapes of weights do not tell."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from lit_dalle.interop.openai_clip import HEAD_WIDTH, openai_config
from lit_dalle.models.clip_config import ClipConfig

VISION = ("image_size", "layers", "width", "patch_size", "head_width")
TEXT = ("context_length", "vocab_size", "width", "heads", "layers")
MODEL = ("embed_dim", "quick_gelu", "vision_cfg", "text_cfg")
NEUTRAL: tuple[Any, ...] = (None, False, "", {}, [])
"""Values of other fields that change nothing."""
MLP = ("mlp_ratio", 4.0)
HARMLESS = ("hf_tokenizer_name", "tokenizer_kwargs", "init_logit_scale", "custom_text")
"""Other fields that do not say what the net computes."""


def read_open_clip_config(
    facts: Mapping[str, Any], weights: Mapping[str, Tensor], source: Path
) -> ClipConfig:
    """Translate the config; sizes are read off the weights.

    Args:
        facts: The content of the file.
        weights: By OpenAI's names.
        source: Where they come from, for messages.

    Raises:
        ValueError: The config asks for something that our CLIP cannot compute; it is named.
    """
    model = facts.get("model_cfg", facts)
    vision, text = model.get("vision_cfg", {}), model.get("text_cfg", {})
    for part, known in ((model, MODEL), (vision, VISION), (text, TEXT)):
        _check_known(part, known, source)
    config = openai_config(
        weights,
        source,
        activation="quick_gelu" if model.get("quick_gelu") else "gelu",
        vision_head_width=vision.get("head_width", HEAD_WIDTH),
        text_heads=text.get("heads"),
    )
    pixels = facts.get("preprocess_cfg", {})
    named = {"mean": "image_mean", "std": "image_std"}
    given: dict[str, Any] = {
        ours: tuple(pixels[name]) for name, ours in named.items() if name in pixels
    }
    return replace(config, **given)


def write_open_clip_config(config: ClipConfig) -> dict[str, Any]:
    """Return the ``open_clip_config.json`` of a CLIP of ours."""
    resnet = bool(config.vision_stages)
    width = 32 * config.vision_dim if resnet else config.vision_dim
    vision: dict[str, Any] = {
        "image_size": config.image_size,
        "layers": list(config.vision_stages) if resnet else config.vision_depth,
        "width": config.vision_dim,
        "head_width": width // config.vision_heads,
    }
    if not resnet:
        vision["patch_size"] = config.patch_size
    text = {
        "context_length": config.text_len,
        "vocab_size": config.text_vocab_size,
        "width": config.text_dim,
        "heads": config.text_heads,
        "layers": config.text_depth,
    }
    return {
        "model_cfg": {
            "embed_dim": config.embed_dim,
            "quick_gelu": config.activation == "quick_gelu",
            "vision_cfg": vision,
            "text_cfg": text,
        },
        "preprocess_cfg": {
            "size": [config.image_size] * 2,
            "mean": list(config.image_mean),
            "std": list(config.image_std),
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }


def _check_known(part: Mapping[str, Any], known: tuple[str, ...], source: Path) -> None:
    for name, value in part.items():
        if name in known or name in HARMLESS or value in NEUTRAL or (name, value) == MLP:
            continue
        raise ValueError(
            f"{source} asks for {name} {value!r}, which this CLIP does not have: only towers of "
            "the published kind can be read"
        )

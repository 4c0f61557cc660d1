"""CLIPModel of Hugging Face transformers at our sizes, with its own InfoNCE over the batch."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from torch import Tensor

from lit_dalle.models.clip_config import ClipConfig
from peers.loading import PeerMissing

PACKAGE = "transformers"
FORMS = ("eager", "sdpa")
"""Its ways of attention: which is faster is found by trying."""


def name() -> str:
    """Return the package and the version that is installed."""
    return f"{PACKAGE} {version(PACKAGE)}"


def build(config: ClipConfig, form: str) -> Any:
    """Make a CLIPModel with random weights.

    Args:
        config: Our config.
        form: One of ``FORMS``.

    Raises:
        PeerMissing: The package is not installed.
    """
    try:
        from transformers import AutoModel, CLIPConfig
    except ImportError as error:
        raise PeerMissing(PACKAGE) from error
    vision = {
        "hidden_size": config.vision_dim,
        "intermediate_size": 4 * config.vision_dim,
        "num_hidden_layers": config.vision_depth,
        "num_attention_heads": config.vision_heads,
        "image_size": config.image_size,
        "patch_size": config.patch_size,
    }
    text = {
        "vocab_size": config.text_vocab_size,
        "hidden_size": config.text_dim,
        "intermediate_size": 4 * config.text_dim,
        "num_hidden_layers": config.text_depth,
        "num_attention_heads": config.text_heads,
        "max_position_embeddings": config.text_len,
        "eos_token_id": config.eos_id,
        "bos_token_id": 1,
        "pad_token_id": 0,
    }
    shared = {"hidden_act": config.activation, "projection_dim": config.embed_dim}
    made = CLIPConfig(
        vision_config=vision | shared, text_config=text | shared, projection_dim=config.embed_dim
    )
    return AutoModel.from_config(made, attn_implementation=form)


def training_loss(net: Any, images: Tensor, text_tokens: Tensor) -> Callable[[], Tensor]:
    """Return its contrastive loss of a batch as a function without arguments."""
    return lambda: net(input_ids=text_tokens, pixel_values=images, return_loss=True).loss

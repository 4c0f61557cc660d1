"""The image processor of a Hugging Face folder: what our own preprocessing must agree with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL.Image import Resampling

from lit_dalle.models.clip_config import ClipConfig


def read_processor(settings: Mapping[str, Any], image_size: int, source: Path) -> None:
    """Check that pictures are shown as ours are: bicubic to the shorter side, centre, scaled.

    Args:
        settings: Content of ``preprocessor_config.json``; what is left out is as published.
        image_size: Side that the net reads.
        source: Where it comes from, for messages.

    Raises:
        ValueError: Pictures are prepared in another way; it is named.
    """
    crop = _side(settings.get("crop_size", image_size), "height")
    size = _side(settings.get("size", image_size), "shortest_edge")
    expected = {
        "resample": (settings.get("resample", Resampling.BICUBIC), Resampling.BICUBIC),
        "size": (size, image_size),
        "crop_size": (crop, image_size),
        "do_resize": (settings.get("do_resize", True), True),
        "do_center_crop": (settings.get("do_center_crop", True), True),
        "do_normalize": (settings.get("do_normalize", True), True),
    }
    for name, (found, ours) in expected.items():
        if found != ours:
            raise ValueError(
                f"{source} prepares pictures with {name} {found}, here it is {ours}: features "
                "would not be those of the original"
            )


def write_processor(config: ClipConfig) -> dict[str, Any]:
    """Return the ``preprocessor_config.json`` of a CLIP of ours."""
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": config.image_size},
        "resample": int(Resampling.BICUBIC),
        "do_center_crop": True,
        "crop_size": {"height": config.image_size, "width": config.image_size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "do_convert_rgb": True,
        "image_mean": list(config.image_mean),
        "image_std": list(config.image_std),
    }


def _side(value: Any, name: str) -> Any:
    return value.get(name, value) if isinstance(value, Mapping) else value

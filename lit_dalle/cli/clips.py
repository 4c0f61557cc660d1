"""What the commands that measure any CLIP have in common."""

from typing import Any, Literal

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.evaluation.zero_shot.measure import Reader
from lit_dalle.generation.clips import LoadedClip
from lit_dalle.generation.hardware import pick_dtype
from lit_dalle.models.clip import Clip

Precision = Literal["float32", "bfloat16", "auto"]


def dtype_of(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the type of the weights that a precision asks for on a device."""
    named = {"auto": pick_dtype(device), "bfloat16": torch.bfloat16}
    return named.get(precision, torch.float32)


def reader_of(clip: Clip, tokenizer: CaptionTokenizer) -> Reader:
    """Return a CLIP as the functions that measurements take."""
    device = clip.logit_scale.device
    return Reader(
        lambda images: clip.encode_image(images.to(device)),
        lambda captions: clip.encode_text(tokenizer.encode(captions, long="truncate").to(device)),
        clip.config.image_size,
    )


def pinned_clip(clip: LoadedClip, revision: str | None) -> dict[str, Any]:
    """What a result depends on: the net, and how pictures are shown to it."""
    config = clip.net.config
    return {
        "model": {
            "name": clip.name,
            "form": clip.form,
            "hash": clip.hash,
            "revision": revision,
        },
        "preprocessing": {
            "resize": f"shorter side {config.image_size}, bicubic",
            "crop": "centre",
            "mean": list(config.image_mean),
            "std": list(config.image_std),
        },
    }


def bar_of(name: str, total: int) -> Progress:
    """A bar on the error stream, of what has been encoded."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    bar.add_task(name, total=total)
    return bar

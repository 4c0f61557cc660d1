"""Where to run and in which number format, when the user leaves it to us."""

from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""Number formats by name; ``auto`` is not among them."""


def pick_device(name: str | torch.device | None = None) -> torch.device:
    """Return the named device, or for None and ``auto`` the GPU where there is one.

    Raises:
        ValueError: There is no such device here.
    """
    if name is None or name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"no device {name!r}: give auto, cpu or cuda") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"no device {device}: this machine has {torch.cuda.device_count()} GPUs")
    return device


def pick_dtype(device: torch.device) -> torch.dtype:
    """Return bf16 where the device computes in it (GPU, or CPU with AMX), else fp32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32

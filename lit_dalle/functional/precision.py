"""The number format that work is done in."""

import torch
from torch import Tensor


def working_dtype(x: Tensor) -> torch.dtype:
    """Return the autocast dtype of ``x``'s device where autocast is on, else the dtype of ``x``."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype

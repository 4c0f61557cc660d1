"""Encodes pictures slowly, so that a test can end the process on the way; encoders for tests.

python encoding_process.py PICTURES FOLDER
"""

import signal
import sys
import time

import torch

from lit_dalle.data import FolderSource
from lit_dalle.generation.encode_dataset import encode_dataset
from lit_dalle.generation.encode_parts import FrozenEncoder


class Grey:
    """A "dVAE" of 2×2 tokens: the mean brightness of each field; encoded batches are counted."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.calls = seconds, 0

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        time.sleep(self.seconds)
        self.calls += 1
        grey = images.mean(1, keepdim=True)
        return (torch.nn.functional.avg_pool2d(grey, 8) * 255).long().flatten(1)

    def frozen(self, name: str = "a") -> FrozenEncoder:
        return FrozenEncoder(lambda device: self, name, image_size=16, tokens=4, codebook_size=256)


def failing(device: torch.device) -> Grey:
    """Load with an error that is our own fault."""
    raise KeyError("a fault")


def killed(device: torch.device) -> Grey:
    """Load until the process is killed."""
    signal.raise_signal(signal.SIGKILL)
    return Grey()


if __name__ == "__main__":
    pictures = FolderSource(sys.argv[1], validation_share=0.0)
    settings = {"splits": ["train"], "batch_size": 2, "rows_per_part": 4}
    encode_dataset(pictures, Grey(0.2).frozen(), sys.argv[2], **settings)

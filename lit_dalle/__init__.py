"""DALL·E and CLIP in PyTorch Lightning: train, sample, rank and measure."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lit_dalle.generation.pipeline import DallePipeline

__version__ = "0.1.0"
__all__ = ["DallePipeline", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that ``lit-dalle --help`` is quick."""
    if name == "DallePipeline":
        from lit_dalle.generation.pipeline import DallePipeline

        return DallePipeline
    raise AttributeError(f"module 'lit_dalle' has no attribute {name!r}")

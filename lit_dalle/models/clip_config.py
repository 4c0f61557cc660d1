"""Sizes of a CLIP."""

from dataclasses import dataclass

from lit_dalle.models.layers import Activation

RESNET_STRIDE = 32
"""Pixels along one side of what a state of a ResNet's last stage stands for."""


@dataclass(frozen=True)
class ClipConfig:
    """Sizes of both towers; the defaults are ViT-B/32 ([C] table 20, [Q])."""

    image_size: int = 224
    """Side of the square pictures, in pixels."""
    patch_size: int = 32
    """Side of a patch of the transformer, in pixels; divides ``image_size``."""
    embed_dim: int = 512
    """Width of the shared feature space."""
    vision_dim: int = 768
    """Width of the image transformer; of a ResNet that of its first stage, a 32nd of its last."""
    vision_depth: int = 12
    """Blocks of the image transformer."""
    vision_heads: int = 12
    """Attention heads of the image transformer, or of the pooling of a ResNet; they divide the
    width there, ``vision_dim`` or 32 times as much."""
    vision_stages: tuple[int, ...] = ()
    """Bottlenecks in each of the four stages of a modified ResNet ([C] 2.4), 32 pixels to a state;
    none for a transformer."""
    text_vocab_size: int = 49408
    """Bound of the token ids, special ones included; small vocabularies fill it partly."""
    text_len: int = 77
    """Most tokens of a caption, [BOS] and [EOS] included."""
    eos_id: int = 49407
    """Id of [EOS], at whose first position the caption's feature is read."""
    text_dim: int = 512
    """Width of the text tower."""
    text_depth: int = 12
    """Blocks of the text tower."""
    text_heads: int = 8
    """Attention heads of the text tower; divide ``text_dim``."""
    activation: Activation = "quick_gelu"
    """Activation of the MLPs: ``quick_gelu`` in the released weights."""
    image_mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    """Mean of red, green and blue, taken off inside the net (pictures come in [0, 1])."""
    image_std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)
    """Standard deviation of red, green and blue, divided out inside the net."""

    def __post_init__(self) -> None:
        if self.vision_stages:
            self._check_stages()
        else:
            self._check_divides("image_size", "patch_size")
            self._check_divides("vision_dim", "vision_heads")
        self._check_divides("text_dim", "text_heads")
        if not 0 <= self.eos_id < self.text_vocab_size:
            raise ValueError(
                f"eos_id {self.eos_id} must lie below text_vocab_size {self.text_vocab_size}"
            )

    def _check_divides(self, whole: str, part: str) -> None:
        size, divisor = getattr(self, whole), getattr(self, part)
        if divisor < 1 or size % divisor:
            raise ValueError(f"{whole} {size} must be a multiple of {part} {divisor}")

    def _check_stages(self) -> None:
        """Raise ValueError where the sizes are none of a ResNet."""
        stages, size, width = self.vision_stages, self.image_size, 32 * self.vision_dim
        if len(stages) != 4 or min(stages) < 1:
            raise ValueError(f"vision_stages must be four numbers from 1, got {list(stages)}")
        if size % RESNET_STRIDE:
            raise ValueError(f"image_size {size} must be a multiple of {RESNET_STRIDE} in a ResNet")
        if self.vision_heads < 1 or width % self.vision_heads:
            raise ValueError(
                f"32 times vision_dim, {width}, must be a multiple of vision_heads "
                f"{self.vision_heads}"
            )

"""What CLIP's modified ResNet keeps for its backward pass, in bytes."""

from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.kept import Format
from lit_dalle.models.resnet import EXPANSION


def resnet_bytes(config: ClipConfig, form: Format) -> int:
    """Bytes that the tower keeps of one picture, its pixels left out.

    Kept are the inputs of convolutions, norms and pools; a norm's output is gone with its ReLU,
    whose result the next convolution keeps anyway.
    """
    width, side = config.vision_dim, config.image_size // 2
    stem = (2 * 2 * (width // 2) + 2 * width) * side**2
    side //= 2
    numbers, channels = stem + width * side**2, width
    for stage, blocks in enumerate(config.vision_stages):
        inner = width * 2**stage
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            numbers += _bottleneck(channels, inner, side, stride)
            channels, side = EXPANSION * inner, side // stride
    return form.work * (numbers + _pool(config, side))


def _bottleneck(channels: int, width: int, side: int, stride: int) -> int:
    """Numbers that a bottleneck keeps, its input left out."""
    out, small = EXPANSION * width, (side // stride) ** 2
    path = 4 * width * side**2 + (width * small if stride > 1 else 0) + 2 * out * small
    if stride == 1 and channels == out:
        return path
    return path + out * small + (channels * small if stride > 1 else 0)


def _pool(config: ClipConfig, side: int) -> int:
    """Numbers that attention pooling keeps: states, keys and values, one query and its shares."""
    dim, states = 32 * config.vision_dim, 1 + side**2
    return 3 * states * dim + 3 * dim + 2 * config.vision_heads * states

"""The sizes that the speed benchmark measures: prior, dVAE and CLIP, and how much of each."""

from dataclasses import dataclass

from lit_dalle.data.tokenizer import EOS_ID
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.dvae import DiscreteVAEConfig


@dataclass(frozen=True)
class Size:
    """One size of all three nets."""

    name: str
    """``XS`` is for tests of the benchmark itself."""
    dalle: DalleConfig
    """The prior, with the attention it is published with."""
    dvae: DiscreteVAEConfig
    """The dVAE, whose grid and codebook are the prior's."""
    clip: ClipConfig
    """CLIP."""
    training_batch: int
    """Rows of a training step of the prior on CPU."""
    training_batch_cuda: int
    """The same on a GPU."""
    dvae_batch: int
    """Pictures encoded or decoded together."""
    clip_batch: int
    """Pairs of a training step of CLIP."""
    candidates: tuple[int, ...] = (1, 64, 512)
    """Candidates of one prompt, in rising order: the memory of the last is then the peak."""
    sampling_seconds: float = 900
    """Seconds after which a run of sampling is stopped on a CPU."""
    also_causal: bool = False
    """Measure the prior with dense causal attention too."""
    prefix_text_len: int = 256
    """Text tokens where a shared prefix is held against separate prompts."""
    loader_rows: int = 0
    """Rows of the world that the loader's wait is measured on; 0 leaves it out."""
    attention_grids: tuple[int, ...] = ()
    """Grids at which sparse is held against dense-mask attention, by 256 text tokens."""

    def batch(self, device: str) -> int:
        """Rows of a training step of the prior on a device."""
        return self.training_batch if device == "cpu" else self.training_batch_cuda


XS = Size(
    "XS",
    DalleConfig(320, 32, text_len=8, image_grid=8, dim=32, depth=2, heads=2, conv_kernel=3),
    DiscreteVAEConfig(32, codebook_size=32, codebook_dim=8, hidden=8, widths=(1, 1, 2)),
    ClipConfig(
        image_size=16,
        patch_size=8,
        embed_dim=16,
        vision_dim=32,
        vision_depth=1,
        vision_heads=2,
        text_vocab_size=300,
        text_len=48,
        eos_id=EOS_ID,
        text_dim=32,
        text_depth=1,
        text_heads=2,
    ),
    training_batch=2,
    training_batch_cuda=2,
    dvae_batch=2,
    clip_batch=4,
    candidates=(1, 4, 8),
    also_causal=True,
    prefix_text_len=16,
    loader_rows=32,
    attention_grids=(4, 8),
)
S = Size(
    "S",
    DalleConfig(2048, 1024, text_len=32, image_grid=16, dim=256, depth=8, heads=8),
    DiscreteVAEConfig(128, codebook_size=1024, hidden=64, widths=(1, 2, 4), patch=2),
    ClipConfig(
        image_size=64,
        patch_size=8,
        embed_dim=128,
        vision_dim=192,
        vision_depth=4,
        vision_heads=3,
        text_vocab_size=1024,
        text_len=40,
        eos_id=EOS_ID,
        text_dim=128,
        text_depth=3,
        text_heads=2,
        activation="gelu",
    ),
    training_batch=16,
    training_batch_cuda=256,
    dvae_batch=32,
    clip_batch=256,
    also_causal=True,
    loader_rows=4096,
)
M = Size(
    "M",
    DalleConfig(16384, 8192, text_len=64, image_grid=32, dim=512, depth=12, heads=8),
    DiscreteVAEConfig(),
    ClipConfig(eos_id=EOS_ID),
    training_batch=8,
    training_batch_cuda=64,
    dvae_batch=4,
    clip_batch=32,
    attention_grids=(16, 32, 64),
)
L = Size(
    "L",
    DalleConfig(16384, 8192, text_len=256, image_grid=32, dim=1024, depth=24, heads=16),
    DiscreteVAEConfig(),
    ClipConfig(eos_id=EOS_ID),
    training_batch=1,
    training_batch_cuda=32,
    dvae_batch=4,
    clip_batch=32,
    sampling_seconds=60,
)
SIZES = {size.name: size for size in (XS, S, M, L)}

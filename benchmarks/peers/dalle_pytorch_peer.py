"""DALLE-pytorch 1.6.6 at our sizes: training loss, and sampling as far as it gets in a time.

Width, depth, heads, head width, vocabularies and stream length are ours; the rest (a gated MLP,
rotary positions, shifted tokens) is its own default.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from speed.clock import now
from torch import Tensor, nn

from lit_dalle.models.dalle_config import DalleConfig
from peers.loading import PeerMissing, stand_ins

NAME = "dalle-pytorch 1.6.6"
ATTENTION_FORMS = ("full", "sparse")
"""``full``: every layer sees all before; ``sparse``: its own row, column and convolution layers."""
ALIKE = {"causal": "full", "published": "sparse"}
"""Its form for each of our kinds of attention."""
KINDS = {"causal": "full", "row": "axial_row", "column": "axial_col", "convolutional": "conv_like"}
"""Its word for each kind of layer."""
DVAE_WIDTH = 8
"""Width of the small dVAE that it wants to hold; it takes no part in what is measured."""


@dataclass(frozen=True)
class SamplingForm:
    """A way of calling its sampler."""

    cached: bool
    """Its ``generate_images(use_cache=True)`` hands the cache on only under guidance and computes
    the whole stream anew for each token; True mends that, which is not how it ships."""
    attention: str
    """One of ``ATTENTION_FORMS``."""
    batch: int
    """Pictures drawn together."""
    dtype: torch.dtype
    """Type of its weights."""

    @property
    def case(self) -> dict[str, Any]:
        """The form as part of a row's case."""
        return {
            "peer_form": CACHED if self.cached else AS_SHIPPED,
            "peer_attention": self.attention,
            "peer_precision": str(self.dtype).removeprefix("torch."),
            "peer_batch": self.batch,
        }


AS_SHIPPED, CACHED = "as shipped", "cache mended"
FORMS = (
    *[SamplingForm(False, "full", batch, torch.float32) for batch in (1, 16)],
    *[SamplingForm(True, "full", batch, torch.float32) for batch in (1, 16)],
    SamplingForm(True, "full", 16, torch.bfloat16),
    SamplingForm(True, "sparse", 16, torch.float32),
)
"""Forms that are tried: none is known to be the fastest everywhere."""
SEGMENTS = 8
"""Places of a picture at which it is timed where no cache makes one position depend on others."""


def _no_decorator(function: Any) -> Any:
    return function


STAND_INS: dict[str, dict[str, Any]] = {
    "pkg_resources": {"get_distribution": None},
    "youtokentome": {},  # its tokenizer
    "requests": {},
    "pytorch_lightning.utilities.distributed": {"rank_zero_only": _no_decorator},
    "torchvision": {"models": None, "utils": None, "transforms": None},
}
"""Modules that its import asks for; nothing measured here calls them."""


def load() -> Any:
    """Import the package.

    Raises:
        PeerMissing: It is not installed.
    """
    try:
        with stand_ins(STAND_INS):
            return importlib.import_module("dalle_pytorch")
    except ModuleNotFoundError as error:
        raise PeerMissing(NAME) from error


def build(config: DalleConfig, attention: str, *, cached: bool = False) -> Any:
    """Make its net at our size; its text length leaves out the [BOS] that it adds itself.

    Args:
        config: Our config, with the published attention.
        attention: One of ``ATTENTION_FORMS``.
        cached: For sampling: hand the cache on, and use what of its layers can use it.

    Raises:
        PeerMissing: It is not installed.
    """
    package = load()
    dvae = package.DiscreteVAE(
        image_size=2 * config.image_grid,
        num_tokens=config.codebook_size,
        codebook_dim=DVAE_WIDTH,
        num_layers=1,
        hidden_dim=DVAE_WIDTH,
    )
    kinds = config.kinds if attention == "sparse" else ("causal",)
    made = _caching(package.DALLE) if cached else package.DALLE
    return made(
        dim=config.dim,
        vae=dvae,
        num_text_tokens=config.text_vocab_size,
        text_seq_len=config.text_len - 1,
        depth=config.depth,
        heads=config.heads,
        dim_head=config.head_width,
        attn_types=tuple(KINDS[kind] for kind in kinds),
        optimize_for_inference=cached,
    )


def training_loss(net: Any, text_tokens: Tensor, image_tokens: Tensor) -> Callable[[], Tensor]:
    """Return its training loss of a batch in our form, as a function without arguments."""
    text = text_tokens[:, 1:]
    return lambda: net(text, image_tokens, return_loss=True)


def sample(
    config: DalleConfig, form: SamplingForm, text_tokens: Tensor, seconds: float, device: str
) -> tuple[int, float]:
    """Draw pictures for a time.

    With a cache it draws from position 0 on. Without, it begins at evenly spaced positions, behind
    a known start of the picture, so that early, cheap positions do not stand for all.

    Args:
        config: Our config.
        form: How to call it.
        text_tokens: One prompt in our form, ``1 text_len``.
        seconds: Time after which it is stopped.
        device: Where.

    Returns:
        Positions drawn, and the mean seconds of one.

    Raises:
        PeerMissing: It is not installed.
    """
    net = build(config, form.attention, cached=form.cached).to(device, form.dtype).eval()
    text = text_tokens[:, 1:].expand(form.batch, -1).contiguous()
    side = net.vae.image_size
    pictures = torch.rand(form.batch, 3, side, side, device=device, dtype=form.dtype)
    count = 1 if form.cached else min(SEGMENTS, config.image_len)
    starts = [config.image_len * segment // count for segment in range(count)]
    drawn, means = 0, []
    for start in starts:
        with torch.inference_mode(), _stopping(net, seconds / count, device) as ends:
            begin = now(device)
            net.generate_images(text, img=pictures, num_init_img_tokens=start, use_cache=True)
        drawn += len(ends)
        means.append((ends[-1] - begin) / len(ends))
    return drawn, sum(means) / count


class _TimeIsUp(Exception):  # noqa: N818
    """Leaves the peer's sampling loop."""


@contextmanager
def _stopping(net: nn.Module, seconds: float, device: str) -> Iterator[list[float]]:
    """Note when each call of the net ends, and leave its loop when the time is up."""
    ends: list[float] = []
    begin = now(device)

    def note(*_: Any) -> None:
        ends.append(now(device))
        if ends[-1] - begin > seconds:
            raise _TimeIsUp

    handle = net.register_forward_hook(note)
    try:
        yield ends
    except _TimeIsUp:
        pass
    finally:
        handle.remove()


def _caching(net: Any) -> Any:
    """Its class with the cache handed on where there is no guidance, as the caller asked for."""

    class Caching(net):
        def forward_with_cond_scale(self, *tokens: Any, cond_scale: float, cache: Any) -> Any:
            return self(*tokens, cache=cache)

    return Caching

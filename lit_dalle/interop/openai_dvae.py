"""OpenAI's released dVAE, ``encoder.pkl`` and ``decoder.pkl``, in and out."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from lit_dalle.interop.archives import StandIn, read_archive, tensors_of
from lit_dalle.interop.matches import Match, Names, into_ours, into_theirs
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig

HALVES = ("encoder", "decoder")
MODULES = ("dall_e.encoder", "dall_e.decoder", "dall_e.utils")
"""Where the classes of the released files are; an empty object stands in for each."""
PARTS = {
    "torch.nn.modules.container": ("Sequential",),
    "torch.nn.modules.activation": ("ReLU",),
    "torch.nn.modules.pooling": ("MaxPool2d",),
    "torch.nn.modules.upsampling": ("Upsample",),
    "torch.nn.modules.linear": ("Identity",),
    "torch": ("device",),
}
"""Classes of torch that the files name; likewise."""


def read_openai_dvae(folder: str | Path, image_size: int = 256) -> DiscreteVAE:
    """Read the dVAE from the folder of its two files, pickled modules or their states.

    Nothing in the files is run, see :mod:`lit_dalle.interop.archives`.

    Args:
        folder: Where ``encoder.pkl`` and ``decoder.pkl`` are.
        image_size: Side of the pictures it will be given; the net reads any.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: A file is corrupt, names what it must not, or holds another net.
    """
    folder = Path(folder)
    weights: dict[str, Tensor] = {}
    for half in HALVES:
        read = tensors_of(read_archive(folder / f"{half}.pkl", _stand_in))
        weights |= {f"{half}.{name}": value for name, value in read.items()}
    config = _config(weights, folder, image_size)
    net = DiscreteVAE(config)
    net.load_state_dict(into_ours(openai_dvae_names(config), weights, folder))
    return net.eval().requires_grad_(False)


def openai_dvae_states(net: DiscreteVAE) -> dict[str, dict[str, Tensor]]:
    """Return the states of ``dall_e.Encoder`` and ``dall_e.Decoder``, by half.

    Raises:
        ValueError: The net is not of the published shape.
    """
    _check_published(net.config)
    weights = into_theirs(openai_dvae_names(net.config), net.state_dict())
    return {
        half: {
            name.removeprefix(f"{half}."): value
            for name, value in weights.items()
            if name.startswith(half)
        }
        for half in HALVES
    }


def openai_dvae_names(config: DiscreteVAEConfig) -> Names:
    """Match our weights with those of both halves of the released code."""
    found = [
        *_conv("encoder.body.input", "encoder.blocks.input"),
        *_conv("encoder.output", "encoder.blocks.output.conv"),
        *_conv("decoder.codebook", "decoder.blocks.input"),
        *_conv("decoder.body.output", "decoder.blocks.output.conv"),
    ]
    widths = {"encoder": config.widths, "decoder": tuple(reversed(config.widths))}
    for half, own_widths in widths.items():
        before = config.hidden * own_widths[0] if half == "encoder" else config.codebook_dim
        for group, width in enumerate(own_widths, start=1):
            for block in range(1, config.blocks_per_group + 1):
                own = f"{half}.body.group_{group}.block_{block}"
                other = f"{half}.blocks.group_{group}.block_{block}"
                for number in range(1, 5):
                    found += _conv(f"{own}.path.conv_{number}", f"{other}.res_path.conv_{number}")
                if before != config.hidden * width:
                    found += _conv(f"{own}.identity", f"{other}.id_path")
                before = config.hidden * width
    return found


def _conv(ours: str, theirs: str) -> list[Match]:
    return [Match(f"{ours}.weight", (f"{theirs}.w",)), Match(f"{ours}.bias", (f"{theirs}.b",))]


def _config(weights: Mapping[str, Tensor], folder: Path, image_size: int) -> DiscreteVAEConfig:
    """Read the sizes off the shapes."""
    try:
        hidden, _, kernel, _ = weights["encoder.blocks.input.w"].shape
        codebook_dim, codebook_size, _, _ = weights["decoder.blocks.input.w"].shape
        groups = _numbers(weights, "encoder.blocks.group_")
        widths = tuple(
            weights[f"encoder.blocks.group_{group}.block_1.res_path.conv_4.w"].shape[0] // hidden
            for group in groups
        )
        blocks = len(_numbers(weights, "encoder.blocks.group_1.block_"))
    except (KeyError, ValueError) as error:
        raise ValueError(f"{folder} holds no dVAE of OpenAI's: it lacks {error}") from error
    return DiscreteVAEConfig(
        image_size=image_size,
        codebook_size=codebook_size,
        codebook_dim=codebook_dim,
        hidden=hidden,
        widths=widths,
        blocks_per_group=blocks,
        input_kernel=kernel,
    )


def _numbers(weights: Mapping[str, Tensor], prefix: str) -> list[int]:
    found = {name[len(prefix) :].partition(".")[0] for name in weights if name.startswith(prefix)}
    return sorted(int(number) for number in found)


def _check_published(config: DiscreteVAEConfig) -> None:
    """Raise ValueError where the released code has no place for a setting."""
    own = (config.patch, config.quantizer, config.feature_norm, config.post_gain)
    published = (1, "gumbel", False, None)
    for name, ours, theirs in zip(
        ("patch", "quantizer", "feature_norm", "post_gain"), own, published, strict=True
    ):
        if ours != theirs:
            raise ValueError(
                f"OpenAI's form has no {name} {ours}, only {theirs}: this dVAE has no such form"
            )


def _stand_in(module: str, name: str) -> type | None:
    return StandIn if module in MODULES or name in PARTS.get(module, ()) else None


def write_openai_dvae(net: DiscreteVAE, folder: str | Path) -> None:
    """Write the states as ``encoder.pkl`` and ``decoder.pkl``.

    They are states, not pickled modules: ``dall_e.Encoder().load_state_dict(torch.load(file))``.
    """
    for half, state in openai_dvae_states(net).items():
        torch.save(state, Path(folder) / f"{half}.pkl")

"""Trained nets in and out of folders: config.json, model.safetensors, tokenizer.json and its words.

Nets know nothing of files; this is the one place that does. A folder is written whole or not at
all, and read with one-line errors that say what is wrong with it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints, overload

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lit_dalle.data.shipped import own_or_shipped
from lit_dalle.data.tokenizer import TOKENIZER_FILE, CaptionTokenizer
from lit_dalle.data.writing import read_json, whole_folder, write_json
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig
from lit_dalle.models.resnet import ResNet, ResNetConfig

FORMAT = 1
"""Layout of the folder; a reader refuses a larger number than its own."""
CONFIG, WEIGHTS = "config.json", "model.safetensors"

Kind = Literal["dvae", "dalle", "clip", "resnet"]
READERS: tuple[Kind, ...] = ("dalle", "clip")
"""Kinds that read text, and so have a tokenizer."""


@dataclass(frozen=True)
class NetKind:
    """The class of a net and that of its config."""

    net: type[nn.Module]
    config: type[Any]


NETS: dict[Kind, NetKind] = {
    "dvae": NetKind(DiscreteVAE, DiscreteVAEConfig),
    "dalle": NetKind(Dalle, DalleConfig),
    "clip": NetKind(Clip, ClipConfig),
    "resnet": NetKind(ResNet, ResNetConfig),
}


def net_folder(name: str | Path) -> Path:
    """Return the folder of an exported net: that of a name such as ``emoji/dvae`` where it ships.

    Args:
        name: A folder, or PIPELINE/PART of what comes with the package; a folder that is there
            wins.
    """
    return own_or_shipped(name, CONFIG)


def save_model(
    net: nn.Module,
    folder: str | Path,
    *,
    tokenizer: CaptionTokenizer | None = None,
    extra: Mapping[str, Any] | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a net as a folder, whole or not at all; an earlier export there is replaced.

    Args:
        net: A ``DiscreteVAE``, ``Dalle`` or ``Clip``.
        folder: Where to; missing parents are made.
        tokenizer: The net's tokenizer, with its words, for nets that read text.
        extra: Facts kept in ``config.json`` beside the config, such as the ``dvae_hash`` of the
            dVAE that a prior was trained with. They do not count in the folder's hash.
        dtype: Stored type of the floating weights with two or more dimensions; gains, biases and
            scalars stay in fp32. Default: fp32 throughout.

    Raises:
        ValueError: The net is of no kind that can be exported, or the folder holds something else.
    """
    write_model(
        folder,
        kind_of(net),
        plain_config(net),
        net.state_dict(),
        tokenizer=tokenizer,
        extra=extra,
        dtype=dtype,
    )


def write_model(
    folder: str | Path,
    kind: Kind,
    config: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    *,
    tokenizer: CaptionTokenizer | None = None,
    extra: Mapping[str, Any] | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Write the parts of a net as a folder; arguments as in :func:`save_model`."""
    facts: dict[str, Any] = {"kind": kind, "format": FORMAT, "config": dict(config)}
    if extra:
        facts["extra"] = dict(extra)
    stored = {name: _stored(value, dtype) for name, value in weights.items()}
    with whole_folder(folder, marker=CONFIG) as part:
        write_json(part / CONFIG, facts)
        save_file(stored, part / WEIGHTS, metadata={"format": "pt"})
        if tokenizer is not None:
            tokenizer.save(part / TOKENIZER_FILE)


@overload
def load_model(
    folder: str | Path,
    *,
    kind: Literal["dvae"],
    device: torch.device | str = ...,
    dtype: torch.dtype | None = ...,
) -> DiscreteVAE: ...
@overload
def load_model(
    folder: str | Path,
    *,
    kind: Literal["dalle"],
    device: torch.device | str = ...,
    dtype: torch.dtype | None = ...,
) -> Dalle: ...
@overload
def load_model(
    folder: str | Path,
    *,
    kind: Literal["clip"],
    device: torch.device | str = ...,
    dtype: torch.dtype | None = ...,
) -> Clip: ...
@overload
def load_model(
    folder: str | Path,
    *,
    kind: Literal["resnet"],
    device: torch.device | str = ...,
    dtype: torch.dtype | None = ...,
) -> ResNet: ...
@overload
def load_model(
    folder: str | Path,
    *,
    kind: None = ...,
    device: torch.device | str = ...,
    dtype: torch.dtype | None = ...,
) -> nn.Module: ...
def load_model(
    folder: str | Path,
    *,
    kind: Kind | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> nn.Module:
    """Read a net from a folder: in evaluation mode, without gradients.

    Args:
        folder: An exported net.
        kind: The kind that is needed; None takes any.
        device: Where the weights go.
        dtype: Type of the floating weights; default fp32, whatever they are stored in.

    Raises:
        FileNotFoundError: No such folder, or one of its files is missing.
        ValueError: Not an exported net, of another kind, corrupt, or weights and config differ.
    """
    folder = net_folder(folder)
    found_kind, config = load_config(folder, kind)
    weights = _read_weights(folder / WEIGHTS, dtype or torch.float32)
    net = _net_with(NETS[found_kind].net, config, weights, folder)
    return net.to(device).eval().requires_grad_(False)


def load_tokenizer(folder: str | Path) -> CaptionTokenizer:
    """Read the tokenizer of an exported net, with the words seen in its training.

    Raises:
        FileNotFoundError: No such folder, or no tokenizer in it.
        ValueError: The tokenizer cannot be read.
    """
    folder = net_folder(folder)
    read_config(folder)
    if not (folder / TOKENIZER_FILE).is_file():
        raise FileNotFoundError(
            f"{folder} has no {TOKENIZER_FILE}: export the net with its tokenizer"
        )
    return CaptionTokenizer.load(folder / TOKENIZER_FILE)


def read_config(folder: str | Path) -> dict[str, Any]:
    """Read the ``config.json`` of an exported net: kind, format, config and extra facts.

    Raises:
        FileNotFoundError: No such folder.
        ValueError: The folder is not an exported net, or was written by a newer version.
    """
    folder = net_folder(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder}: give the folder of an exported net")
    if not (folder / CONFIG).is_file():
        raise ValueError(f"{folder} is not an exported net: it has no {CONFIG}")
    found = read_json(folder / CONFIG)
    kind, layout = found.get("kind"), found.get("format")
    if kind not in NETS or not isinstance(found.get("config"), dict):
        kinds = ", ".join(NETS)
        raise ValueError(f"{folder / CONFIG} is of kind {kind!r}; it must be one of {kinds}")
    if not isinstance(layout, int) or layout > FORMAT:
        raise ValueError(
            f"{folder / CONFIG} has format {layout}, this version reads up to {FORMAT}: "
            "update lit-dalle"
        )
    return found


def load_config(folder: str | Path, kind: Kind | None = None) -> tuple[Kind, Any]:
    """Read the kind of an exported net and its config as a dataclass.

    Raises:
        FileNotFoundError: No such folder.
        ValueError: Not an exported net, of another kind than asked for, or with unknown fields.
    """
    found = read_config(folder)
    found_kind: Kind = found["kind"]
    if kind is not None and found_kind != kind:
        raise ValueError(f"{folder} holds a {found_kind}, a {kind} is needed here")
    path = net_folder(folder) / CONFIG
    return found_kind, build_config(NETS[found_kind].config, found["config"], path)


def exported_kind(folder: str | Path) -> Kind | None:
    """Return the kind of an exported net of ours; None where a folder holds something else."""
    path = net_folder(folder) / CONFIG
    kind = read_json(path).get("kind") if path.is_file() else None
    return kind if kind in NETS else None


def folder_hash(folder: str | Path) -> str:
    """SHA-256 over the config and the weights of an exported net, in hexadecimal.

    Tokenizer, words and extra facts do not count: the hash says which function the net computes.

    Raises:
        FileNotFoundError: The folder or its weights are missing.
        ValueError: The folder is not an exported net.
    """
    folder = net_folder(folder)
    found = read_config(folder)
    if not (folder / WEIGHTS).is_file():
        raise FileNotFoundError(f"{folder} has no {WEIGHTS}: export the net again")
    config = json.dumps([found["kind"], found["config"]], sort_keys=True)
    digest = hashlib.sha256(config.encode())
    with (folder / WEIGHTS).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def tokens_hash(folder: str | Path) -> str:
    """SHA-256 over what of an exported dVAE makes image tokens, in hexadecimal.

    That is its config, its encoder and its codes: two dVAEs that differ in their decoders alone
    mean the same by a token, so what was trained on the tokens of one can draw with the other.

    Raises:
        FileNotFoundError: The folder or its weights are missing.
        ValueError: The folder is not an exported dVAE, or its weights are corrupt.
    """
    folder = net_folder(folder)
    _, config = load_config(folder, "dvae")
    weights = _read_weights(folder / WEIGHTS, torch.float32)
    digest = hashlib.sha256(json.dumps(asdict(config), sort_keys=True).encode())
    for name in sorted(weights):
        if not name.startswith("decoder."):
            digest.update(name.encode())
            digest.update(weights[name].numpy().tobytes())
    return digest.hexdigest()


def kind_of(net: nn.Module) -> Kind:
    """Return the kind under which a net is exported.

    Raises:
        ValueError: The net is none of ours.
    """
    if isinstance(net, DiscreteVAE):
        return "dvae"
    if isinstance(net, Dalle):
        return "dalle"
    if isinstance(net, Clip):
        return "clip"
    if isinstance(net, ResNet):
        return "resnet"
    known = ", ".join(entry.net.__name__ for entry in NETS.values())
    raise ValueError(f"a {type(net).__name__} cannot be exported; these can: {known}")


def plain_config(net: nn.Module) -> dict[str, Any]:
    """Return the config of a net of ours as a plain dict."""
    config: Any = net.config
    return asdict(config)


def _stored(value: Tensor, dtype: torch.dtype | None) -> Tensor:
    """Copy of a weight on the CPU, in the type it is stored in."""
    if value.is_floating_point():
        stored = dtype if dtype is not None and value.ndim >= 2 else torch.float32
        value = value.to(stored)
    return value.detach().to("cpu", copy=True).contiguous()


def build_config(cls: type[Any], values: Mapping[str, Any], path: Path) -> Any:
    """Build a config dataclass, with those nested in it, from what JSON gives back."""
    types = get_type_hints(cls)
    names = {field.name for field in fields(cls)}
    if unknown := sorted(set(values) - names):
        raise ValueError(f"{path} has {', '.join(unknown)}, which {cls.__name__} does not know")
    needed = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}
    if missing := sorted(needed - set(values)):
        raise ValueError(f"{path} lacks {', '.join(missing)} of {cls.__name__}")
    built = {name: _built_value(types[name], value, path) for name, value in values.items()}
    return cls(**built)


def _built_value(kind: Any, value: Any, path: Path) -> Any:
    if isinstance(kind, type) and is_dataclass(kind) and isinstance(value, Mapping):
        return build_config(kind, value, path)
    if isinstance(value, list):
        return tuple(_built_value(None, item, path) for item in value)
    return value


def _read_weights(path: Path, dtype: torch.dtype) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} has no {path.name}: export the net again")
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is corrupt ({error}): export the net again") from error
    return {
        name: value.to(dtype) if value.is_floating_point() else value
        for name, value in weights.items()
    }


def _net_with(
    cls: type[nn.Module], config: Any, weights: dict[str, Tensor], source: Path
) -> nn.Module:
    """Build the net around given weights; the global random state stays as it is."""
    with torch.device("meta"):
        net = cls(config)
    check_fit(net.state_dict(), weights, source)
    net.load_state_dict(weights, assign=True)
    if any(buffer.is_meta for buffer in net.buffers()):  # constants that are not among the weights
        with torch.random.fork_rng(devices=[]):
            net = cls(config)
        net.load_state_dict(weights, assign=True)
    return net


def check_fit(expected: Mapping[str, Tensor], weights: Mapping[str, Tensor], source: Path) -> None:
    """Compare the weights in a file with those of the net that its config describes.

    Raises:
        ValueError: A weight is missing, has another shape, or is one too many; it is named.
    """
    for name, value in expected.items():
        if name not in weights:
            raise ValueError(f"{source} lacks the weight {name}, which its config asks for")
        if weights[name].shape != value.shape:
            raise ValueError(
                f"{source}: weight {name} has shape {tuple(weights[name].shape)}, "
                f"its config asks for {tuple(value.shape)}"
            )
    if surplus := sorted(set(weights) - set(expected)):
        raise ValueError(f"{source} has a weight {surplus[0]}, which its config does not ask for")

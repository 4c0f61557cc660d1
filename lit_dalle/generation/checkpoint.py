"""From a training checkpoint to an exported net, without the training code."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.generation.export import NETS, READERS, Kind, build_config, check_fit, write_model

PREFIX = "net."
"""Where our LightningModules keep the net's weights."""
AVERAGED, CURRENT = "state_dict", "current_model_state"
"""Keys of a checkpoint: Lightning's weight averaging puts the averaged weights in the usual place
and those of the last update under a key of its own, which is absent without averaging."""


def export_checkpoint(
    checkpoint: str | Path,
    folder: str | Path,
    *,
    ema: bool = True,
    dtype: torch.dtype | None = None,
) -> Kind:
    """Write the net in a Lightning ``.ckpt`` as a folder, whole or not at all.

    Args:
        checkpoint: Checkpoint of ``LitDiscreteVAE``, ``LitDalle`` or ``LitClip``.
        folder: Where to; an earlier export there is replaced.
        ema: Take the averaged weights where the run kept an average; False takes those of the last
            update. Without an average there is one set, and it is taken.
        dtype: Stored type of the matrices, see :func:`~lit_dalle.generation.export.save_model`.

    Returns:
        The kind of net that was exported.

    Raises:
        FileNotFoundError: No such checkpoint.
        ValueError: The file is corrupt, no checkpoint of ours, or lacks the tokenizer.
    """
    path = Path(checkpoint)
    state = read_checkpoint(path)
    config = state["hyper_parameters"]["config"]
    kind = _kind(config, path)
    weights = _net_weights(state[AVERAGED if ema or CURRENT not in state else CURRENT])
    with torch.device("meta"):
        expected = NETS[kind].net(build_config(NETS[kind].config, config, path)).state_dict()
    check_fit(expected, weights, path)
    tokenizer = _tokenizer(state, path) if kind in READERS else None
    extra = {name: state[name] for name in ("dvae_hash", "classes") if state.get(name)}
    write_model(folder, kind, config, weights, tokenizer=tokenizer, extra=extra, dtype=dtype)
    return kind


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint of one of our LightningModules, data only and on the CPU.

    Raises:
        FileNotFoundError: No such file.
        ValueError: The file is corrupt, or something else.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint {path}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is corrupt or no checkpoint: it is not a whole zip archive")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, KeyError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(f"{path} is corrupt or no checkpoint: {reason}") from error
    known = isinstance(state, dict) and AVERAGED in state
    if not known or not isinstance(state.get("hyper_parameters", {}).get("config"), Mapping):
        raise ValueError(f"{path} is no checkpoint of a net of ours: it has no config and weights")
    return state


def _kind(config: Mapping[str, Any], path: Path) -> Kind:
    """Tell by the names of its fields which net a config describes."""
    for kind, entry in NETS.items():
        if set(config) == set(entry.config.__dataclass_fields__):
            return kind
    fields = ", ".join(sorted(config))
    raise ValueError(f"{path}: the fields of its config are those of no net we know: {fields}")


def _net_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(PREFIX): value for name, value in state.items() if name.startswith(PREFIX)
    }


def _tokenizer(state: Mapping[str, Any], path: Path) -> CaptionTokenizer:
    """Find the tokenizer in the state that the data module left in the checkpoint."""
    for part in state.values():
        if isinstance(part, Mapping) and isinstance(part.get("tokenizer"), str):
            return CaptionTokenizer.from_json(part["tokenizer"], part.get("words", ()))
    raise ValueError(f"{path} holds no tokenizer: train with a data module that has one")

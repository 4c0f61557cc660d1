"""Any CLIP by name: a part of a pipeline, an export of ours, or one of others."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from lit_dalle.data.shipped import PRETRAINED
from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.generation.export import exported_kind, folder_hash, load_model, load_tokenizer
from lit_dalle.generation.hub import PIPELINE, shipped_clips
from lit_dalle.generation.joining import CLIP
from lit_dalle.interop.clip_forms import HUB_FILES, form_of, read_clip
from lit_dalle.interop.hub import download, is_hub_id
from lit_dalle.models.clip import Clip


@dataclass(frozen=True)
class LoadedClip:
    """A CLIP ready to encode, and where it is from."""

    net: Clip
    """In evaluation mode, without gradients."""
    tokenizer: CaptionTokenizer
    """Framed to its text length, with [EOS]."""
    name: str
    """As it was asked for."""
    form: str
    """``lit_dalle``, ``huggingface``, ``openai`` or ``open_clip``."""
    hash: str
    """SHA-256 of config and weights (ours) or of all weights in fp32 (others), hexadecimal."""


def find_clip(name: str | Path, revision: str | None = None) -> Path:
    """Return the folder or file of a CLIP; one on the hub is downloaded.

    Args:
        name: A shipped name (``world``, ``emoji``), a folder or file, or a hub id ``owner/name``.
            Shipped names win over folders unless there is a slash. Of a pipeline its CLIP is taken.
        revision: Branch, tag or commit on the hub.

    Raises:
        FileNotFoundError: There is nothing of that name, or the hub does not give it.
    """
    if str(name) in shipped_clips():
        return PRETRAINED / str(name) / CLIP
    path = Path(name).expanduser()
    if not path.exists() and is_hub_id(str(name)):
        path = download(str(name), revision, (*HUB_FILES, PIPELINE, f"{CLIP}/*"))
    if not path.exists():
        raise FileNotFoundError(
            f"no CLIP {name}: there is no such folder or file, and it is no hub id (owner/name); "
            f"shipped are: {', '.join(shipped_clips()) or 'none'}"
        )
    return path / CLIP if (path / PIPELINE).is_file() else path


def load_clip(
    name: str | Path,
    *,
    revision: str | None = None,
    tokenizer: str | Path | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
) -> LoadedClip:
    """Load a CLIP in whatever form it is.

    Args:
        name: As in :func:`find_clip`.
        revision: Branch, tag or commit on the hub.
        tokenizer: Where the BPE is, for forms that lack it.
        device: Where the net goes.
        dtype: Type of its weights; default fp32.

    Raises:
        FileNotFoundError: There is nothing of that name, or a part is missing.
        ValueError: It cannot be read as a CLIP.
    """
    path = find_clip(name, revision)
    if exported_kind(path) is not None:
        net = load_model(path, kind="clip", device=device, dtype=dtype)
        return LoadedClip(net, load_tokenizer(path), str(name), "lit_dalle", folder_hash(path))
    if form_of(path) is None:
        raise ValueError(f"{path} holds no CLIP: neither ours nor a form of others")
    found = read_clip(path, tokenizer)
    digest = _weights_hash(found.net)
    net = found.net.to(device=device, dtype=dtype)
    return LoadedClip(net, found.tokenizer, str(name), found.form, digest)


def _weights_hash(net: Clip) -> str:
    digest = hashlib.sha256(repr(net.config).encode())
    for name, value in sorted(net.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()

"""CLIPs of others, whatever form they come in: Hugging Face, OpenAI, open_clip."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lit_dalle.data.tokenizer import TOKENIZER_FILE, CaptionTokenizer
from lit_dalle.interop.archives import StandIn, is_torchscript, read_archive, tensors_of
from lit_dalle.interop.clip_tokenizer import BPE_FILE, read_bpe_file, read_tokenizer_folder
from lit_dalle.interop.huggingface_clip import (
    IGNORED,
    LEGACY_EOS,
    huggingface_names,
    read_huggingface_config,
    write_huggingface_config,
)
from lit_dalle.interop.matches import Names, into_ours, into_theirs
from lit_dalle.interop.open_clip_config import read_open_clip_config, write_open_clip_config
from lit_dalle.interop.openai_clip import FACTS, check_openai_sizes, openai_config, openai_names
from lit_dalle.interop.preprocessing import read_processor, write_processor
from lit_dalle.interop.swapping import Pair, swapped_tokenizer, swapped_weights
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig

Form = Literal["huggingface", "openai", "open_clip"]
CONFIG, OPEN_CLIP_CONFIG = "config.json", "open_clip_config.json"
PROCESSOR = "preprocessor_config.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
OPEN_CLIP_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
STATE = "model.pt"
"""File of OpenAI's form as we write it."""
HUB_FILES = (
    *(CONFIG, OPEN_CLIP_CONFIG, PROCESSOR, TOKENIZER_FILE, "vocab.json", "merges.txt"),
    *("model*.safetensors", INDEX, *OPEN_CLIP_WEIGHTS),
)
"""What is read of a folder on the hub."""
NOTE = "lit_dalle"
"""Key of our own facts in a Hugging Face config."""


@dataclass(frozen=True)
class ForeignClip:
    """A CLIP of others as ours."""

    net: Clip
    """In evaluation mode, fp32, without gradients."""
    tokenizer: CaptionTokenizer
    """Framed to the net's text length, with [EOS]."""
    form: Form
    """The form it came in."""


def form_of(path: Path) -> Form | None:
    """Return the form of what is at a path; None where it is no CLIP of others."""
    if path.is_dir():
        if (path / OPEN_CLIP_CONFIG).is_file():
            return "open_clip"
        config = _json(path / CONFIG) if (path / CONFIG).is_file() else {}
        return "huggingface" if "model_type" in config else None
    if not path.is_file():
        return None
    return "openai" if is_torchscript(path) else "open_clip"


def read_clip(path: str | Path, tokenizer: str | Path | None = None) -> ForeignClip:
    """Read a CLIP of others.

    Args:
        path: A Hugging Face or open_clip folder, OpenAI's ``.pt``, or a file with a state by
            OpenAI's names (``.pt``, ``.bin``, ``.safetensors``).
        tokenizer: Where the BPE is, for forms that lack it: OpenAI's file of merges or a folder.

    Raises:
        FileNotFoundError: Something is missing.
        ValueError: The file is corrupt, names what it must not, or holds another architecture.
    """
    path = Path(path)
    form = form_of(path)
    if form is None:
        raise FileNotFoundError(f"no CLIP at {path}: neither a file of weights nor a folder")
    if form == "huggingface":
        return _read_huggingface(path, tokenizer)
    if path.is_dir():
        return _read_open_clip(path, tokenizer)
    weights = _state(path)
    config = openai_config(weights, path)
    return _built(config, openai_names(config), weights, path, form, _bpe(path, tokenizer))


def write_clip(net: Clip, tokenizer: CaptionTokenizer, folder: str | Path, form: Form) -> None:
    """Write a CLIP of ours in another form.

    Args:
        net: The CLIP.
        tokenizer: Its tokenizer, which goes along but for OpenAI's form, that has none.
        folder: Empty folder to write into.
        form: Which.

    Raises:
        ValueError: The form has no place for this CLIP.
    """
    folder = Path(folder)
    if form == "huggingface":
        _write_huggingface(net, tokenizer, folder)
    elif form == "open_clip":
        _write_open_clip(net, tokenizer, folder)
    else:
        check_openai_sizes(net.config)
        state = into_theirs(openai_names(net.config), net.state_dict())
        torch.save(_halved(state), folder / STATE)


def _read_huggingface(folder: Path, tokenizer: str | Path | None) -> ForeignClip:
    facts = _json(folder / CONFIG)
    processor = _json(folder / PROCESSOR) if (folder / PROCESSOR).is_file() else {}
    config = read_huggingface_config(facts, processor, folder)
    read_processor(processor, config.image_size, folder)
    weights, names = _safetensors(folder), huggingface_names(config)
    pair = facts.get(NOTE, {}).get("swapped")
    if pair is None:
        text = _bpe(folder, tokenizer)
        return _built(config, names, weights, folder, "huggingface", text, IGNORED)
    content = (folder / TOKENIZER_FILE).read_text(encoding="utf-8")
    text = CaptionTokenizer.from_json(swapped_tokenizer(content, tuple(pair)))
    found = _built(config, names, weights, folder, "huggingface", text, IGNORED)
    state = swapped_weights(found.net.state_dict(), tuple(pair))
    net = Clip(replace(config, eos_id=text.eos_id))
    net.load_state_dict(state)
    return replace(found, net=net.eval().requires_grad_(False))


def _write_huggingface(net: Clip, tokenizer: CaptionTokenizer, folder: Path) -> None:
    config, weights, content = net.config, net.state_dict(), tokenizer.to_json()
    pair: Pair | None = None
    if config.eos_id == LEGACY_EOS:
        pair = (config.eos_id, config.text_vocab_size - 1)
        weights, content = swapped_weights(weights, pair), swapped_tokenizer(content, pair)
        config = replace(config, eos_id=pair[1])
    facts = write_huggingface_config(config)
    if pair is not None:
        facts[NOTE] = {"swapped": list(pair)}
    _write(folder / CONFIG, facts)
    _write(folder / PROCESSOR, write_processor(config))
    _write(folder / "tokenizer_config.json", _tokenizer_facts(tokenizer, config))
    (folder / TOKENIZER_FILE).write_text(content, encoding="utf-8")
    state = into_theirs(huggingface_names(config), weights)
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})


def _read_open_clip(folder: Path, tokenizer: str | Path | None) -> ForeignClip:
    found = [folder / name for name in OPEN_CLIP_WEIGHTS if (folder / name).is_file()]
    if not found:
        raise FileNotFoundError(f"{folder} has no weights: {' or '.join(OPEN_CLIP_WEIGHTS)}")
    weights = _state(found[0])
    config = read_open_clip_config(_json(folder / OPEN_CLIP_CONFIG), weights, folder)
    text = _bpe(folder, tokenizer)
    config = replace(config, eos_id=text.eos_id)
    return _built(config, openai_names(config), weights, folder, "open_clip", text)


def _write_open_clip(net: Clip, tokenizer: CaptionTokenizer, folder: Path) -> None:
    _write(folder / OPEN_CLIP_CONFIG, write_open_clip_config(net.config))
    tokenizer.save(folder / TOKENIZER_FILE)
    state = into_theirs(openai_names(net.config), net.state_dict())
    save_file(state, folder / OPEN_CLIP_WEIGHTS[0], metadata={"format": "pt"})


def _built(
    config: ClipConfig,
    names: Names,
    weights: Mapping[str, Tensor],
    source: Path,
    form: Form,
    tokenizer: CaptionTokenizer,
    ignored: tuple[str, ...] = FACTS,
) -> ForeignClip:
    """Put a net together in fp32."""
    with torch.device("meta"):
        net = Clip(config)
    ours = into_ours(names, weights, source, ignored)
    for name, value in net.state_dict().items():
        if ours[name].shape != value.shape:
            raise ValueError(
                f"{source}: {name} has the shape {list(ours[name].shape)}, the config asks for "
                f"{list(value.shape)}: weights and config are not of one architecture"
            )
    if tokenizer.vocab_size > config.text_vocab_size:
        raise ValueError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, the CLIP at {source} "
            f"{config.text_vocab_size}: it is another one's"
        )
    net = Clip(config)
    net.load_state_dict({name: value.to(net.state_dict()[name]) for name, value in ours.items()})
    framed = tokenizer.framed(config.text_len, append_eos=True)
    return ForeignClip(net.eval().requires_grad_(False), framed, form)


def _bpe(path: Path, tokenizer: str | Path | None) -> CaptionTokenizer:
    """The BPE that was named, or the one beside the weights."""
    given = path if tokenizer is None else Path(tokenizer)
    if given.is_dir():
        return read_tokenizer_folder(given)
    if tokenizer is not None:
        return read_bpe_file(given)
    raise FileNotFoundError(
        f"{path} brings no tokenizer: name OpenAI's {BPE_FILE} (openai/CLIP on GitHub, clip/) or "
        "a folder that has one as --tokenizer"
    )


def _state(path: Path) -> dict[str, Tensor]:
    """Read a state by OpenAI's names out of any of the files it comes in."""
    if path.suffix == ".safetensors":
        weights = _load(path)
    else:
        content = read_archive(path, _script)
        inner = content.get("state_dict") if isinstance(content, Mapping) else None
        weights = tensors_of(content if inner is None else inner)
    weights = {name.removeprefix("module."): value for name, value in weights.items()}
    if "text.token_embedding.weight" in weights:  # open_clip with a text tower of its own
        weights = {name.removeprefix("text."): value for name, value in weights.items()}
    return weights


def _script(module: str, name: str) -> type | None:
    return StandIn if module.startswith("__torch__") else None


def _safetensors(folder: Path) -> dict[str, Tensor]:
    """Weights of a Hugging Face folder, in one file or several."""
    if (folder / INDEX).is_file():
        parts = sorted(set(_json(folder / INDEX).get("weight_map", {}).values()))
        return {name: value for part in parts for name, value in _load(folder / part).items()}
    return _load(folder / WEIGHTS)


def _load(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} has no {path.name}")
    try:
        weights: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is corrupt: {error}") from error
    return weights


def _halved(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices in fp16, as OpenAI's files have them, where that loses nothing."""
    kept = ("embedding", "running", "logit_scale", "tracked")
    halves = {
        name: value.half()
        for name, value in state.items()
        if value.ndim > 1 and not any(part in name for part in kept)
    }
    exact = all(torch.equal(value.float(), state[name]) for name, value in halves.items())
    return state | halves if exact else state


def _tokenizer_facts(tokenizer: CaptionTokenizer, config: ClipConfig) -> dict[str, Any]:
    names = {at: token for token, at in tokenizer.vocabulary.items()}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config.text_len,
        "bos_token": names[tokenizer.bos_id],
        "eos_token": names[tokenizer.eos_id],
        "pad_token": names[tokenizer.pad_id],
    }


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path.parent} has no {path.name}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not readable as JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds a {type(found).__name__}, a JSON object was expected")
    return found


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")

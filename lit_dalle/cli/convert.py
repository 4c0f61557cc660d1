"""``lit-dalle convert``: a CLIP or a dVAE from one form to another."""

from pathlib import Path
from typing import Literal

from rich.console import Console

from lit_dalle.data.writing import whole_folder
from lit_dalle.generation.clips import load_clip
from lit_dalle.generation.export import CONFIG, exported_kind, load_model, save_model
from lit_dalle.interop.clip_forms import OPEN_CLIP_CONFIG, STATE, write_clip
from lit_dalle.interop.openai_dvae import HALVES, read_openai_dvae, write_openai_dvae

Form = Literal["lit_dalle", "huggingface", "openai", "open_clip"]
MARKERS = {"huggingface": CONFIG, "open_clip": OPEN_CLIP_CONFIG, "openai": STATE}
"""File that every folder of a form holds."""


def convert(
    source: str,
    out: str,
    *,
    form: Form = "lit_dalle",
    tokenizer: str | None = None,
    revision: str | None = None,
    image_size: int = 256,
) -> None:
    """Turn a CLIP or a dVAE of one form into another: ours, Hugging Face, OpenAI, open_clip.

    Nothing in a file is run: of pickles and TorchScript archives the tensors alone are read.

    Args:
        source: A CLIP: a shipped pipeline's name, a folder or file of any form, or a hub id. A
            dVAE: a folder of ours, or one with OpenAI's encoder.pkl and decoder.pkl.
        out: Folder to write, whole or not at all; an earlier conversion there is replaced.
        form: Form to write. OpenAI's of a CLIP is a state, model.pt, that its ``clip.load`` takes.
        tokenizer: Where CLIP's BPE is, if the source lacks it: OpenAI's file of merges or a folder.
        revision: Branch, tag or commit on the hub.
        image_size: Side of the pictures that OpenAI's dVAE will be given.

    Raises:
        FileNotFoundError: There is no such source, or a part of it is missing.
        ValueError: The source cannot be read, or the form has no place for it.
    """
    if _is_dvae(Path(source).expanduser()):
        _convert_dvae(Path(source).expanduser(), out, form, image_size)
    else:
        clip = load_clip(source, revision=revision, tokenizer=tokenizer)
        if form == "lit_dalle":
            save_model(clip.net, out, tokenizer=clip.tokenizer)
        else:
            with whole_folder(out, marker=MARKERS[form]) as part:
                write_clip(clip.net, clip.tokenizer, part, form)
    Console().print(f"{form} written to {out}", highlight=False)


def _is_dvae(path: Path) -> bool:
    return (path / f"{HALVES[0]}.pkl").is_file() or exported_kind(path) == "dvae"


def _convert_dvae(path: Path, out: str, form: Form, image_size: int) -> None:
    """Write a dVAE in our form or OpenAI's, the two that there are."""
    ours = exported_kind(path) == "dvae"
    net = load_model(path, kind="dvae") if ours else read_openai_dvae(path, image_size)
    if form == "lit_dalle":
        save_model(net, out)
    elif form == "openai":
        with whole_folder(out, marker=f"{HALVES[0]}.pkl") as part:
            write_openai_dvae(net, part)
    else:
        raise ValueError(f"a dVAE has no {form} form: choose lit_dalle or openai")

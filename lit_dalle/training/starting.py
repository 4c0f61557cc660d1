"""Starting a training from an exported net instead of from noise."""

import math
from dataclasses import asdict
from pathlib import Path

import lightning
import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.generation.export import kind_of, load_model, load_tokenizer
from lit_dalle.models.clip import Clip

TEXT_SIZES = ("text_vocab_size", "text_len", "eos_id")
"""Fields of a config in which the net to start from may differ: another tokenizer was framed."""
PIXELS = ("image_mean", "image_std")
"""Likewise: weights take what they are given."""
BY_TOKEN = ("embedding.text.weight", "text_head.weight", "text.token_embedding.weight")
"""Weights with a row for each text token."""
BY_PLACE = ("embedding.pad.weight", "embedding.text_position.weight", "text.position_embedding")
"""Weights with a row for each text position."""
BY_CELL = ("vision.position_embedding", "vision.pool.position_embedding")
"""Weights of CLIP with a row for the whole picture, then one for each cell of its grid."""


def is_fitted(module: lightning.LightningModule) -> bool:
    """Whether the trainer is about to fit the module, so that initial weights matter.

    A resumed training sets them too, before the checkpoint brings its own. Callbacks that are set
    up before the module, as weight averaging is, may have its net built first: what sets weights
    while a net is built asks this and cannot wait for ``setup``.
    """
    return module._trainer is not None and module._trainer.state.fn == "fit"


def tokenizer_of(module: lightning.LightningModule) -> CaptionTokenizer | None:
    """Return the tokenizer of the data that a module is trained on; None where there is none."""
    return getattr(getattr(module._trainer, "datamodule", None), "tokenizer", None)


@torch.no_grad()
def start_from(
    net: nn.Module, folder: str | Path, tokenizer: CaptionTokenizer | None = None
) -> None:
    """Copy the weights of an exported net of the same sizes into ``net``.

    The tokenizer and the length of the text may be others: a text token takes the mean row of the
    tokens that the exported net's tokenizer writes it with, a text position the row of its place,
    and rows without a counterpart stay as they are. A CLIP may read larger or smaller pictures: the
    embeddings of its grid are resized (bicubic, as for ViT-L/14@336).

    Args:
        net: The net to be trained: a dVAE, a prior or a CLIP.
        folder: The exported net.
        tokenizer: The tokenizer of the training, for nets that read text; without it text tokens
            mean what they meant, and their sizes must be equal too.

    Raises:
        FileNotFoundError: The folder or a part of it is missing.
        ValueError: The exported net is of another kind or of other sizes, or lacks its tokenizer.
    """
    other = load_model(folder, kind=kind_of(net))
    _check_sizes(net, other, folder, TEXT_SIZES if tokenizer is not None else ())
    weights = other.state_dict()
    target = net.state_dict()
    sources = sources_of(load_tokenizer(folder), tokenizer) if tokenizer is not None else {}
    for name, weight in target.items():
        if name in BY_TOKEN and sources:
            for row, written in sources.items():
                weight[row] = weights[name][written].mean(dim=0)
        elif name in BY_PLACE:
            places = min(len(weight), len(weights[name]))
            weight[:places] = weights[name][:places]
        elif name in BY_CELL:
            weight.copy_(resized_grid(weights[name], len(weight)))
        else:
            weight.copy_(weights[name])


def resized_grid(rows: Tensor, count: int) -> Tensor:
    """Resize embeddings ``1+h·w d`` of a square grid to ``count`` rows; the first is kept."""
    if len(rows) == count:
        return rows
    sides = [math.isqrt(length - 1) for length in (len(rows), count)]
    grid = rearrange(rows[1:], "(h w) d -> 1 d h w", h=sides[0])
    grid = F.interpolate(grid, (sides[1], sides[1]), mode="bicubic", antialias=True)
    return torch.cat([rows[:1], rearrange(grid, "1 d h w -> (h w) d")])


def _check_sizes(
    net: nn.Module, other: nn.Module, folder: str | Path, free: tuple[str, ...]
) -> None:
    own, found = _sizes(net), _sizes(other)
    free = (*free, *PIXELS, *(["image_size"] if isinstance(net, Clip) else []))
    differing = [name for name in own if own[name] != found[name] and name not in free]
    if differing:
        name = differing[0]
        raise ValueError(
            f"the net at {folder} has {name} {found[name]}, the one to be trained {own[name]}: "
            f"set model.init_args.config.{name}, or start from another net"
        )


def _sizes(net: nn.Module) -> dict[str, object]:
    config: object = net.config
    return asdict(config)  # type: ignore[call-overload]


def sources_of(old: CaptionTokenizer, new: CaptionTokenizer) -> dict[int, Tensor]:
    """For each token of the new tokenizer, the old one's tokens that write the same text."""
    found = {row: torch.tensor(old.pieces_of(piece)) for piece, row in new.vocabulary.items()}
    marks = (new.pad_id, old.pad_id), (new.bos_id, old.bos_id), (new.eos_id, old.eos_id)
    return found | {row: torch.tensor([mark]) for row, mark in marks}

"""``lit-dalle export`` and ``join``: from checkpoints to folders to share."""

from pathlib import Path
from typing import Literal

from rich.console import Console

from lit_dalle.generation.checkpoint import export_checkpoint
from lit_dalle.generation.hardware import DTYPES
from lit_dalle.generation.joining import join_pipeline


def export(
    checkpoint: str,
    out: str,
    *,
    ema: bool = True,
    dtype: Literal["float32", "bfloat16"] = "float32",
) -> None:
    """Turn a training checkpoint into a folder to share: config, weights, tokenizer and words.

    Args:
        checkpoint: A ``.ckpt`` that ``lit-dalle fit`` wrote.
        out: Folder to write; an earlier export there is replaced.
        ema: Take the averaged weights, where the run kept an average.
        dtype: Stored type of the matrices; bfloat16 halves the folder.
    """
    kind = export_checkpoint(checkpoint, out, ema=ema, dtype=DTYPES[dtype])
    Console().print(f"{kind} written to {out}", highlight=False)


def join(
    *,
    dvae: str,
    prior: str,
    clip: str,
    out: str,
    guidance: float = 1.0,
    card: str | None = None,
) -> None:
    """Join three exported nets into a pipeline that ``lit-dalle generate`` draws with.

    Args:
        dvae: Folder of the exported dVAE, the one the prior was trained with.
        prior: Folder of the exported prior.
        clip: Folder of the exported CLIP.
        out: Folder to write; an earlier pipeline there is replaced.
        guidance: Guidance used when none is asked for; 1 is off.
        card: Markdown file that becomes the model card, README.md.
    """
    text = None if card is None else Path(card).read_text(encoding="utf-8")
    join_pipeline(dvae, prior, clip, out, guidance=guidance, card=text)
    Console().print(f"pipeline written to {out}", highlight=False)

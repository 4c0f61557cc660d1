"""``lit-dalle export`` and ``join``: from checkpoints to folders to share."""

from pathlib import Path
from typing import Literal

from rich.console import Console

from lit_dalle.generation.checkpoint import export_checkpoint
from lit_dalle.generation.hardware import DTYPES
from lit_dalle.generation.joining import join_pipeline
from lit_dalle.generation.settings import PipelineSettings


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
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    guidance: float = 1.0,
    likelihood_weight: float = 0.0,
    edit_guidance: float | None = None,
    card: str | None = None,
) -> None:
    """Join three exported nets into a pipeline that ``lit-dalle generate`` draws with.

    Settings of drawing and ranking are kept in it and used where nothing else is asked for.

    Args:
        dvae: Folder of the exported dVAE, the one the prior was trained with.
        prior: Folder of the exported prior.
        clip: Folder of the exported CLIP.
        out: Folder to write; an earlier pipeline there is replaced.
        temperature: Divides the logits.
        top_k: Draw each token from the k most likely ones; default from all.
        top_p: Draw each token from the most likely ones with this total probability; default all.
        guidance: How strongly to follow the words; 1 is off.
        likelihood_weight: Rank by CLIP's cosine plus so much of the prior's likelihood gain, in
            nats per image token; 0 is CLIP alone. ``benchmarks/ranking.py`` finds it.
        edit_guidance: Guidance of edits; default as for whole pictures.
        card: Markdown file that becomes the model card, README.md.
    """
    defaults = PipelineSettings(
        temperature, top_k, top_p, guidance, likelihood_weight, edit_guidance
    )
    text = None if card is None else Path(card).read_text(encoding="utf-8")
    join_pipeline(dvae, prior, clip, out, defaults=defaults, card=text)
    Console().print(f"pipeline written to {out}", highlight=False)

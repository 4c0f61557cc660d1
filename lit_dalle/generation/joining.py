"""The folder of a pipeline: dvae/, prior/ and clip/ beside pipeline.json, and what must agree."""

import shutil
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import lit_dalle
from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.data.writing import read_json, whole_folder, write_json
from lit_dalle.generation.export import (
    Kind,
    build_config,
    folder_hash,
    load_config,
    load_tokenizer,
    read_config,
    tokens_hash,
)
from lit_dalle.generation.hub import CARD, PIPELINE
from lit_dalle.generation.settings import PipelineSettings
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.dvae import DiscreteVAEConfig

FORMAT = 1
"""Layout of the folder; a reader refuses a larger number than its own."""
DVAE, PRIOR, CLIP = "dvae", "prior", "clip"
KINDS: dict[str, Kind] = {DVAE: "dvae", PRIOR: "dalle", CLIP: "clip"}
"""Kind of net in each part."""


def join_pipeline(
    dvae: str | Path,
    prior: str | Path,
    clip: str | Path | None,
    out: str | Path,
    *,
    defaults: PipelineSettings | None = None,
    card: str | None = None,
) -> None:
    """Copy exported nets into the folder of a pipeline, whole or not at all.

    Args:
        dvae: Exported dVAE, the one the prior was trained with or that with its decoder tuned.
        prior: Exported prior.
        clip: Exported CLIP; None for a pipeline that does not rank.
        out: Where to; an earlier pipeline there is replaced.
        defaults: How to draw and rank when nothing else is asked for.
        card: Text of the model card, ``README.md``.

    Raises:
        FileNotFoundError: A part is missing.
        ValueError: A part is of another kind, or the prior was trained with another dVAE.
    """
    parts = {DVAE: Path(dvae), PRIOR: Path(prior)} | ({CLIP: Path(clip)} if clip else {})
    configs = {name: load_config(folder, KINDS[name])[1] for name, folder in parts.items()}
    check_grid(configs[DVAE], configs[PRIOR])
    check_prior_tokenizer(load_tokenizer(prior), configs[PRIOR])
    if clip:
        check_clip_tokenizer(load_tokenizer(clip), configs[CLIP])
    check_dvae(Path(dvae), read_config(prior).get("extra", {}).get("dvae_hash"))
    with whole_folder(out, marker=PIPELINE) as part:
        for name, folder in parts.items():
            shutil.copytree(folder, part / name)
        write_facts(part, defaults=defaults or PipelineSettings(), card=card)


def write_facts(folder: Path, *, defaults: PipelineSettings, card: str | None) -> None:
    """Write ``pipeline.json``, and the model card where there is one, beside the parts."""
    facts = {
        "format": FORMAT,
        "version": lit_dalle.__version__,
        "dvae_hash": tokens_hash(folder / DVAE),
        "defaults": asdict(defaults),
    }
    write_json(folder / PIPELINE, facts)
    if card is not None:
        (folder / CARD).write_text(card, encoding="utf-8")


def read_defaults(folder: Path) -> PipelineSettings:
    """Read ``pipeline.json``, check that the dVAE is the one the prior was trained with.

    Returns:
        How the pipeline draws and ranks when nothing else is asked for.

    Raises:
        ValueError: Not a pipeline, a newer one, one with another dVAE, or with wrong defaults.
    """
    if not (folder / PIPELINE).is_file():
        raise ValueError(
            f"{folder} is not a pipeline: it has no {PIPELINE}; lit-dalle join makes one of "
            "exported nets"
        )
    facts = read_json(folder / PIPELINE)
    layout = facts.get("format")
    if not isinstance(layout, int) or layout > FORMAT:
        raise ValueError(
            f"{folder / PIPELINE} has format {layout}, this version reads up to {FORMAT}: "
            "update lit-dalle"
        )
    check_dvae(folder / DVAE, facts.get("dvae_hash"))
    return _defaults(facts.get("defaults"), folder / PIPELINE)


def _defaults(values: object, path: Path) -> PipelineSettings:
    if not isinstance(values, dict):
        raise ValueError(f"{path} has no defaults: join the nets again with lit-dalle join")
    try:
        found: PipelineSettings = build_config(PipelineSettings, values, path)
    except (TypeError, ValueError) as error:  # words where numbers belong are TypeErrors
        raise ValueError(f"{path} has wrong defaults: {error}") from error
    return found


def check_dvae(folder: Path, trained_with: str | None) -> None:
    """Raise ValueError where a dVAE makes other tokens than the one whose hash was kept."""
    found = tokens_hash(folder)
    if trained_with is not None and trained_with != found:
        raise ValueError(
            f"the prior was trained with another dVAE ({trained_with[:12]}) than the one in "
            f"{folder} ({found[:12]}); its image tokens would mean something else"
        )


def part_hashes(folder: Path) -> dict[str, str]:
    """Hash of each part, and one of all (``pipeline``)."""
    hashes = {name: folder_hash(folder / name) for name in KINDS if (folder / name).is_dir()}
    whole = sha256("".join(hashes.values()).encode()).hexdigest()
    return {"pipeline": whole, **hashes}


def check_grid(dvae: DiscreteVAEConfig, prior: DalleConfig) -> None:
    """Raise ValueError where the prior draws other tokens than the dVAE reads."""
    drawn = (prior.image_grid, prior.codebook_size)
    read = (dvae.image_grid, dvae.codebook_size)
    if drawn != read:
        raise ValueError(
            f"the prior draws {drawn[0]}×{drawn[0]} tokens of {drawn[1]} codes, the dVAE reads "
            f"{read[0]}×{read[0]} of {read[1]}: they were not trained together"
        )


def check_prior_tokenizer(tokenizer: CaptionTokenizer, prior: DalleConfig) -> None:
    """Raise ValueError where the prior's tokenizer is not of the prior's sizes."""
    _check_vocabulary("prior", tokenizer, prior.text_vocab_size)
    if tokenizer.text_len != prior.text_len:
        raise ValueError(
            f"the prior's tokenizer makes rows of {tokenizer.text_len} tokens, the prior reads "
            f"{prior.text_len}: frame it with that text_len"
        )


def check_clip_tokenizer(tokenizer: CaptionTokenizer, clip: ClipConfig) -> None:
    """Raise ValueError where CLIP's tokenizer is not of CLIP's sizes, or without its [EOS]."""
    _check_vocabulary("CLIP", tokenizer, clip.text_vocab_size)
    if tokenizer.text_len > clip.text_len:
        raise ValueError(
            f"CLIP's tokenizer makes rows of {tokenizer.text_len} tokens, CLIP reads "
            f"{clip.text_len}: frame it with that text_len"
        )
    if not tokenizer.append_eos or clip.eos_id != tokenizer.eos_id:
        raise ValueError(
            f"CLIP reads its feature at token {clip.eos_id}, which its tokenizer never ends with: "
            f"frame it with append_eos, and set eos_id to {tokenizer.eos_id}"
        )


def _check_vocabulary(net: str, tokenizer: CaptionTokenizer, text_vocab_size: int) -> None:
    if tokenizer.vocab_size > text_vocab_size:
        raise ValueError(
            f"the {net}'s tokenizer has {tokenizer.vocab_size} tokens, the {net} only "
            f"{text_vocab_size}: train the tokenizer with a smaller vocab_size"
        )

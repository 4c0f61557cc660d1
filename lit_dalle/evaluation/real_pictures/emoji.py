"""The emoji tables as the benchmark reads them; ``lit-dalle prepare emoji`` makes such tables."""

from dataclasses import replace
from pathlib import Path

from lit_dalle.data import ParquetSource
from lit_dalle.evaluation.real_pictures.subjects import CaptionedSplit, read_split

TRAIN, VALIDATION = "train", "validation"
SEEN, COMPOSITIONS, OTHER_STYLES = "test_iid", "test_comp", "test_style"
"""Emoji that were trained in other styles, emoji never trained, and styles never trained."""
PROMPT = "{label}, {style} style"
"""First template of the captions that the pipeline was trained on."""
TRANSLATIONS = {"zh": "{label_zh}, {style} style", "de": "{label_de}, {style} style"}
DUPLICATE = "near_dup_in_train"
"""Column that tells rows whose picture is nearly one of the training's; they are left out."""
CREDIT = "Real pictures: OpenMoji (CC BY-SA 4.0), Twemoji (CC BY 4.0), Noto Emoji (Apache-2.0)."
"""Whose pictures the sets of prompts show."""


def emoji_split(folder: Path, name: str, *, translated: bool = False) -> CaptionedSplit:
    """Read one of the tables.

    Args:
        folder: Where the tables are.
        name: Of the table, without its ending.
        translated: Whether to read the prompts of `TRANSLATIONS` too.

    Raises:
        FileNotFoundError: There is no such table.
        ValueError: It lacks a column.
    """
    prompts = ParquetSource(
        {"test": str(folder / f"{name}.parquet")},
        caption_template=PROMPT,
        label_column="label",
        group_column="hexcode",
        family_column="style",
    )
    table = prompts.read()["test"]
    if DUPLICATE not in table.column_names:
        there = ", ".join(table.column_names)
        raise ValueError(f"{prompts.place} has no column {DUPLICATE!r}; it has {there}")
    others = TRANSLATIONS if translated else {}
    return read_split(
        name,
        prompts,
        "test",
        labels=replace(prompts, caption_template="{label}"),
        translations={lang: replace(prompts, caption_template=t) for lang, t in others.items()},
        leave_out={row for row, near in enumerate(table[DUPLICATE]) if near},
    )

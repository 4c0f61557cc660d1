"""Tables of the emoji's form with pictures of one colour a concept, and a judge of few weights."""

from pathlib import Path

import torch
from datasets import Dataset, Features, Image, Value
from PIL import Image as Pillow
from PIL import ImageDraw

from lit_dalle.data.tokenizer import EOS_ID, CaptionTokenizer
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig

CONCEPTS = tuple(f"thing {number}" for number in range(8))
STYLES = ("plain", "framed")
SIZE = 32
FEATURES = Features(
    {
        "image": Image(),
        **{n: Value("string") for n in ("style", "hexcode", "label", "label_zh", "label_de")},
        "near_dup_in_train": Value("bool"),
    }
)


def picture(concept: str, style: str) -> Pillow.Image:
    """The concept is a colour, the style a frame."""
    number = CONCEPTS.index(concept)
    colour = (30 * number, 255 - 30 * number, 60 + 90 * (number % 2))
    drawn = Pillow.new("RGB", (SIZE, SIZE), colour)
    if style == "framed":
        ImageDraw.Draw(drawn).rectangle((0, 0, SIZE - 1, SIZE - 1), outline="black")
    return drawn


def row(concept: str, style: str, near: bool = False) -> dict:
    number = CONCEPTS.index(concept)
    return {
        "image": picture(concept, style),
        "style": style,
        "hexcode": f"1f60{number}",
        "label": concept,
        "label_zh": f"东西{number}",
        "label_de": f"Ding {number} für ß",
        "near_dup_in_train": near,
    }


def write_tables(folder: Path) -> Path:
    """Five tables; the last row of the compositions is nearly one of the training's."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "train": [row(c, s) for c in CONCEPTS[:6] for s in STYLES],
        "validation": [row(c, "plain") for c in CONCEPTS[:4]],
        "test_iid": [row(c, "framed") for c in CONCEPTS[:6]],
        "test_comp": [*(row(c, "plain") for c in CONCEPTS[2:8]), row(CONCEPTS[0], "plain", True)],
        "test_style": [row(c, "framed") for c in CONCEPTS[:4]],
    }
    for name, rows in tables.items():
        Dataset.from_list(rows, features=FEATURES).to_parquet(folder / f"{name}.parquet")
    return folder


def tiny_judge(seed: int = 1) -> tuple[Clip, CaptionTokenizer]:
    """A CLIP of 32×32 pixels and its tokenizer of single letters."""
    config = ClipConfig(
        image_size=SIZE,
        patch_size=16,
        embed_dim=8,
        vision_dim=16,
        vision_depth=1,
        vision_heads=2,
        text_vocab_size=280,
        text_len=40,
        eos_id=EOS_ID,
        text_dim=16,
        text_depth=1,
        text_heads=2,
    )
    letters = CaptionTokenizer.train(["a red circle"], 280).framed(40, append_eos=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Clip(config).eval(), letters

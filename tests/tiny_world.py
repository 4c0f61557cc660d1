"""A pipeline of a few thousand weights whose tokenizers take the world's captions, and a grader."""

import numpy as np
import torch

from lit_dalle.data.tokenizer import EOS_ID, CaptionTokenizer
from lit_dalle.evaluation.grading.verdict import Requirement, Verdict
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig

TEXT_LEN = 100


def tiny_world_pipeline() -> DallePipeline:
    """Pictures of 32×32 pixels, 4×4 tokens of 12 codes, text of single letters."""
    dvae = DiscreteVAEConfig(
        image_size=32, codebook_size=12, codebook_dim=4, hidden=8, widths=(1, 2, 2, 2)
    )
    prior = DalleConfig(
        text_vocab_size=280,
        codebook_size=12,
        text_len=TEXT_LEN,
        image_grid=4,
        dim=16,
        depth=3,
        heads=2,
        conv_kernel=3,
    )
    clip = ClipConfig(
        image_size=32,
        patch_size=16,
        embed_dim=8,
        vision_dim=16,
        vision_depth=1,
        vision_heads=2,
        text_vocab_size=280,
        text_len=TEXT_LEN,
        eos_id=EOS_ID,
        text_dim=16,
        text_depth=1,
        text_heads=2,
    )
    letters = CaptionTokenizer.train(["a red circle"], 280)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return DallePipeline(
            DiscreteVAE(dvae).eval(),
            Dalle(prior).eval(),
            Clip(clip).eval(),
            letters.framed(TEXT_LEN, append_eos=False),
            letters.framed(TEXT_LEN, append_eos=True),
        )


def parity(picture, asked):
    """Stands for a grader: right or wrong by the sum of the bytes, in two requirements."""
    even = int(np.asarray(picture).sum()) % 2 == 0
    return Verdict(
        (
            Requirement("bytes", even, "bytes: even" if even else "bytes: odd, not <even>"),
            Requirement("nothing else", True, "nothing else"),
        )
    )


def parity_of_all(pictures, asked):
    return [parity(picture, asked) for picture in pictures]

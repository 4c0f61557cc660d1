"""The judge: a CLIP that had no part in the pictures it scores."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lit_dalle.evaluation.caption_matching import EncodeText
from lit_dalle.evaluation.composition.painter import Pixels, to_images
from lit_dalle.evaluation.frechet import ImageFeatures
from lit_dalle.evaluation.zero_shot.scoring import class_embeddings
from lit_dalle.functional.similarity import normalise
from lit_dalle.generation.clips import LoadedClip
from lit_dalle.models.clip import Clip

BATCH = 128
"""Pictures read together."""


@dataclass(frozen=True)
class Judge:
    """How pictures and labels are read by who judges them."""

    features: nn.Module
    """Pictures float32 ``b 3 h w`` in [0, 1] to features ``b e``; has ``num_features``."""
    encode_text: EncodeText
    templates: tuple[str, ...] = ("{}",)
    """What labels are put into; the features of several are averaged."""

    def image_features(self, pictures: Pixels) -> Tensor:
        """Pictures ``n h w 3`` to unit-norm features ``n e``, fp32."""
        with torch.inference_mode():
            parts = [self.features(part).float().cpu() for part in image_batches(pictures)]
        return normalise(torch.cat(parts)).clone()

    def label_features(self, labels: Sequence[str]) -> Tensor:
        """Labels to unit-norm features ``n e``, fp32."""
        return class_embeddings([[label] for label in labels], self.templates, self.encode_text)


def clip_judge(clip: LoadedClip, templates: tuple[str, ...] = ("{}",)) -> Judge:
    """Make a judge of a CLIP; labels that do not fit are cut.

    Args:
        clip: On the device where it shall judge.
        templates: What labels are put into.
    """
    net, tokenizer = clip.net, clip.tokenizer
    device = net.logit_scale.device
    return Judge(
        ImageFeatures(net),
        lambda texts: net.encode_text(tokenizer.encode(texts, long="truncate").to(device)),
        templates,
    )


def image_batches(pictures: Pixels) -> list[Tensor]:
    """Cut pictures ``n h w 3`` into batches, float32 ``b 3 h w`` in [0, 1]."""
    return [to_images(pictures[start : start + BATCH]) for start in range(0, len(pictures), BATCH)]


def check_independent(judge: Clip, own: Clip | None) -> None:
    """See that a pipeline is not judged by the CLIP that ranks its pictures.

    Raises:
        ValueError: They are the same net.
    """
    if own is not None and rounded_hash(judge) == rounded_hash(own):
        raise ValueError(
            "the judge is the pipeline's own CLIP, which chose the pictures: give another CLIP, "
            "trained apart, as --judge"
        )


def rounded_hash(clip: Clip) -> str:
    """SHA-256 of config and weights in bf16, so that exports of any precision are one net."""
    digest = hashlib.sha256(repr(clip.config).encode())
    for name, value in sorted(clip.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.bfloat16().cpu().view(torch.int16).contiguous().numpy().tobytes())
    return digest.hexdigest()

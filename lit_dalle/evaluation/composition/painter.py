"""What the composition benchmark needs of a pipeline, from arrays to arrays."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from lit_dalle.functional.similarity import cosine_scores
from lit_dalle.generation.decode import generate_image_tokens
from lit_dalle.generation.likelihood import likelihood_gain
from lit_dalle.generation.pipeline import DallePipeline, pictures_together
from lit_dalle.generation.rerank import to_bytes
from lit_dalle.generation.settings import DrawingSettings
from lit_dalle.models.clip import at_size

Pixels = NDArray[np.uint8]
"""Pictures, ``n h w 3``, or one, ``h w 3``."""
Tokens = NDArray[np.int32]
"""Image tokens, ``n i``."""
Features = NDArray[np.float32]
"""CLIP features of unit norm, ``n e``."""


@dataclass(frozen=True)
class Samples:
    """Samples of one prompt, in the order of their numbers."""

    tokens: Tokens
    pictures: Pixels
    scores: NDArray[np.float32]
    """What they are ranked by, ``n``: CLIP's cosine with the prompt, plus the settings'
    ``likelihood_weight`` · likelihood gain."""


class Painter:
    """A pipeline as the benchmark sees it.

    Pictures are drawn, decoded and ranked as ``generate`` does, in tiles that depend on the nets
    alone; they are encoded in the dVAE's own precision, as training data is.

    Args:
        pipeline: Must have a CLIP.
        settings: How its samples are drawn and ranked.

    Raises:
        ValueError: The pipeline has no CLIP.
    """

    def __init__(self, pipeline: DallePipeline, settings: DrawingSettings) -> None:
        if pipeline.clip is None or pipeline.clip_tokenizer is None:
            raise ValueError("the pipeline has no CLIP to select with: add one with lit-dalle join")
        self.pipeline, self.settings = pipeline, settings
        self.clip, self.clip_tokenizer = pipeline.clip, pipeline.clip_tokenizer
        self.image_size = pipeline.dvae.config.image_size

    def samples(
        self, prompts: Sequence[str], candidates: int, seeds: Sequence[int]
    ) -> Iterator[Samples]:
        """Draw samples of several prompts together, and score them.

        They differ by rounding alone from those that each prompt has by itself.

        Args:
            prompts: What to draw.
            candidates: Samples of each prompt.
            seeds: Seed of each prompt's noise.

        Yields:
            The samples of each prompt.
        """
        text_tokens = self.pipeline.prior_tokenizer.encode(prompts)
        drawn = generate_image_tokens(
            self.pipeline.prior, text_tokens, candidates, seed=seeds, **self.settings.sampling
        )
        texts, weight = self.text_features(prompts), self.settings.likelihood_weight
        parts = torch.split(drawn, candidates)
        for prompt, text, image_tokens in zip(prompts, texts, parts, strict=True):
            tokens = _tokens(image_tokens.cpu())
            pictures = self.decode(tokens)
            scores = _cosines(self.image_features(pictures), text)
            if weight:
                scores = scores + np.float32(weight) * self.likelihood_gains(prompt, tokens)
            yield Samples(tokens, pictures, scores)

    def likelihood_gains(self, prompt: str, tokens: Tokens) -> NDArray[np.float32]:
        """Likelihood gain of image tokens ``n i`` under a prompt, ``n``: nats per image token."""
        text_tokens = self.pipeline.prior_tokenizer.encode([prompt])
        rows = torch.from_numpy(tokens.astype(np.int64))
        tile = pictures_together(self.pipeline.dvae.config)
        return likelihood_gain(self.pipeline.prior, text_tokens, rows, tile).cpu().numpy()

    def encode(self, pictures: Pixels) -> Tokens:
        """Pictures to their image tokens."""
        return _tokens(self._tiled(self.pipeline.dvae.encode, to_images(pictures)))

    def decode(self, tokens: Tokens) -> Pixels:
        """Image tokens to pictures."""
        rows = torch.from_numpy(tokens.astype(np.int64))
        return to_pixels(self._tiled(self.pipeline.decode, rows))

    def image_features(self, pictures: Pixels) -> Features:
        """CLIP's features of pictures."""
        size = self.clip.config.image_size
        with self.pipeline.precision():
            features = self._tiled(
                lambda images: self.clip.encode_image(at_size(images, size)), to_images(pictures)
            )
        return features.float().numpy()

    def text_features(self, prompts: Sequence[str]) -> Features:
        """CLIP's features of prompts."""
        text_tokens = self.clip_tokenizer.encode(list(prompts))
        with self.pipeline.precision():
            return self._tiled(self.clip.encode_text, text_tokens).float().numpy()

    def encode_image(self, images: Tensor) -> Tensor:
        """Pictures float32 ``b 3 h w`` in [0, 1] to CLIP's features, ``b e``."""
        return torch.from_numpy(self.image_features(to_pixels(to_bytes(images))))

    def encode_text(self, captions: list[str]) -> Tensor:
        """Captions to CLIP's features, ``b e``."""
        return torch.from_numpy(self.text_features(captions))

    def _tiled(self, function: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
        tile, device = pictures_together(self.pipeline.dvae.config), self.pipeline.device
        with torch.inference_mode():
            return torch.cat([function(part.to(device)).cpu() for part in torch.split(rows, tile)])


def to_images(pictures: Pixels) -> Tensor:
    """Pictures as nets take them: float32 ``n 3 h w`` in [0, 1]."""
    return torch.from_numpy(rearrange(pictures, "n h w c -> n c h w").astype(np.float32)) / 255


def to_pixels(images: Tensor) -> Pixels:
    """Pictures uint8 ``n 3 h w`` as arrays."""
    return np.ascontiguousarray(rearrange(images.numpy(), "n c h w -> n h w c"))


def _cosines(image_features: Features, text_features: Features) -> NDArray[np.float32]:
    """Cosine of each picture, ``n e``, with one text, ``e``."""
    texts = torch.from_numpy(text_features[None])
    return cosine_scores(torch.from_numpy(image_features), texts)[:, 0].numpy()


def _tokens(image_tokens: Tensor) -> Tokens:
    return image_tokens.numpy().astype(np.int32)

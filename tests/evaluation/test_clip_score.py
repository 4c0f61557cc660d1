import pytest
import torch
from torch import Tensor

from lit_dalle.evaluation.clip_score import ClipScore


class Means:
    """The feature of a picture is its mean colour; token c says "the colour c", of any norm."""

    def encode_image(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3))

    def encode_text(self, text_tokens: Tensor) -> Tensor:
        return 7 * torch.eye(3)[text_tokens[:, 0]]


def colours(*channels: int) -> Tensor:
    return torch.eye(3)[list(channels)][:, :, None, None].expand(-1, -1, 4, 4)


def test_score_is_a_hundred_times_the_mean_cosine_whatever_the_batches() -> None:
    images, tokens = colours(0, 1, 2), torch.tensor([[0], [1], [0]])
    whole, parts = ClipScore(Means()), ClipScore(Means())
    whole.update(images, tokens)
    parts.update(images[:1], tokens[:1])
    parts.update(images[1:], tokens[1:])
    assert whole.compute().item() == parts.compute().item() == pytest.approx(200 / 3)


def test_a_negative_cosine_counts_as_zero() -> None:
    score = ClipScore(Means())
    score.update(-colours(0), torch.tensor([[0]]))
    assert score.compute() == 0


def test_one_caption_stands_for_all_pictures() -> None:
    score = ClipScore(Means())
    score.update(colours(1, 1, 0, 0), torch.tensor([[1]]))
    assert score.compute().item() == pytest.approx(50)


def test_counts_must_agree() -> None:
    with pytest.raises(ValueError, match="3 pictures but 2 captions"):
        ClipScore(Means()).update(colours(0, 1, 2), torch.tensor([[0], [1]]))

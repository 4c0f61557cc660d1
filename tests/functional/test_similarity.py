import pytest
import torch

from lit_dalle.functional.similarity import (
    cosine_scores,
    mean_feature,
    normalise,
    paired_cosines,
    rank,
)


def test_scores_are_cosines_of_every_pair() -> None:
    images = normalise(torch.tensor([[2.0, 0.0], [1.0, 1.0]]))
    texts = normalise(torch.tensor([[0.0, 3.0], [5.0, 0.0], [1.0, 1.0]]))
    half = 0.5**0.5
    expected = torch.tensor([[0.0, 1.0, half], [half, half, 1.0]])
    torch.testing.assert_close(cosine_scores(images, texts), expected)
    torch.testing.assert_close(paired_cosines(images, texts[:2]), torch.tensor([0.0, half]))


def test_ranking_is_best_first_and_keeps_the_order_of_equals() -> None:
    scores = torch.tensor([0.1, 0.5, 0.9, 0.5, 0.5])
    assert rank(scores).tolist() == [2, 1, 3, 4, 0]
    assert rank(scores, keep=2).tolist() == [2, 1]


@pytest.mark.parametrize("keep", [0, 6])
def test_ranking_refuses_to_keep_what_is_not_there(keep: int) -> None:
    with pytest.raises(ValueError, match=f"cannot keep {keep} of 5"):
        rank(torch.zeros(5), keep)


def test_a_long_description_counts_no_more_than_a_short_one() -> None:
    features = torch.tensor([[100.0, 0.0], [0.0, 1.0]])
    torch.testing.assert_close(mean_feature(features), normalise(torch.tensor([1.0, 1.0])))

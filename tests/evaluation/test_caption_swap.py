import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lit_dalle.evaluation.bootstrap import Estimate
from lit_dalle.evaluation.caption_swap import (
    add_caption_swap,
    caption_losses,
    swap_partners,
)
from lit_dalle.evaluation.results import ResultFile

CODES = 5


def blind(text_tokens: Tensor, image_tokens: Tensor) -> Tensor:
    """A prior that ignores the caption."""
    logits = torch.linspace(-1, 1, CODES).expand(*image_tokens.shape, CODES)
    return F.cross_entropy(logits.mT, image_tokens, reduction="none")


def reading(text_tokens: Tensor, image_tokens: Tensor) -> Tensor:
    """A prior that is sure of the code that its caption's first word names."""
    logits = 4 * F.one_hot(text_tokens[:, 1] % CODES, CODES).float()[:, None]
    logits = logits.expand(*image_tokens.shape, CODES)
    return F.cross_entropy(logits.mT, image_tokens, reduction="none")


def scored(prior, count=12, **settings):
    own = torch.stack([torch.ones(count), torch.arange(count) % CODES], 1).long()
    image_tokens = own[:, 1:].expand(-1, 7)
    swapped = own.clone()
    swapped[:, 1] = (own[:, 1] + 1) % CODES
    groups = [str(number) for number in range(count)]
    null = torch.zeros_like(own)
    return caption_losses(prior, image_tokens, own, swapped, null, groups, **settings)


def test_a_prior_that_ignores_the_caption_loses_nothing():
    found = scored(blind)
    assert found.gap == 0
    assert found.gap_estimate == Estimate(0, 0, 0)
    np.testing.assert_array_equal(found.own, found.null)


def test_a_prior_that_reads_loses_what_its_logits_say():
    found = scored(reading)
    assert found.gap == pytest.approx(4)  # the difference of two logits of one softmax
    estimate = found.gap_estimate
    assert (estimate.low, estimate.high) == pytest.approx((4, 4))
    right = [n % CODES == 0 for n in range(12)]  # the null caption names code 0
    np.testing.assert_allclose(found.null, np.where(right, found.own, found.swapped))


def test_batches_change_nothing_and_are_counted():
    done: list[int] = []
    found = scored(reading, batch_size=5, progress=done.append)
    assert done == [5, 5, 2]
    np.testing.assert_array_equal(found.swapped, scored(reading).swapped)


def test_the_interval_is_that_of_the_pairs():
    results = ResultFile("x", {})
    add_caption_swap(results, "test", scored(reading))
    by_name = {(row["metric"], row["case"].get("caption")): row for row in results.rows}
    assert set(by_name) == {
        ("caption_swap_gap", None),
        *(("loss", caption) for caption in ("own", "swapped", "null")),
    }
    gap = by_name["caption_swap_gap", None]
    own, swapped = by_name["loss", "own"]["value"], by_name["loss", "swapped"]["value"]
    assert gap["value"] == pytest.approx(swapped - own)
    assert gap["unit"] == "nats/image token"


def test_no_pictures_are_refused():
    with pytest.raises(ValueError, match="at least one picture"):
        scored(blind, count=0)


@pytest.mark.parametrize("seed", range(20))
def test_partners_are_of_the_family_and_never_of_the_group(seed):
    rng = np.random.default_rng(seed)
    families = rng.choice(["plain", "framed", "inked"], 60).tolist()
    groups = rng.choice(list("abcdefgh"), 60).tolist()
    partners = swap_partners(groups, families, seed)
    assert sorted(partners) == list(range(60))  # each row's caption is used once
    assert all(groups[row] != groups[other] for row, other in enumerate(partners))
    assert all(families[row] == families[other] for row, other in enumerate(partners))
    assert (partners == swap_partners(groups, families, seed)).all()


def test_half_of_a_family_can_be_swapped_and_more_cannot():
    half = swap_partners(list("aaabcd"), ["x"] * 6)
    assert set(half[:3]) == {3, 4, 5}
    more = swap_partners([*"aaab", *"ab"], [*"xxxx", *"yy"])
    assert more.tolist() == [-1, -1, -1, -1, 5, 4]


def test_other_seeds_pair_others():
    groups = [str(number) for number in range(40)]
    found = [swap_partners(groups, ["x"] * 40, seed) for seed in (0, 1)]
    assert (found[0] != found[1]).any()

import pytest
import torch

from lit_dalle.data.world import FAMILIES, world_row
from lit_dalle.evaluation.reconstruction import evaluate_reconstruction, world_batches


def grey(images):
    """Four positions, each with the level of its quarter's mean in 11 steps."""
    means = torch.nn.functional.avg_pool2d(images.mean(1, keepdim=True), 2)
    return (means * 10).round().long().flatten(1)


def level(image_tokens):
    maps = image_tokens.reshape(-1, 1, 2, 2).float() / 10
    return maps.repeat_interleave(2, 2).repeat_interleave(2, 3).expand(-1, 3, -1, -1)


def batch(values, families):
    images = torch.tensor(values)[:, None, None, None].expand(-1, 3, 4, 4)
    return {"images": images, "family": families}


BATCHES = [batch([0.2, 0.6], ["a", "b"]), batch([0.31], ["a"])]


def test_psnr_by_family_and_use_of_the_codebook():
    done = []
    found = evaluate_reconstruction(grey, level, BATCHES, 11, progress=done.append)
    qualities = {quality.family: quality for quality in found.qualities}
    assert list(qualities) == ["all", "a", "b"]
    assert [quality.pictures for quality in found.qualities] == [3, 2, 1]
    assert qualities["a"].psnr == pytest.approx((100 + 40) / 2, abs=0.01)
    low, high = qualities["a"].interval
    assert low < qualities["a"].psnr < high
    assert qualities["b"].interval == pytest.approx((100, 100))
    assert found.perplexity == pytest.approx(3)
    assert found.relative_perplexity == pytest.approx(3 / 11)
    assert found.usage == pytest.approx(3 / 11)
    assert done == [2, 1]


def test_the_ceiling_is_the_share_that_still_shows_its_scene():
    batches = list(world_batches("test", 18, batch_size=9))
    whole = {}

    def encode(images):
        whole[len(whole)] = images
        return torch.full((len(images), 1), len(whole) - 1)

    def spoil(image_tokens):
        images = whole[int(image_tokens[0, 0])].clone()
        images[0] = images[1]  # the count picture shows a relation
        return images

    kept = evaluate_reconstruction(encode, lambda t: whole[int(t[0, 0])], batches, 11)
    spoiled = evaluate_reconstruction(encode, spoil, batches, 11)
    assert [quality.ceiling[0] for quality in kept.qualities] == [1.0] * 10
    shares = {quality.family: quality.ceiling[0] for quality in spoiled.qualities}
    assert shares == {family: float(family != "count") for family in FAMILIES} | {"all": 16 / 18}
    low, high = spoiled.qualities[0].ceiling[1:]
    assert low < 16 / 18 < high


def test_pictures_without_scenes_have_no_ceiling():
    found = evaluate_reconstruction(grey, level, BATCHES, 11)
    assert [quality.ceiling for quality in found.qualities] == [None] * 3


def test_the_result_does_not_depend_on_batches():
    rows = {"images": torch.cat([b["images"] for b in BATCHES]), "family": ["a", "b", "a"]}
    assert evaluate_reconstruction(grey, level, [rows], 11) == evaluate_reconstruction(
        grey, level, BATCHES, 11
    )


def test_no_picture_is_refused():
    with pytest.raises(ValueError, match="at least one picture"):
        evaluate_reconstruction(grey, level, [], 11)


def test_world_batches_are_the_rows_of_the_world():
    batches = list(world_batches("held_out", 11, batch_size=8, seed=3))
    assert [len(b["images"]) for b in batches] == [8, 3]
    assert batches[0]["family"] == list(FAMILIES[:8])
    row = world_row("held_out", 9, seed=3)
    expected = torch.tensor(list(row["image"].tobytes())).reshape(64, 64, 3).permute(2, 0, 1)
    assert torch.equal((batches[1]["images"][1] * 255).round().long(), expected)

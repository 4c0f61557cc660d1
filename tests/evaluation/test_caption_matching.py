import pytest
import torch
from torch import Tensor

from lit_dalle.data.world import FAMILIES, captions, neighbours, scene_from_json, world_row
from lit_dalle.evaluation.caption_matching import Trial, match_captions, world_trials


def trial(family: str, answer: int, candidates: int = 4) -> Trial:
    """A picture that holds its answer in every pixel; caption "c" says the number c."""
    others = [str(number) for number in range(candidates) if number != answer]
    return Trial(family, torch.full((3, 2, 2), float(answer)), (str(answer), *others))


def perfect_image(images: Tensor) -> Tensor:
    return torch.eye(8)[images[:, 0, 0, 0].long()]


def perfect_text(texts: list[str]) -> Tensor:
    return 3 * torch.eye(8)[[int(text) for text in texts]]


def constant(items: Tensor | list[str]) -> Tensor:
    return torch.ones(len(items), 8)


TRIALS = [trial("count", 0), trial("stack", 1), trial("count", 2), trial("count", 3, 6)]


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_a_perfect_encoder_is_right_per_family(batch_size: int) -> None:
    count, stack = match_captions(TRIALS, perfect_image, perfect_text, batch_size=batch_size)
    assert (count.family, count.right, count.trials) == ("count", 3, 3)
    assert (stack.family, stack.accuracy, stack.candidates) == ("stack", 1.0, 4.0)
    assert count.candidates == pytest.approx(14 / 3)


def test_an_encoder_that_cannot_tell_is_never_right() -> None:
    results = match_captions(TRIALS, constant, constant)
    assert [result.right for result in results] == [0, 0]
    assert results[0].interval[0] == 0.0


def test_one_wrong_picture_is_one_wrong_trial() -> None:
    def confused(images: Tensor) -> Tensor:
        features = perfect_image(images)
        features[images[:, 0, 0, 0] == 2] = torch.eye(8)[0]
        return features

    count, stack = match_captions(TRIALS, confused, perfect_text)
    assert (count.right, stack.right) == (2, 1)


def test_no_trials_and_no_choice_are_refused() -> None:
    for trials in ([], [Trial("count", torch.zeros(3, 2, 2), ("0",))]):
        with pytest.raises(ValueError, match="two captions or more"):
            match_captions(trials, perfect_image, perfect_text)


@pytest.mark.parametrize("split", ["test", "held_out"])
def test_world_trials_hold_all_neighbours_and_one_right_caption(split: str) -> None:
    for family in FAMILIES:
        for index, found in enumerate(world_trials(split, 3, families=[family])):
            scene = scene_from_json(world_row(split, index, families=(family,))["scene"])
            own = set(captions(scene))
            assert found.family == family
            assert len(found.captions) == len(set(found.captions)) == 100
            assert found.captions[0] == captions(scene)[0]
            assert own & set(found.captions) == {found.captions[0]}
            near = {captions(neighbour)[0] for neighbour in neighbours(scene)} - own
            assert near <= set(found.captions)


def test_world_trials_are_a_function_of_the_seed() -> None:
    def made(seed: int) -> list[Trial]:
        return list(world_trials("test", 2, families=["count"], candidates=9, seed=seed))

    assert [t.captions for t in made(1)] == [t.captions for t in made(1)]
    assert [t.captions for t in made(1)] != [t.captions for t in made(2)]
    assert torch.equal(made(1)[1].image, made(1)[1].image)
    assert len(made(1)[0].captions) == 9

import pytest
import torch

from lit_dalle.evaluation.binding.scoring import ALL, CHANCE, BindingTest, score_binding, verdicts

TEXT, IMAGE, GROUP, ACCURACY = CHANCE


def pair(family="stack", change="colours", first=0, pictures=2):
    """Pictures that hold their number in every pixel; caption "n" says the number n."""
    images = torch.stack([torch.full((3, 2, 2), first + p, dtype=torch.uint8) for p in (0, 1)])
    return BindingTest(family, change, images[:pictures], (str(first), str(first + 1)))


def perfect_image(images):
    return torch.eye(8)[(images[:, 0, 0, 0] * 255).round().long()]


def perfect_text(texts):
    return 3 * torch.eye(8)[[int(text) for text in texts]]


def constant(items):
    return torch.ones(len(items), 8)


def by_metric(scores, family=ALL, change=None):
    return {s.metric: s.right for s in scores if (s.family, s.change) == (family, change)}


@pytest.mark.parametrize(
    ("cosines", "text", "image"),
    [
        ([[0.9, 0.1], [0.1, 0.9]], True, True),
        ([[0.5, 0.4], [0.8, 0.9]], True, False),  # caption 0 prefers the second picture
        ([[0.5, 0.6], [0.4, 0.9]], False, True),  # picture 0 prefers the second caption
        ([[0.5, 0.6], [0.7, 0.4]], False, False),
        ([[0.5, 0.5], [0.1, 0.9]], False, True),  # a tie of captions
        ([[0.5, 0.1], [0.5, 0.9]], True, False),  # a tie of pictures
        ([[float("nan"), 0.1], [0.1, 0.9]], False, False),
    ],
)
def test_winoground_scores_by_hand(cosines, text, image):
    found = {metric: held.item() for metric, held in verdicts(torch.tensor([cosines])).items()}
    assert found == {TEXT: text, IMAGE: image, GROUP: text and image}


def test_accuracy_by_hand():
    ((metric, held),) = verdicts(torch.tensor([[[0.6, 0.5]], [[0.5, 0.6]], [[0.5, 0.5]]])).items()
    assert (metric, held.tolist()) == (ACCURACY, [True, False, False])


def test_random_cosines_reach_chance():
    noise = torch.rand(100_000, 2, 2, generator=torch.Generator().manual_seed(0))
    found = verdicts(noise) | verdicts(noise[:, :1])
    for metric, chance in CHANCE.items():
        assert found[metric].float().mean().item() == pytest.approx(chance, abs=0.01), metric


@pytest.mark.parametrize("batch_size", [1, 2, 100])
@pytest.mark.parametrize("pictures", [1, 2])
def test_a_perfect_encoder_is_always_right(batch_size, pictures):
    tests = [pair("stack", "two", 0), pair("stack", "three", 1), pair("penguin", "colours", 5)]
    tests = [BindingTest(t.family, t.change, t.images[:pictures], t.captions) for t in tests]
    done = []
    scores = score_binding(
        tests, perfect_image, perfect_text, batch_size=batch_size, progress=done.append
    )
    metrics = [TEXT, IMAGE, GROUP] if pictures == 2 else [ACCURACY]
    assert sum(done) == 3
    assert all(score.share == 1 and score.interval[1] == 1 for score in scores)
    assert by_metric(scores) == dict.fromkeys(metrics, 3)
    assert by_metric(scores, "stack") == dict.fromkeys(metrics, 2)
    assert by_metric(scores, "stack", "two") == dict.fromkeys(metrics, 1)
    assert by_metric(scores, "penguin", "colours") == {}  # the only change: that of the family


def test_an_encoder_that_cannot_tell_is_never_right():
    scores = score_binding([pair(), pair(first=3)], constant, constant)
    assert [score.right for score in scores] == [0] * len(scores)


def test_an_encoder_that_is_blind_to_order_is_never_right():
    """A bag of words has the same feature for both captions, whatever the pictures are."""

    def bag(texts):
        return torch.stack([torch.tensor([t.count("a"), t.count("b")]).float() for t in texts])

    images = torch.randint(0, 256, (2, 3, 2, 2), generator=torch.Generator().manual_seed(0))
    test = BindingTest("stack", "colours", images.byte(), ("a on b", "b on a"))
    scores = score_binding([test], lambda pictures: pictures[:, :2, 0, 0], bag)
    assert by_metric(scores)[TEXT] == 0


def test_tests_of_both_forms_together_or_none_are_refused():
    for tests in ([], [pair(), pair(pictures=1)]):
        with pytest.raises(ValueError, match="all of one picture or all of two"):
            score_binding(tests, constant, constant)

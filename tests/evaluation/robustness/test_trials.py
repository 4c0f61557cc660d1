from dataclasses import dataclass

import pytest
import torch

from lit_dalle.evaluation.robustness.trials import Model, Trial, classify, matched
from lit_dalle.evaluation.zero_shot.classes import ClassSet

LABELS = ("ant", "bee", "cat", "dog")


@dataclass
class Few:
    """Pictures whose first pixel says what they show, among some of the labels."""

    classes: ClassSet
    shown: tuple[str, ...]

    def batches(self, image_size, batch_size):
        truth = torch.tensor([self.classes.names.index(name) for name in self.shown])
        values = torch.tensor([float(LABELS.index(name)) for name in self.shown])
        images = values[:, None, None, None].expand(-1, 3, image_size, image_size)
        yield from zip(images.split(batch_size), truth.split(batch_size), strict=True)


def score(images):
    return -(images[:, 0, 0, 0][:, None] - torch.arange(4.0)).abs()


def test_only_the_classes_of_the_trial_are_answers():
    model = Model("resnet101", "last", score, 8)
    few = Few(ClassSet.named(["dog", "bee"]), ("bee", "dog", "bee"))
    done = []
    found = classify(model, Trial("home", "two", few), LABELS, batch_size=2, progress=done.append)
    assert found.right().tolist() == [True] * 3
    assert found.classes.shape == (3, 2)
    assert done == [2, 1]
    spoiled = Trial("off", "two", few, change=lambda images: 3 - images)
    assert classify(model, spoiled, LABELS).right().tolist() == [False, False, False]
    with pytest.raises(ValueError, match="the class 'eel' is none of the labels"):
        classify(model, Trial("home", "x", Few(ClassSet.named(["eel"]), ())), LABELS)


def test_a_label_without_a_score_is_no_answer():
    blind = Model(
        "pixel-nn",
        "x",
        lambda images: score(images).index_fill(1, torch.tensor([1]), -torch.inf),
        8,
    )
    few = Few(ClassSet.named(LABELS), ("bee", "ant"))
    found = classify(blind, Trial("home", "all", few), LABELS)
    assert found.right(5).tolist() == [False, True]


def test_the_better_gives_way():
    clips = {"a": 0.2, "b": 0.5, "c": 0.8}
    assert matched(clips, {"x": 0.1, "y": 0.55}) == ("b", "y")
    assert matched(clips, {"x": 0.79, "y": 0.9}) == ("c", "x")
    assert matched({"a": 0.3}, {"x": 0.3}) == ("a", "x")

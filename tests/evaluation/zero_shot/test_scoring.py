import numpy as np
import pytest
import torch

from lit_dalle.evaluation.zero_shot.picture import confusion_picture
from lit_dalle.evaluation.zero_shot.probe import few_shot, linear_probe
from lit_dalle.evaluation.zero_shot.retrieval import retrieve
from lit_dalle.evaluation.zero_shot.scoring import (
    Ranked,
    accuracy,
    class_embeddings,
    confusion,
    rank_classes,
)

TEMPLATES = ("a photo of {}.", "{}")


def encode_text(captions):
    """A feature that is a function of each caption alone, of any norm."""
    rows = []
    for caption in captions:
        generator = torch.Generator().manual_seed(sum(caption.encode()) + 7 * len(caption))
        rows.append(3 * torch.rand(6, generator=generator))
    return torch.stack(rows)


def test_class_embeddings_are_the_naive_mean():
    wordings = [("cat",), ("dog", "hound"), ("bird",)]
    found = class_embeddings(wordings, TEMPLATES, encode_text, batch_size=2)
    for row, words in zip(found, wordings, strict=True):
        texts = [template.replace("{}", word) for word in words for template in TEMPLATES]
        parts = [encode_text([text])[0] for text in texts]
        mean = sum(part / part.norm() for part in parts) / len(parts)
        torch.testing.assert_close(row, mean / mean.norm())


def test_ranking_and_scores_agree_with_the_naive_ones():
    torch.manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(7, 6), dim=1)
    images, labels = torch.randn(23, 6), torch.arange(23) % 4
    seen = []
    batches = [(images[:10], labels[:10]), (images[10:], labels[10:])]
    ranked = rank_classes(batches, lambda x: 2 * x, embeddings, progress=seen.append)
    assert seen == [10, 13]
    cosines = torch.nn.functional.normalize(images, dim=1) @ embeddings.T
    assert ranked.classes.equal(cosines.argsort(dim=1, descending=True)[:, :5])
    found = accuracy(ranked, 7)
    right = cosines.argmax(dim=1) == labels
    assert found.top1.value == pytest.approx(right.float().mean().item())
    among = (cosines >= cosines.gather(1, labels[:, None])).sum(dim=1) <= 5
    assert found.top5.value == pytest.approx(among.float().mean().item())
    recalls = [right[labels == label].float().mean().item() for label in range(4)]
    assert found.recall.value == pytest.approx(np.mean(recalls))
    assert found.top1.low < found.top1.value < found.top1.high
    counts = confusion(ranked, 7)
    assert counts.sum() == 23
    assert counts.diagonal().sum() == right.sum()
    assert counts.sum(dim=1).tolist() == [6, 6, 6, 5, 0, 0, 0]


def test_labels_without_a_class_are_told():
    batches = [(torch.randn(2, 6), torch.tensor([0, 3]))]
    with pytest.raises(ValueError, match="labels go from 0 to 3, and there are 3 classes"):
        rank_classes(batches, lambda x: x, torch.eye(3, 6))
    with pytest.raises(ValueError, match="no pictures to classify"):
        rank_classes([], lambda x: x, torch.eye(3, 6))


def test_retrieval_agrees_with_the_naive_one():
    torch.manual_seed(0)
    images = torch.nn.functional.normalize(torch.randn(9, 4), dim=1)
    owners = torch.tensor([*range(9), *range(9)])
    texts = torch.nn.functional.normalize(images[owners] + 0.7 * torch.randn(18, 4), dim=1)
    found = {(one.direction, one.cut): one.share.value for one in retrieve(images, texts, owners)}
    cosines = images @ texts.T
    for cut in (1, 5, 10):
        naive = [bool((owners[row.topk(cut).indices] == i).any()) for i, row in enumerate(cosines)]
        assert found["image-to-text", cut] == pytest.approx(np.mean(naive))
        columns = zip(cosines.T, owners, strict=True)
        top = [owner in column.topk(min(cut, 9)).indices for column, owner in columns]
        assert found["text-to-image", cut] == pytest.approx(np.mean(top))
    chunked = retrieve(images, texts, owners, chunk=4)
    assert {(one.direction, one.cut): one.share.value for one in chunked} == found


def test_features_that_are_all_alike_find_nothing():
    same = torch.ones(12, 4) / 2
    assert all(one.share.value == 0 for one in retrieve(same, same, torch.arange(12), cuts=(1, 5)))
    with pytest.raises(ValueError, match="1 of 2 pictures have no caption"):
        retrieve(same[:2], same[:1], torch.tensor([0]))


def blobs(count, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    features = np.eye(3, 8)[labels] + 0.35 * rng.standard_normal((count, 8))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features.astype(np.float32), labels


def test_more_labels_help_a_probe():
    train, test = blobs(120, 0), blobs(300, 1)
    probes = few_shot(train, test, shots=(1, 16), draws=4)
    assert [one.shots for one in probes] == [1, 16]
    assert probes[0].accuracy.value < probes[1].accuracy.value
    whole = linear_probe(train, test)
    assert whole.shots is None
    assert whole.accuracy.value > 0.85
    assert few_shot(train, test, shots=(1, 16), draws=4) == probes
    with pytest.raises(ValueError, match="two classes or more"):
        linear_probe((train[0], np.zeros(120, np.int64)), test)


def test_the_confusion_picture_shows_where_pictures_went():
    ranked = Ranked(torch.tensor([[0], [0], [1]]), torch.tensor([0, 1, 1]))
    sheet = confusion_picture(confusion(ranked, 2), ("cat", "dog"), "half right")
    corner = sheet.width - 12 - 960, sheet.height - 12 - 960
    shades = [
        [sheet.getpixel((corner[0] + 480 * x + 240, corner[1] + 480 * y + 240)) for x in (0, 1)]
        for y in (0, 1)
    ]
    assert shades[0] == [(16, 42, 96), (255, 255, 255)]
    assert shades[1][0] == shades[1][1]
    many = confusion_picture(torch.eye(200, dtype=torch.int64), ("x",) * 200, "many")
    assert max(many.size) < 1100

import numpy as np
import pytest
import torch
from tiny_pictures import SIZE, tiny_judge

from lit_dalle.evaluation.real_pictures.judge import check_independent, clip_judge, rounded_hash
from lit_dalle.generation.clips import load_clip
from lit_dalle.generation.export import folder_hash, save_model
from lit_dalle.models.clip import at_size


@pytest.fixture
def place(tmp_path):
    net, letters = tiny_judge()
    save_model(net, tmp_path / "judge", tokenizer=letters)
    save_model(net, tmp_path / "small", tokenizer=letters, dtype=torch.bfloat16)
    return tmp_path


def test_pictures_and_labels_are_read_as_the_clip_does(place):
    clip = load_clip(place / "judge")
    judge = clip_judge(clip, ("{}", "a {} here"))
    pictures = np.random.default_rng(0).integers(0, 256, (130, 48, 48, 3), dtype=np.uint8)
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        wanted = clip.net.encode_image(at_size(images, SIZE))
        text = clip.net.encode_text(clip.tokenizer.encode(["dog", "a dog here"])).mean(0)
    torch.testing.assert_close(judge.image_features(pictures), wanted)
    torch.testing.assert_close(judge.label_features(["dog"])[0], text / text.norm())
    assert judge.label_features(["a label of many letters " * 9]).shape == (1, 8)


def test_the_pipelines_own_clip_is_refused_in_any_precision(place):
    own = load_clip(place / "small").net
    assert folder_hash(place / "small") != folder_hash(place / "judge")
    with pytest.raises(ValueError, match="the judge is the pipeline's own CLIP"):
        check_independent(load_clip(place / "judge").net, own)
    other, _ = tiny_judge(seed=2)
    check_independent(other, own)
    check_independent(other, None)
    assert rounded_hash(other) != rounded_hash(own)

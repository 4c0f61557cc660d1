from pathlib import Path

import pytest
import torch
from interop.reference_clip import random_clip, tokens

from lit_dalle.interop.matches import into_ours, into_theirs
from lit_dalle.interop.openai_clip import check_openai_sizes, openai_config, openai_names
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig

HERE = Path("weights.pt")
TOWERS = {"vit": {}, "resnet": {"stages": (1, 2, 1, 1), "vision_width": 4}}
SIZES = {"vit": {"vision_heads": 1}, "resnet": {"vision_heads": 2}}


def translated(weights):
    config = openai_config(weights, HERE)
    net = Clip(config)
    net.load_state_dict(into_ours(openai_names(config), weights, HERE))
    return net.eval()


@torch.no_grad()
@pytest.mark.parametrize("tower", TOWERS)
def test_features_are_those_of_the_plain_form(tower):
    reference = random_clip(**TOWERS[tower])
    ours = translated(reference.state_dict())
    images, text = torch.rand(3, 3, 64, 64), tokens()
    targets = (images - ours.vision.mean) / ours.vision.std
    for own, other in (
        (ours.encode_image(images), reference.encode_image(targets)),
        (ours.encode_text(text), reference.encode_text(text)),
    ):
        torch.testing.assert_close(own, other, rtol=0, atol=1e-5)
        assert other.std() > 0.1  # features differ, so that agreeing means something


@pytest.mark.parametrize("tower", TOWERS)
def test_there_and_back_every_bit_is_the_same(tower):
    weights = random_clip(**TOWERS[tower]).state_dict()
    ours = translated(weights)
    back = into_theirs(openai_names(ours.config), ours.state_dict())
    assert set(back) == set(weights)
    assert all(torch.equal(back[name], value) for name, value in weights.items())
    check_openai_sizes(ours.config)


def test_sizes_are_read_off_the_weights():
    config = openai_config(random_clip(**TOWERS["resnet"]).state_dict(), HERE)
    assert config == ClipConfig(
        image_size=64,
        embed_dim=12,
        vision_dim=4,
        vision_heads=2,
        vision_stages=(1, 2, 1, 1),
        text_vocab_size=40,
        text_len=9,
        eos_id=39,
        text_dim=64,
        text_depth=2,
        text_heads=1,
    )


def test_what_the_form_cannot_say_is_refused():
    with pytest.raises(ValueError, match="cannot say that text_heads is 2: its reader takes 1"):
        check_openai_sizes(ClipConfig(text_dim=64, text_heads=2, eos_id=49407))


def test_weights_of_something_else_are_named():
    weights = random_clip().state_dict()
    config = openai_config(weights, HERE)
    with pytest.raises(ValueError, match="holds no CLIP by OpenAI's names: it lacks 'ln_final"):
        openai_config({}, HERE)
    lacking = {name: value for name, value in weights.items() if "ln_pre" not in name}
    with pytest.raises(ValueError, match=r"weights.pt lacks visual.ln_pre.bias, visual.ln_pre"):
        into_ours(openai_names(config), lacking, HERE)
    with pytest.raises(ValueError, match="has more, which this architecture does not know"):
        into_ours(openai_names(config), weights | {"more": torch.ones(1)}, HERE)

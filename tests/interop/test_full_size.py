"""Parity at the published sizes, with random weights: the plain form and transformers' own."""

from pathlib import Path

import pytest
import torch
from interop.reference_clip import random_clip, tokens

from lit_dalle.interop.huggingface_clip import huggingface_names, read_huggingface_config
from lit_dalle.interop.matches import into_ours
from lit_dalle.interop.openai_clip import openai_config, openai_names
from lit_dalle.models.clip import Clip

HERE = Path("weights.pt")
TEXT = {"out": 512, "size": 224, "context": 77, "vocab": 49408, "width": 512, "layers": 12}
TOWERS = {
    "ViT-B/32": TEXT | {"vision_width": 768, "vision_layers": 12, "patch": 32},
    "RN50": TEXT | {"out": 1024, "vision_width": 64, "stages": (3, 4, 6, 3)},
}


@torch.no_grad()
@pytest.mark.parametrize("tower", TOWERS)
def test_features_are_those_of_the_plain_form(tower):
    reference = random_clip(**TOWERS[tower])
    weights = reference.state_dict()
    config = openai_config(weights, HERE)
    ours = Clip(config).eval()
    ours.load_state_dict(into_ours(openai_names(config), weights, HERE))
    images, text = torch.rand(2, 3, 224, 224), tokens(2, 77, 49408)
    targets = (images - ours.vision.mean) / ours.vision.std
    for own, other in (
        (ours.encode_image(images), reference.encode_image(targets)),
        (ours.encode_text(text), reference.encode_text(text)),
    ):
        assert (own - other).abs().max() <= 1e-5


@torch.no_grad()
def test_features_are_those_of_transformers():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    theirs = transformers.CLIPModel(transformers.CLIPConfig()).eval()
    for name, value in theirs.named_parameters():  # biases and gains that count
        if value.ndim < 2 and name != "logit_scale":
            value.add_(0.1 * torch.randn_like(value))
    facts = theirs.config.to_dict()
    facts["text_config"]["eos_token_id"] = 49407
    theirs.text_model.eos_token_id = 49407
    config = read_huggingface_config(facts, {}, HERE)
    ours = Clip(config).eval()
    ours.load_state_dict(into_ours(huggingface_names(config), theirs.state_dict(), HERE))
    images, text = torch.rand(2, 3, 224, 224), tokens(2, 77, 49408)
    targets = (images - ours.vision.mean) / ours.vision.std
    found = theirs(input_ids=text, pixel_values=targets)
    assert (found.image_embeds - ours.encode_image(images)).abs().max() <= 1e-5
    assert (found.text_embeds - ours.encode_text(text)).abs().max() <= 1e-5

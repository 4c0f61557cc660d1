import pytest
import torch
from torch import Tensor

from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig

EOS = 2
CONFIG = ClipConfig(
    image_size=16,
    patch_size=8,
    embed_dim=12,
    vision_dim=24,
    vision_depth=2,
    vision_heads=3,
    text_vocab_size=40,
    text_len=9,
    eos_id=EOS,
    text_dim=16,
    text_depth=2,
    text_heads=2,
)


def net(seed: int = 0) -> Clip:
    torch.manual_seed(seed)
    return Clip(CONFIG).eval()


def captions(*lengths: int) -> Tensor:
    """Random captions of these lengths, framed by [BOS] and [EOS] and padded with 0."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(3, 40, (len(lengths), CONFIG.text_len), generator=generator)
    tokens[:, 0] = 1
    for row, length in enumerate(lengths):
        tokens[row, length - 1] = EOS
        tokens[row, length:] = 0
    return tokens


@torch.no_grad()
def test_features_agree_with_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    shared = {"projection_dim": 12, "hidden_act": "quick_gelu"}
    text = {
        "vocab_size": 40,
        "hidden_size": 16,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 9,
        "bos_token_id": 1,
        "eos_token_id": 39,  # transformers reads eos_token_id 2 as "the highest id"
        "pad_token_id": 0,
    }
    vision = {
        "image_size": 16,
        "patch_size": 8,
        "hidden_size": 24,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
    }
    torch.manual_seed(0)
    config = transformers.CLIPConfig(
        text_config=text | shared, vision_config=vision | shared, projection_dim=12
    )
    reference = transformers.CLIPModel(config).eval()
    for parameter in reference.parameters():
        parameter.normal_(std=0.2)
    ours = Clip(ClipConfig(**{**vars(CONFIG), "eos_id": 39})).eval()
    ours.load_state_dict(translated(reference.state_dict()))

    images, tokens = torch.rand(3, 3, 16, 16), captions(9, 5, 7)
    tokens[tokens == 39], tokens[tokens == EOS] = 38, 39
    output = reference(
        input_ids=tokens,
        pixel_values=(images - ours.vision.mean) / ours.vision.std,
        attention_mask=torch.ones_like(tokens),
    )
    torch.testing.assert_close(ours.encode_image(images), output.image_embeds, rtol=0, atol=1e-5)
    torch.testing.assert_close(ours.encode_text(tokens), output.text_embeds, rtol=0, atol=1e-5)


def translated(reference: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of transformers' CLIPModel under our names."""
    names = {
        "vision.patches": "vision_model.embeddings.patch_embedding",
        "vision.norm_before": "vision_model.pre_layrnorm",
        "vision.norm_after": "vision_model.post_layernorm",
        "vision.projection": "visual_projection",
        "text.token_embedding": "text_model.embeddings.token_embedding",
        "text.norm_after": "text_model.final_layer_norm",
        "text.projection": "text_projection",
    }
    parts = {
        "attn.out": "self_attn.out_proj",
        "attn_norm": "layer_norm1",
        "mlp_norm": "layer_norm2",
        "mlp.up": "mlp.fc1",
        "mlp.down": "mlp.fc2",
    }
    ours = {
        "logit_scale": reference["logit_scale"],
        "vision.class_embedding": reference["vision_model.embeddings.class_embedding"],
    }
    for tower in ("vision", "text"):
        theirs = f"{tower}_model.embeddings.position_embedding.weight"
        ours[f"{tower}.position_embedding"] = reference[theirs]
        for layer in range(2):
            here, there = f"{tower}.blocks.{layer}", f"{tower}_model.encoder.layers.{layer}"
            names |= {f"{here}.{our}": f"{there}.{their}" for our, their in parts.items()}
            for kind in ("weight", "bias"):
                packed = [reference[f"{there}.self_attn.{part}_proj.{kind}"] for part in "qkv"]
                ours[f"{here}.attn.qkv.{kind}"] = torch.cat(packed)
    for our, their in names.items():
        found = {kind: f"{their}.{kind}" for kind in ("weight", "bias")}
        ours |= {f"{our}.{kind}": reference[key] for kind, key in found.items() if key in reference}
    return ours


@torch.no_grad()
def test_features_have_unit_norm_and_are_fp32_under_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = net()(torch.rand(2, 3, 16, 16), captions(4, 9))
    for features in (output.image_features, output.text_features):
        assert features.dtype == torch.float32
        torch.testing.assert_close(features.norm(dim=-1), torch.ones(2))


@torch.no_grad()
def test_a_net_in_bf16_runs() -> None:
    features = net().bfloat16().encode_image(torch.rand(2, 3, 16, 16))
    assert features.dtype == torch.float32
    assert net().bfloat16().encode_text(captions(4, 9)).isfinite().all()


@torch.no_grad()
def test_what_follows_the_end_of_a_caption_does_not_matter() -> None:
    tokens = captions(4, 9)
    changed = tokens.clone()
    changed[0, 4:] = torch.tensor([7, EOS, 8, 9, 1])
    torch.testing.assert_close(net().encode_text(tokens), net().encode_text(changed))
    torch.testing.assert_close(net().encode_text(tokens)[:1], net().encode_text(tokens[:1]))


@torch.no_grad()
def test_the_text_tower_is_causal_and_reads_all_before_the_end() -> None:
    tokens = captions(6)
    seen, unseen = tokens.clone(), tokens.clone()
    seen[0, 1] = tokens[0, 1] % 30 + 4
    unseen[0, 7] = 9
    assert not torch.allclose(net().encode_text(tokens), net().encode_text(seen), atol=1e-4)
    torch.testing.assert_close(net().encode_text(tokens), net().encode_text(unseen))


@torch.no_grad()
def test_every_patch_and_its_place_matter() -> None:
    images = torch.rand(1, 3, 16, 16)
    feature = net().encode_image(images)
    assert not torch.allclose(feature, net().encode_image(images.flip(-1)), atol=1e-4)


def test_a_caption_without_end_is_refused() -> None:
    tokens = captions(4, 9)
    tokens[tokens == EOS] = 5
    tokens[0, 3] = EOS
    with pytest.raises(ValueError, match=r"1 of 2 captions lack \[EOS\] \(id 2\)"):
        net().encode_text(tokens)


def test_wrong_sizes_are_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match=r"3 x 16 x 16, got 3 x 16 x 24"):
        net().encode_image(torch.rand(1, 3, 16, 24))
    with pytest.raises(ValueError, match="captions of 10 tokens, but this CLIP takes 9"):
        net().encode_text(torch.full((1, 10), EOS))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch_size": 5}, "image_size 16 must be a multiple of patch_size 5"),
        ({"vision_heads": 5}, "vision_dim 24 must be a multiple of vision_heads 5"),
        ({"text_heads": 3}, "text_dim 16 must be a multiple of text_heads 3"),
        ({"eos_id": 40}, "eos_id 40 must lie below text_vocab_size 40"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClipConfig(**{**vars(CONFIG), **change})


def test_the_defaults_are_vit_b_32() -> None:
    with torch.device("meta"):
        parameters = sum(p.numel() for p in Clip(ClipConfig()).parameters())
    assert parameters == 151_277_313  # of the released ViT-B/32


def test_initial_weights_have_the_published_spread() -> None:
    config = ClipConfig(vision_depth=2, text_depth=3, text_vocab_size=2000, eos_id=EOS)
    text = Clip(config).text
    expected = {
        text.token_embedding.weight: 0.02,
        text.position_embedding: 0.01,
        text.blocks[0].attn.qkv.weight: 512**-0.5,
        text.blocks[0].attn.out.weight: 512**-0.5 * 6**-0.5,
        text.blocks[0].mlp.up.weight: 1024**-0.5,
        text.blocks[0].mlp.down.weight: 512**-0.5 * 6**-0.5,
        text.projection.weight: 512**-0.5,
    }
    for weight, std in expected.items():
        assert weight.std().item() == pytest.approx(std, rel=0.03)

import json
from pathlib import Path

import pytest
import torch
from interop.reference_clip import random_clip, tokens
from PIL import Image
from safetensors.torch import load_file, save_file

from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.data.transforms import centre
from lit_dalle.interop.clip_forms import read_clip, write_clip
from lit_dalle.interop.clip_tokenizer import END, START, SUFFIX, read_tokenizer_folder
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig

transformers = pytest.importorskip("transformers")
WORDS = ("a", "photo", "of", "cat", "dog")
VIT = {"vision_width": 128, "vision_layers": 1, "vocab": 562, "context": 16}
RESNET = VIT | {"stages": (1, 1, 1, 1), "vision_width": 4}
CAPTIONS = ["a photo of a cat", "A dog", "a photo of a dog!"]


@pytest.fixture(scope="module")
def bpe(tmp_path_factory):
    """A published-style tokenizer of five words, as a Hugging Face folder."""
    folder = tmp_path_factory.mktemp("bpe")
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    symbols = [chr(byte) for byte in printable] + [chr(256 + at) for at in range(68)]
    ids = {symbol: at for at, symbol in enumerate([*symbols, *(s + SUFFIX for s in symbols)])}
    merges = []
    for word in WORDS:
        parts = [*word[:-1], word[-1] + SUFFIX]
        while len(parts) > 1:
            if tuple(parts[:2]) not in merges:
                merges.append(tuple(parts[:2]))
            parts[:2] = ["".join(parts[:2])]
            ids.setdefault(parts[0], len(ids))
    ids |= {START: 560, END: 561}
    (folder / "vocab.json").write_text(json.dumps(ids))
    lines = [" ".join(pair) for pair in merges]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *lines]))
    return folder


def tokenizer_of(bpe, text_len=16):
    return read_tokenizer_folder(bpe).framed(text_len, append_eos=True)


def same_weights(first, second):
    assert first.config == second.config
    own, other = first.state_dict(), second.state_dict()
    assert all(torch.equal(own[name], other[name]) for name in own)


def clip_of_ours(**changes):
    sizes = {
        "image_size": 32,
        "patch_size": 16,
        "embed_dim": 12,
        "vision_dim": 24,
        "vision_depth": 2,
        "vision_heads": 3,
        "text_vocab_size": 300,
        "text_len": 16,
        "eos_id": 2,
        "text_dim": 16,
        "text_depth": 2,
        "text_heads": 2,
    }
    torch.manual_seed(0)
    net = Clip(ClipConfig(**sizes | changes)).eval()
    for parameter in net.parameters():
        parameter.data.normal_(std=0.2)
    return net


@pytest.fixture
def hub_clip(bpe, tmp_path):
    """A random CLIPModel with its processor and tokenizer, saved by transformers."""
    shared = {"projection_dim": 12}
    text = {
        "vocab_size": 562,
        "hidden_size": 16,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 16,
        "bos_token_id": 560,
        "eos_token_id": 561,
    }
    vision = {
        "image_size": 32,
        "patch_size": 8,
        "hidden_size": 24,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
    }
    config = transformers.CLIPConfig(
        text_config=text | shared, vision_config=vision | shared, projection_dim=12
    )
    torch.manual_seed(0)
    model = transformers.CLIPModel(config).eval()
    for parameter in model.parameters():
        parameter.data.normal_(std=0.2)
    tokenizer = transformers.CLIPTokenizer.from_pretrained(bpe)
    processor = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    for part in (model, tokenizer, processor):
        part.save_pretrained(tmp_path / "hub")
    return tmp_path / "hub", model, tokenizer, processor


def picture(width, height):
    generator = torch.Generator().manual_seed(0)
    small = torch.randint(0, 256, (5, 6, 3), generator=generator, dtype=torch.uint8)
    return Image.fromarray(small.numpy()).resize((width, height), Image.Resampling.BICUBIC)


@torch.no_grad()
def test_a_hugging_face_folder_gives_the_same_features(hub_clip):
    folder, model, tokenizer, processor = hub_clip
    ours = read_clip(folder)
    assert ours.form == "huggingface"
    pictures = [picture(50, 40), picture(32, 32), picture(33, 70)]
    targets = processor(pictures, return_tensors="pt")["pixel_values"]
    images = torch.stack([pixels(centre(p, 32, "clip")) for p in pictures])
    off = (images - ours.net.vision.mean) / ours.net.vision.std - targets
    assert (off * ours.net.vision.std).abs().max() <= 1 / 255 + 1e-6
    text = tokenizer(CAPTIONS, padding=True, return_tensors="pt")
    output = model(**text, pixel_values=targets)
    encoded = ours.net.vision.features(targets)
    encoded = encoded / encoded.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(encoded, output.image_embeds, rtol=0, atol=1e-5)
    own = ours.net.encode_text(ours.tokenizer.encode(CAPTIONS))
    torch.testing.assert_close(own, output.text_embeds, rtol=0, atol=1e-5)


def pixels(picture):
    data = torch.tensor(list(picture.tobytes()), dtype=torch.float32)
    return data.view(picture.height, picture.width, 3).permute(2, 0, 1) / 255


@pytest.mark.parametrize("form", ["huggingface", "open_clip"])
def test_ours_there_and_back_every_bit_is_the_same(form, tmp_path):
    net = clip_of_ours(activation="gelu")
    tokenizer = CaptionTokenizer.train(CAPTIONS, 280).framed(16, append_eos=True)
    write_clip(net, tokenizer, tmp_path, form)
    back = read_clip(tmp_path)
    same_weights(back.net, net)
    assert back.tokenizer.encode(CAPTIONS).equal(tokenizer.encode(CAPTIONS))


@torch.no_grad()
def test_transformers_reads_what_we_write(tmp_path):
    net = clip_of_ours()
    tokenizer = CaptionTokenizer.train(CAPTIONS, 280).framed(16, append_eos=True)
    write_clip(net, tokenizer, tmp_path, "huggingface")
    model = transformers.CLIPModel.from_pretrained(tmp_path).eval()
    text = transformers.AutoTokenizer.from_pretrained(tmp_path)(
        CAPTIONS, padding="max_length", max_length=16, return_tensors="pt"
    )
    images = torch.rand(2, 3, 32, 32)
    targets = (images - net.vision.mean) / net.vision.std
    output = model(input_ids=text["input_ids"], pixel_values=targets)
    own = net.encode_text(tokenizer.encode(CAPTIONS))
    torch.testing.assert_close(output.text_embeds, own, rtol=0, atol=1e-5)
    torch.testing.assert_close(output.image_embeds, net.encode_image(images), rtol=0, atol=1e-5)


@pytest.mark.parametrize("sizes", [VIT, RESNET])
def test_openai_s_state_there_and_back_every_bit_is_the_same(sizes, bpe, tmp_path):
    weights = random_clip(**sizes).state_dict()
    named = ("conv", "proj", "c_fc", "attn.in", "text_projection", "downsample.0")
    halves = {
        name: value.half() if any(part in name for part in named) else value
        for name, value in weights.items()
    }
    torch.save(halves, tmp_path / "model.pt")
    read = read_clip(tmp_path / "model.pt", bpe)
    (tmp_path / "back").mkdir()
    write_clip(read.net, read.tokenizer, tmp_path / "back", "openai")
    back = torch.load(tmp_path / "back" / "model.pt", weights_only=True)
    assert set(back) == set(weights)
    for name, value in halves.items():
        assert torch.equal(back[name].float(), value.float()), name
    same_weights(read_clip(tmp_path / "back" / "model.pt", bpe).net, read.net)


@pytest.mark.filterwarnings("ignore")  # of tracing, whose future is not ours
@torch.no_grad()
def test_openai_s_archive_is_read_without_its_code(bpe, tmp_path):
    reference = random_clip(**VIT)

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name, part in reference.named_children():
                setattr(self, name, part)
            for name, part in reference.named_parameters(recurse=False):
                setattr(self, name, part)
            self.register_buffer("input_resolution", torch.tensor(64))

        encode_image, encode_text = reference.encode_image, reference.encode_text

        def forward(self, targets, text):
            return reference.visual(targets), reference.encode_text(text)

    example = (torch.rand(1, 3, 64, 64), tokens(1, 16, 562))
    reference.forward = lambda targets, text: (
        reference.encode_image(targets),
        reference.encode_text(text),
    )
    torch.jit.trace(reference, example).save(str(tmp_path / "ViT.pt"))
    ours = read_clip(tmp_path / "ViT.pt", bpe)
    assert ours.form == "openai"
    images, text = torch.rand(2, 3, 64, 64), tokens(2, 16, 562)
    expected = reference.encode_image((images - ours.net.vision.mean) / ours.net.vision.std)
    torch.testing.assert_close(ours.net.encode_image(images), expected, rtol=0, atol=1e-5)
    expected = reference.encode_text(text)
    torch.testing.assert_close(ours.net.encode_text(text), expected, rtol=0, atol=1e-5)


def test_open_clip_s_state_in_any_wrapping(bpe, tmp_path):
    weights = random_clip(**VIT).state_dict()
    save_file({name: v.contiguous() for name, v in weights.items()}, tmp_path / "a.safetensors")
    wrapped = {f"module.{name}": value for name, value in weights.items()}
    torch.save({"state_dict": wrapped, "epoch": 3}, tmp_path / "b.pt")
    first, second = (read_clip(tmp_path / name, bpe) for name in ("a.safetensors", "b.pt"))
    same_weights(first.net, second.net)


def test_the_hugging_face_form_has_no_resnet(tmp_path, bpe):
    torch.save(random_clip(**RESNET).state_dict(), tmp_path / "model.pt")
    read = read_clip(tmp_path / "model.pt", bpe)
    with pytest.raises(ValueError, match="the Hugging Face form has no ResNet towers: export to"):
        write_clip(read.net, read.tokenizer, tmp_path, "huggingface")
    (tmp_path / "open").mkdir()
    write_clip(read.net, read.tokenizer, tmp_path / "open", "open_clip")
    same_weights(read_clip(tmp_path / "open").net, read.net)


def change(path: Path, *keys, value):
    facts = json.loads(path.read_text())
    part = facts
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    path.write_text(json.dumps(facts))


@pytest.mark.parametrize(
    ("file", "keys", "value", "what"),
    [
        ("config.json", ["model_type"], "bert", "holds a model of type 'bert'"),
        ("config.json", ["text_config", "hidden_act"], "gelu", "another activation in each"),
        ("config.json", ["text_config", "hidden_size"], 32, "MLPs of 64 in a width of 32"),
        ("config.json", ["projection_dim"], 24, r"\[12, 24\], the config asks for \[24, 24\]"),
        ("preprocessor_config.json", ["resample"], 2, "with resample 2, here it is 3"),
    ],
)
def test_another_architecture_says_what_differs(hub_clip, file, keys, value, what):
    folder = hub_clip[0]
    change(folder / file, *keys, value=value)
    with pytest.raises(ValueError, match=what) as caught:
        read_clip(folder)
    assert "\n" not in str(caught.value)


def test_missing_and_damaged_files_are_told_in_one_line(hub_clip, tmp_path):
    folder = hub_clip[0]
    torch.save(random_clip(**VIT).state_dict(), tmp_path / "model.pt")
    with pytest.raises(FileNotFoundError, match="brings no tokenizer: name OpenAI's bpe_simple"):
        read_clip(tmp_path / "model.pt")
    with pytest.raises(FileNotFoundError, match="no CLIP at"):
        read_clip(tmp_path / "gone")
    weights = load_file(folder / "model.safetensors")
    weights.pop("logit_scale")
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ValueError, match="lacks logit_scale: it holds a net of another"):
        read_clip(folder)
    (folder / "model.safetensors").write_bytes(b"hello")
    with pytest.raises(ValueError, match="is corrupt"):
        read_clip(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no model.safetensors"):
        read_clip(folder)

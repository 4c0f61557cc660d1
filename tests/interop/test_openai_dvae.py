import sys
from collections import OrderedDict
from types import ModuleType

import pytest
import torch
from torch import nn

from lit_dalle.interop.openai_dvae import read_openai_dvae, write_openai_dvae
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig


@pytest.fixture
def dall_e(monkeypatch):
    """The released package's classes, written the plain way, under its names."""
    found = {}
    for name in ("dall_e", "dall_e.utils", "dall_e.encoder", "dall_e.decoder"):
        found[name] = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, found[name])

    class Conv2d(nn.Module):
        def __init__(self, n_in, n_out, kw):
            super().__init__()
            self.w = nn.Parameter(torch.randn(n_out, n_in, kw, kw) / (n_in * kw**2) ** 0.5)
            self.b = nn.Parameter(0.1 * torch.randn(n_out))
            self.device = torch.device("cpu")

        def forward(self, x):
            return nn.functional.conv2d(x, self.w, self.b, padding=self.w.shape[-1] // 2)

    class EncoderBlock(nn.Module):
        kernels = (3, 3, 3, 1)

        def __init__(self, n_in, n_out, n_layers):
            super().__init__()
            self.post_gain = 1 / n_layers**2
            dims = (n_in, *[n_out // 4] * 3, n_out)
            self.id_path = Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()
            layers = OrderedDict()
            for i in range(4):
                layers[f"relu_{i + 1}"] = nn.ReLU()
                layers[f"conv_{i + 1}"] = Conv2d(dims[i], dims[i + 1], self.kernels[i])
            self.res_path = nn.Sequential(layers)

        def forward(self, x):
            return self.id_path(x) + self.post_gain * self.res_path(x)

    class DecoderBlock(EncoderBlock):
        kernels = (1, 3, 3, 3)

    class Encoder(nn.Module):
        def __init__(self, n_hid=8, vocab=24, widths=(1, 2, 4, 8)):
            super().__init__()
            layers, before = OrderedDict(input=Conv2d(3, n_hid, 7)), 1
            for number, width in enumerate(widths, start=1):
                parts = OrderedDict()
                for i in range(2):
                    n_in = n_hid * (width if i else before)
                    parts[f"block_{i + 1}"] = EncoderBlock(n_in, n_hid * width, 8)
                if number < len(widths):
                    parts["pool"] = nn.MaxPool2d(kernel_size=2)
                layers[f"group_{number}"], before = nn.Sequential(parts), width
            output = OrderedDict(relu=nn.ReLU(), conv=Conv2d(n_hid * before, vocab, 1))
            layers["output"] = nn.Sequential(output)
            self.blocks = nn.Sequential(layers)

        def forward(self, x):
            return self.blocks(x)

    class Decoder(nn.Module):
        def __init__(self, n_init=16, n_hid=8, vocab=24, widths=(8, 4, 2, 1)):
            super().__init__()
            layers, before = OrderedDict(input=Conv2d(vocab, n_init, 1)), n_init
            for number, width in enumerate(widths, start=1):
                parts = OrderedDict()
                for i in range(2):
                    n_in = n_hid * width if i else before
                    parts[f"block_{i + 1}"] = DecoderBlock(n_in, n_hid * width, 8)
                if number < len(widths):
                    parts["upsample"] = nn.Upsample(scale_factor=2, mode="nearest")
                layers[f"group_{number}"], before = nn.Sequential(parts), n_hid * width
            output = OrderedDict(relu=nn.ReLU(), conv=Conv2d(before, 6, 1))
            layers["output"] = nn.Sequential(output)
            self.blocks = nn.Sequential(layers)

        def forward(self, x):
            return self.blocks(x)

    places = {"utils": [Conv2d], "encoder": [Encoder, EncoderBlock]}
    places["decoder"] = [Decoder, DecoderBlock]
    for place, classes in places.items():
        for cls in classes:
            cls.__module__, cls.__qualname__ = f"dall_e.{place}", cls.__name__
            setattr(found[f"dall_e.{place}"], cls.__name__, cls)
    torch.manual_seed(0)
    return Encoder(), Decoder()


@torch.no_grad()
def test_pickled_modules_compute_the_same_here(dall_e, tmp_path):
    encoder, decoder = dall_e
    torch.save(encoder, tmp_path / "encoder.pkl")
    torch.save(decoder, tmp_path / "decoder.pkl")
    ours = read_openai_dvae(tmp_path, image_size=32)
    assert ours.config.hidden == 8
    assert (ours.config.codebook_size, ours.config.codebook_dim) == (24, 16)
    images = torch.rand(2, 3, 32, 32)
    expected = encoder(images * 0.8 + 0.1)
    torch.testing.assert_close(ours.encode_latents(images), expected, rtol=1e-4, atol=1e-5)
    tokens = expected.argmax(dim=1)
    assert torch.equal(ours.encode(images), tokens.flatten(1))
    codes = nn.functional.one_hot(tokens, 24).permute(0, 3, 1, 2).float()
    maps = ours.decode_maps(tokens.flatten(1))
    torch.testing.assert_close(maps, decoder(codes), rtol=1e-4, atol=1e-5)


def test_there_and_back_every_bit_is_the_same(dall_e, tmp_path):
    for name, half in zip(("encoder", "decoder"), dall_e, strict=True):
        torch.save(half, tmp_path / f"{name}.pkl")
    (tmp_path / "back").mkdir()
    write_openai_dvae(read_openai_dvae(tmp_path, 32), tmp_path / "back")
    for name, half in zip(("encoder", "decoder"), dall_e, strict=True):
        back = torch.load(tmp_path / "back" / f"{name}.pkl", weights_only=True)
        half.load_state_dict(back)  # the released classes take it
        assert all(torch.equal(back[key], value) for key, value in half.state_dict().items())
    again = read_openai_dvae(tmp_path / "back", 32)
    first = read_openai_dvae(tmp_path, 32).state_dict()
    assert all(torch.equal(first[name], value) for name, value in again.state_dict().items())


def test_a_dvae_of_another_shape_has_no_such_form(tmp_path):
    sizes = {"image_size": 32, "codebook_size": 24, "hidden": 8, "codebook_dim": 8}
    net = DiscreteVAE(DiscreteVAEConfig(**sizes, quantizer="vq"))
    with pytest.raises(ValueError, match="OpenAI's form has no quantizer vq, only gumbel"):
        write_openai_dvae(net, tmp_path)
    assert not list(tmp_path.iterdir())


def test_files_of_something_else_are_named(tmp_path):
    for half in ("encoder", "decoder"):
        torch.save({"a": torch.ones(1)}, tmp_path / f"{half}.pkl")
    with pytest.raises(ValueError, match=r"holds no dVAE of OpenAI's: it lacks 'encoder"):
        read_openai_dvae(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no file .*encoder.pkl"):
        read_openai_dvae(tmp_path / "none")

import json

import pytest
import torch

from lit_dalle.cli.main import main
from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.generation.clips import load_clip
from lit_dalle.generation.export import load_model, save_model
from lit_dalle.models.clip import Clip
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig

CAPTIONS = ["a red star", "a blue circle"]


@pytest.fixture
def clip(tmp_path):
    """An exported CLIP of ours."""
    config = ClipConfig(
        image_size=32,
        patch_size=16,
        embed_dim=8,
        vision_dim=16,
        vision_depth=1,
        vision_heads=2,
        text_vocab_size=300,
        text_len=12,
        eos_id=2,
        text_dim=16,
        text_depth=1,
        text_heads=2,
        activation="gelu",
    )
    torch.manual_seed(0)
    tokenizer = CaptionTokenizer.train(CAPTIONS, 280).framed(12, append_eos=True)
    save_model(Clip(config), tmp_path / "clip", tokenizer=tokenizer)
    return tmp_path / "clip"


@torch.no_grad()
@pytest.mark.parametrize("form", ["huggingface", "open_clip"])
def test_a_clip_goes_out_and_comes_back(clip, tmp_path, form):
    main(["convert", str(clip), str(tmp_path / "out"), "--form", form])
    main(["convert", str(tmp_path / "out"), str(tmp_path / "back")])
    first, theirs, back = (load_clip(tmp_path / name) for name in ("clip", "out", "back"))
    assert theirs.form == form
    assert back.hash == first.hash
    tokens = first.tokenizer.encode(CAPTIONS)
    assert back.tokenizer.encode(CAPTIONS).equal(tokens)
    expected = first.net.encode_text(tokens)
    torch.testing.assert_close(theirs.net.encode_text(theirs.tokenizer.encode(CAPTIONS)), expected)


def test_a_dvae_goes_out_and_comes_back(tmp_path):
    config = DiscreteVAEConfig(image_size=32, codebook_size=16, hidden=8, codebook_dim=8)
    save_model(DiscreteVAE(config), tmp_path / "dvae")
    main(["convert", str(tmp_path / "dvae"), str(tmp_path / "out"), "--form", "openai"])
    command = ["convert", str(tmp_path / "out"), str(tmp_path / "back"), "--image_size", "32"]
    main(command)
    first, back = (load_model(tmp_path / name, kind="dvae") for name in ("dvae", "back"))
    assert first.config == back.config
    weights = back.state_dict()
    assert all(torch.equal(weights[name], w) for name, w in first.state_dict().items())


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["gone", "out"], "no CLIP gone"),
        (["clip", "out", "--form", "openai"], "cannot say that vision_heads is 2"),
        (["dvae", "out", "--form", "huggingface"], "a dVAE has no huggingface form"),
        (["clip", "full"], "holds something else"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    clip, tmp_path, monkeypatch, capsys, arguments, what
):
    monkeypatch.chdir(tmp_path)
    sizes = {"image_size": 32, "codebook_size": 16, "hidden": 8, "codebook_dim": 8}
    save_model(DiscreteVAE(DiscreteVAEConfig(**sizes)), "dvae")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").touch()
    with pytest.raises(SystemExit) as left:
        main(["convert", *arguments])
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert what in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_net_of_another_kind_is_no_clip(tmp_path, capsys):
    (tmp_path / "config.json").write_text(json.dumps({"kind": "dalle", "format": 1, "config": {}}))
    with pytest.raises(SystemExit):
        main(["convert", str(tmp_path), str(tmp_path / "out")])
    assert "holds a dalle, a clip is needed here" in capsys.readouterr().err

import json

import pytest
import torch
from safetensors.torch import load_file

from lit_dalle.generation.export import (
    folder_hash,
    load_model,
    load_tokenizer,
    read_config,
    save_model,
    tokens_hash,
)


@pytest.fixture
def nets(tiny_nets):
    return {"dvae": tiny_nets.dvae, "dalle": tiny_nets.prior, "clip": tiny_nets.clip}


def edit_config(folder, **changes):
    path = folder / "config.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps(found | changes))


@pytest.mark.parametrize("kind", ["dvae", "dalle", "clip"])
def test_net_comes_back_the_same(nets, kind, tmp_path):
    save_model(nets[kind], tmp_path / "net")
    before = torch.get_rng_state()
    net = load_model(tmp_path / "net", kind=kind)
    assert torch.equal(torch.get_rng_state(), before), "loading moved the global random state"
    assert type(net) is type(nets[kind])
    assert net.config == nets[kind].config
    assert not net.training
    assert not any(parameter.requires_grad for parameter in net.parameters())
    tensors = dict(nets[kind].named_parameters()) | dict(nets[kind].named_buffers())
    found = dict(net.named_parameters()) | dict(net.named_buffers())
    assert found.keys() == tensors.keys()
    for name, value in tensors.items():
        assert torch.equal(found[name], value), name


def test_bf16_storage_keeps_vectors_in_fp32(nets, tmp_path):
    save_model(nets["dalle"], tmp_path / "net", dtype=torch.bfloat16)
    for name, value in load_file(tmp_path / "net" / "model.safetensors").items():
        assert value.dtype == (torch.bfloat16 if value.ndim >= 2 else torch.float32), name
    net = load_model(tmp_path / "net")
    for name, value in nets["dalle"].state_dict().items():
        found = net.state_dict()[name]
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, value, rtol=2**-8, atol=0, msg=name)
    low = load_model(tmp_path / "net", dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in low.parameters()} == {torch.bfloat16}


def test_tokenizer_and_facts_go_along(tiny_nets, tmp_path):
    save_model(
        tiny_nets.prior,
        tmp_path / "net",
        tokenizer=tiny_nets.prior_tokenizer,
        extra={"dvae_hash": "abc"},
    )
    tokenizer = load_tokenizer(tmp_path / "net")
    assert torch.equal(
        tokenizer.encode(["a red star"]), tiny_nets.prior_tokenizer.encode(["a red star"])
    )
    assert tokenizer.unknown_words("a red zebra") == ["zebra"]
    assert read_config(tmp_path / "net")["extra"] == {"dvae_hash": "abc"}


def test_hash_follows_config_and_weights_only(nets, tmp_path):
    net = nets["dvae"]
    save_model(net, tmp_path / "one")
    save_model(net, tmp_path / "two", extra={"note": "of no weight"})
    assert folder_hash(tmp_path / "one") == folder_hash(tmp_path / "two")
    path = tmp_path / "two" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=7, sort_keys=True))
    assert folder_hash(tmp_path / "one") == folder_hash(tmp_path / "two")
    next(net.parameters()).data.add_(1)
    save_model(net, tmp_path / "two")
    assert folder_hash(tmp_path / "one") != folder_hash(tmp_path / "two")


def test_hash_of_the_tokens_follows_all_of_a_dvae_but_its_decoder(nets, tmp_path):
    net = nets["dvae"]
    save_model(net, tmp_path / "one")
    next(net.decoder.parameters()).data.add_(1)
    save_model(net, tmp_path / "decoder")
    assert tokens_hash(tmp_path / "decoder") == tokens_hash(tmp_path / "one")
    next(net.encoder.parameters()).data.add_(1)
    save_model(net, tmp_path / "encoder")
    assert tokens_hash(tmp_path / "encoder") != tokens_hash(tmp_path / "one")
    save_model(nets["clip"], tmp_path / "clip")
    with pytest.raises(ValueError, match="holds a clip, a dvae is needed"):
        tokens_hash(tmp_path / "clip")


def test_missing_or_foreign_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"no config\.json"):
        load_model(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        folder_hash(tmp_path / "nowhere")


def test_wrong_kind(nets, tmp_path):
    save_model(nets["clip"], tmp_path / "net")
    with pytest.raises(ValueError, match="holds a clip, a dvae is needed"):
        load_model(tmp_path / "net", kind="dvae")


def test_corrupt_or_missing_weights(nets, tmp_path):
    save_model(nets["dvae"], tmp_path / "net")
    weights = tmp_path / "net" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model\.safetensors is corrupt"):
        load_model(tmp_path / "net")
    weights.unlink()
    with pytest.raises(FileNotFoundError, match=r"no model\.safetensors"):
        load_model(tmp_path / "net")


def test_weights_that_do_not_fit_are_named_with_both_shapes(nets, tmp_path):
    save_model(nets["dvae"], tmp_path / "net")
    config = read_config(tmp_path / "net")["config"]
    edit_config(tmp_path / "net", config=config | {"codebook_size": 13})
    with pytest.raises(ValueError, match=r"encoder\S*weight .*\(12,.*\(13,"):
        load_model(tmp_path / "net")
    edit_config(tmp_path / "net", config=config | {"blocks_per_group": 3})
    with pytest.raises(ValueError, match=r"lacks the weight .*block_3"):
        load_model(tmp_path / "net")
    edit_config(tmp_path / "net", config=config | {"blocks_per_group": 1})
    with pytest.raises(ValueError, match=r"has a weight .*block_2"):
        load_model(tmp_path / "net")


def test_configs_of_other_versions(nets, tmp_path):
    save_model(nets["dvae"], tmp_path / "net")
    config = read_config(tmp_path / "net")["config"]
    edit_config(tmp_path / "net", config=config | {"flavour": "mint"})
    with pytest.raises(ValueError, match="flavour"):
        load_model(tmp_path / "net")
    edit_config(tmp_path / "net", config=config, format=2)
    with pytest.raises(ValueError, match="format 2"):
        load_model(tmp_path / "net")
    edit_config(tmp_path / "net", format=1, kind="gan")
    with pytest.raises(ValueError, match="gan"):
        load_model(tmp_path / "net")
    old = {name: value for name, value in config.items() if name != "codebook_gain"}
    edit_config(tmp_path / "net", kind="dvae", config=old)
    load_model(tmp_path / "net")  # fields that came later have defaults


def test_other_modules_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Linear cannot be exported"):
        save_model(torch.nn.Linear(1, 1), tmp_path / "net")
    assert not (tmp_path / "net").exists()


def test_failed_export_leaves_the_old_one(nets, tmp_path, monkeypatch):
    save_model(nets["dvae"], tmp_path / "net")
    before = folder_hash(tmp_path / "net")

    def full_disk(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr("lit_dalle.generation.export.save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_model(nets["dvae"], tmp_path / "net", dtype=torch.bfloat16)
    assert folder_hash(tmp_path / "net") == before
    assert [path.name for path in tmp_path.iterdir()] == ["net"]

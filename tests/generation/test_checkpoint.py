import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint

from lit_dalle.generation.checkpoint import export_checkpoint, read_checkpoint
from lit_dalle.generation.export import load_model, load_tokenizer, read_config, tokens_hash

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
    "ignore:You're using the WeightAveraging callback with a model that overrides",
    "ignore:Checkpoint directory .* exists and is not empty",
)
KINDS = ["dvae", "dalle", "clip"]


def train(run, folder, averaging):
    """Train and return the checkpoint written before the end of training."""
    callbacks = [ModelCheckpoint(folder, filename="last", save_on_train_epoch_end=False)]
    if averaging:
        callbacks.append(EMAWeightAveraging(decay=0.9))
    run.fit(folder, callbacks)
    return folder / "last.ckpt"


def net_weights(state):
    return {name[4:]: value for name, value in state.items() if name.startswith("net.")}


def same(net, weights):
    own = net.state_dict()
    assert own.keys() == weights.keys()
    return all(torch.equal(own[name], value) for name, value in weights.items())


@pytest.mark.parametrize("kind", KINDS)
def test_averaged_weights_are_exported_and_the_last_on_demand(tiny_runs, kind, tmp_path):
    checkpoint = train(tiny_runs[kind], tmp_path, averaging=True)
    assert export_checkpoint(checkpoint, tmp_path / "ema") == kind
    export_checkpoint(checkpoint, tmp_path / "last", ema=False)
    state = torch.load(checkpoint, weights_only=True)
    averaged, last = state["state_dict"], state["current_model_state"]
    assert same(load_model(tmp_path / "ema", kind=kind), net_weights(averaged))
    assert same(load_model(tmp_path / "last", kind=kind), net_weights(last))
    assert not same(load_model(tmp_path / "ema"), net_weights(last))
    # when training ends Lightning leaves the average in the module
    assert same(load_model(tmp_path / "ema"), tiny_runs[kind].module.net.state_dict())


@pytest.mark.parametrize("kind", KINDS)
def test_without_averaging_there_is_one_set(tiny_runs, kind, tmp_path):
    checkpoint = train(tiny_runs[kind], tmp_path, averaging=False)
    for ema in (True, False):
        export_checkpoint(checkpoint, tmp_path / str(ema), ema=ema)
        assert same(load_model(tmp_path / str(ema)), tiny_runs[kind].module.net.state_dict())


def test_tokenizer_words_and_dvae_hash_come_from_the_checkpoint(tiny_runs, tmp_path):
    run = tiny_runs["dalle"]
    checkpoint = train(run, tmp_path, averaging=False)
    export_checkpoint(checkpoint, tmp_path / "prior")
    assert load_tokenizer(tmp_path / "prior").to_json() == run.data.tokenizer.to_json()
    assert load_tokenizer(tmp_path / "prior").words == run.data.tokenizer.words
    kept = read_config(tmp_path / "prior")["extra"]["dvae_hash"]
    assert kept == tokens_hash(tmp_path / "dvae-of-the-prior")


def test_checkpoint_without_tokenizer_is_refused(tiny_runs, tmp_path):
    checkpoint = train(tiny_runs["clip"], tmp_path, averaging=False)
    state = torch.load(checkpoint, weights_only=True)
    (data,) = (name for name in state if name.endswith("TinyData"))
    del state[data]
    torch.save(state, checkpoint)
    with pytest.raises(ValueError, match="holds no tokenizer"):
        export_checkpoint(checkpoint, tmp_path / "net")
    assert not (tmp_path / "net").exists()


def test_missing_and_corrupt_checkpoints(tiny_runs, tmp_path):
    checkpoint = train(tiny_runs["dvae"], tmp_path, averaging=False)
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        read_checkpoint(tmp_path / "none.ckpt")
    whole = checkpoint.read_bytes()
    for content in (b"", b"not a checkpoint", whole[: len(whole) // 2], whole[:-30]):
        checkpoint.write_bytes(content)
        with pytest.raises(ValueError, match=r"last\.ckpt is corrupt") as raised:
            export_checkpoint(checkpoint, tmp_path / "net")
        assert "\n" not in str(raised.value)
    for other in ({"state_dict": {}}, [1], {"state_dict": {}, "hyper_parameters": {"config": 1}}):
        torch.save(other, checkpoint)
        with pytest.raises(ValueError, match="no checkpoint of a net of ours"):
            export_checkpoint(checkpoint, tmp_path / "net")
    torch.save({"state_dict": {}, "hyper_parameters": {"config": {"depth": 3}}}, checkpoint)
    with pytest.raises(ValueError, match="no net we know: depth"):
        export_checkpoint(checkpoint, tmp_path / "net")
    assert not (tmp_path / "net").exists()


def test_weights_that_do_not_fit_are_named(tiny_runs, tmp_path):
    checkpoint = train(tiny_runs["dvae"], tmp_path, averaging=False)
    state = torch.load(checkpoint, weights_only=True)
    state["hyper_parameters"]["config"]["codebook_size"] = 13
    torch.save(state, checkpoint)
    with pytest.raises(ValueError, match=r"has shape \(12.*asks for \(13"):
        export_checkpoint(checkpoint, tmp_path / "net")

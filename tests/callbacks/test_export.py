import pytest
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint

from lit_dalle.callbacks.export import ExportCallback
from lit_dalle.generation.export import (
    folder_hash,
    load_model,
    load_tokenizer,
    read_config,
    tokens_hash,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
    "ignore:You're using the WeightAveraging callback with a model that overrides",
    "ignore:Checkpoint directory .* exists and is not empty",
)


def averaged(checkpoint):
    state = torch.load(checkpoint, weights_only=True)
    assert "current_model_state" in state
    return {name[4:]: value for name, value in state["state_dict"].items() if name[:4] == "net."}


def assert_same(net, weights):
    for name, value in net.state_dict().items():
        assert torch.equal(value, weights[name]), name


@pytest.mark.parametrize("first", [True, False], ids=["export-first", "average-first"])
@pytest.mark.parametrize("kind", ["dvae", "dalle", "clip"])
def test_averaged_net_is_exported_in_any_order_of_callbacks(tiny_runs, kind, first, tmp_path):
    run = tiny_runs[kind]
    callbacks = [ExportCallback(str(tmp_path / "net")), EMAWeightAveraging(decay=0.9)]
    checkpoint = ModelCheckpoint(tmp_path, filename="last", save_on_train_epoch_end=False)
    run.fit(tmp_path, [*(callbacks if first else callbacks[::-1]), checkpoint])
    assert_same(load_model(tmp_path / "net", kind=kind), averaged(tmp_path / "last.ckpt"))
    if kind != "dvae":
        assert load_tokenizer(tmp_path / "net").words == run.data.tokenizer.words
    if kind == "dalle":
        kept = read_config(tmp_path / "net")["extra"]["dvae_hash"]
        assert kept == tokens_hash(tmp_path / "dvae-of-the-prior")


def test_best_checkpoint_is_exported(tiny_runs, tmp_path):
    best = ModelCheckpoint(
        tmp_path, filename="best", monitor="val/loss", mode="max", save_on_train_epoch_end=False
    )
    callbacks = [EMAWeightAveraging(decay=0.5), ExportCallback(str(tmp_path / "net"), "best"), best]
    tiny_runs["dvae"].fit(tmp_path, callbacks, val_check_interval=1)
    state = torch.load(best.best_model_path, weights_only=True)
    assert state["global_step"] < 4, "the highest loss should be an early one"
    assert_same(load_model(tmp_path / "net"), averaged(best.best_model_path))


def test_interrupted_run_leaves_the_old_export(tiny_runs, tmp_path):
    class Trip(Callback):
        def on_train_batch_end(self, *_):
            raise RuntimeError("tripped")

    run = tiny_runs["dvae"]
    run.fit(tmp_path, [ExportCallback(str(tmp_path / "net"))])
    before = folder_hash(tmp_path / "net")
    with pytest.raises(RuntimeError, match="tripped"):
        run.fit(tmp_path, [ExportCallback(str(tmp_path / "net")), Trip()])
    assert folder_hash(tmp_path / "net") == before


def test_resuming_a_finished_run_does_not_export_unaveraged_weights(tiny_runs, tmp_path):
    def callbacks():
        return [
            EMAWeightAveraging(decay=0.9),
            ExportCallback(str(tmp_path / "net")),
            ModelCheckpoint(tmp_path, filename="last", save_on_train_epoch_end=False),
        ]

    run = tiny_runs["dvae"]
    run.fit(tmp_path, callbacks())
    before = folder_hash(tmp_path / "net")
    run.fit(tmp_path, callbacks(), ckpt_path=str(tmp_path / "last.ckpt"), max_steps=4)
    assert folder_hash(tmp_path / "net") == before


def test_foreign_folder_is_refused_before_training(tiny_runs, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    run = tiny_runs["dvae"]
    with pytest.raises(ValueError, match="holds something else"):
        run.fit(tmp_path, [ExportCallback(str(tmp_path / "precious"))])
    assert run.module.trainer.global_step == 0


def test_missing_tokenizer_is_said_before_training(tiny_runs, tmp_path):
    run = tiny_runs["clip"]
    run.data.tokenizer = None
    with pytest.raises(ValueError, match="no tokenizer"):
        run.fit(tmp_path, [ExportCallback(str(tmp_path / "net"))])
    assert run.module.trainer.global_step == 0

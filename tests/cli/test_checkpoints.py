"""A run goes on from where it stopped, also when it had stopped getting better."""

import pytest
import torch
from recipes import lay_out, tiny

from lit_dalle.cli.main import main

pytestmark = pytest.mark.filterwarnings("default")


def test_last_is_the_last_also_when_it_is_not_the_best(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    command = tiny("lit-dalle fit --config configs/world/dvae.yaml")
    steps = ["--trainer.max_steps=6", "--trainer.val_check_interval=2"]
    main([*command, *steps, "--checkpoint.mode=max"])  # the loss falls: the first is the best
    folder = tmp_path / "runs/world/dvae/checkpoints"
    found = {
        path.stem: torch.load(path, weights_only=True)["global_step"] for path in folder.iterdir()
    }
    assert set(found) == {"best", "last"}
    assert found["last"] == 6
    assert found["best"] < 6

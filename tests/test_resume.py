"""A run that is killed in mid-epoch and resumed has the losses of one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from recipes import FEW_ROWS, QUIET, lay_out, tiny
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_dalle.cli.main import main

STEPS = 18
"""Ten batches make an epoch: the run ends in mid-epoch."""


def fit(run: Path, tmp_path: Path) -> list[str]:
    """The shipped recipe of the prior, tiny in size only: its EMA, 2 workers, images encoded."""
    return [
        "fit",
        *("--config", "configs/world/dalle.yaml", "--config", "configs/overlays/tiny-dalle.yaml"),
        *FEW_ROWS,
        *QUIET,
        f"--run={run}",
        f"--trainer.max_steps={STEPS}",
        "--trainer.log_every_n_steps=1",
        "--trainer.val_check_interval=4",
        f"--model.init_args.dvae={tmp_path / 'runs/world/dvae/export'}",
        f"--data.tokenizer={tmp_path / 'runs/world/tokenizer.json'}",
        "--data.image_tokens=null",
        "--data.cache=false",
        "--data.num_workers=2",
        "--checkpoint.every_n_train_steps=3",
        "--checkpoint.monitor=null",
    ]


def losses(run: Path) -> dict[int, float]:
    """Training loss of every update, the latest where one was made twice."""
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    return {event.step: event.value for event in events.Scalars("train/loss")}


def start_and_kill(arguments: list[str], checkpoint: Path) -> None:
    """Start a run in a process of its own and kill it without warning after a checkpoint."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lit_dalle.cli.main", *arguments],
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # sums in the same order as in this process
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 200
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is None, process.stderr.read().decode()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()


@pytest.mark.filterwarnings("default")
def test_killed_run_resumes_with_the_same_losses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    main(tiny("lit-dalle prepare tokenizer --config configs/world/tokenizer.yaml"))
    for net in ("dvae", "clip"):
        main(tiny(f"lit-dalle fit --config configs/world/{net}.yaml"))

    main(fit(tmp_path / "whole", tmp_path))
    killed = fit(tmp_path / "killed", tmp_path)
    last = tmp_path / "killed/checkpoints/last.ckpt"
    start_and_kill(killed, last)
    before = losses(tmp_path / "killed")
    saved = torch.load(last, weights_only=True)["global_step"]
    main([*killed, f"--ckpt_path={last}"])

    whole, resumed = losses(tmp_path / "whole"), losses(tmp_path / "killed")
    assert len(whole) == STEPS
    assert max(before, default=0) < STEPS - 1, "it was killed too late to test anything"
    # A checkpoint is written before its step is logged: a kill in between loses that one line.
    assert whole.keys() - resumed.keys() <= {saved - 1}
    assert resumed == {step: loss for step, loss in whole.items() if step in resumed}

"""Two processes compute the same gradients as one."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

SCRIPT = Path(__file__).with_name("gradient_process.py")
Found = list[dict[str, Tensor]]


def run(processes: int, folder: Path) -> Found:
    folder.mkdir()
    running = [
        subprocess.Popen(
            [sys.executable, SCRIPT, str(rank), str(processes), folder],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    try:
        for process in running:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in running:
            process.kill()
    return [torch.load(folder / f"{rank}.pt") for rank in range(processes)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Tensor], Found]:
    """What one process finds, and what each of two finds."""
    folder = tmp_path_factory.mktemp("processes")
    return run(1, folder / "one")[0], run(2, folder / "two")


def difference(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference as a share of the norm; fp32 leaves about 2e-7."""
    return float((found - expected).norm() / expected.norm())


LOSSES = ["", "sigmoid "]
"""Before the names of what InfoNCE and the sigmoid loss give."""


@pytest.mark.parametrize("loss", LOSSES)
def test_the_mean_of_the_losses_is_the_loss_of_the_whole_batch(
    found: tuple[dict[str, Tensor], Found], loss: str
) -> None:
    one, two = found
    name = f"{loss}loss"
    torch.testing.assert_close((two[0][name] + two[1][name]) / 2, one[name])


EXACT = 3e-6
"""Largest difference of gradients of fp32, in whatever order a processor adds them up."""


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_of_the_bare_loss_are_those_of_one_process(
    found: tuple[dict[str, Tensor], Found], loss: str
) -> None:
    one, two = found
    for name in (f"{loss}images", f"{loss}texts"):  # DDP divides by the number of processes
        together = torch.cat([part[name] for part in two]) / 2
        assert difference(together, one[name]) < EXACT
    for name in (f"{loss}scale", f"{loss}bias"):
        if name in one:
            assert difference((two[0][name] + two[1][name]) / 2, one[name]) < EXACT


def test_gradients_of_the_net_in_ddp_are_those_of_one_process(
    found: tuple[dict[str, Tensor], Found],
) -> None:
    one, two = found
    names = [name for name in one if name.startswith("clip.")]
    assert "clip.logit_scale" in names
    for part in two:
        for name in names:
            assert difference(part[name], one[name]) < EXACT, name


@pytest.mark.parametrize("net", ["prior", "dvae"])
def test_gradients_of_the_other_nets_are_those_of_one_process(
    found: tuple[dict[str, Tensor], Found], net: str
) -> None:
    one, two = found
    names = [name for name in one if name.startswith(f"{net}.")]
    assert len(names) > 10
    for name in names:
        for part in two:
            torch.testing.assert_close(part[name], one[name], rtol=1e-5, atol=1e-8, msg=name)

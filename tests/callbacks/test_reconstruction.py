import lightning
import pytest
import torch
from einops import rearrange
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_dalle.callbacks.reconstruction import GAP, ReconstructionLogger, reconstruction_sheet
from lit_dalle.models.dvae import DiscreteVAE, DiscreteVAEConfig

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
)


def cells(sheet, size, scale):
    """The sheet's pictures again: rows, columns, channels, height, width."""
    small = sheet[:, ::scale, ::scale]
    cell = size + 2 * GAP
    parts = rearrange(small, "c (r h) (b w) -> r b c h w", h=cell, w=cell)
    return parts[..., GAP:-GAP, GAP:-GAP]


class Softened:
    """A dVAE whose training would use the plain softmax."""

    def __init__(self):
        torch.manual_seed(0)
        shape = DiscreteVAEConfig(16, codebook_size=12, codebook_dim=8, hidden=16, widths=(1, 2))
        self.net = DiscreteVAE(shape)

    def relaxed_maps(self, images, index):
        assert len(index) == len(images)
        return self.net.decode_codes(self.net.encode_latents(images).softmax(1))


@torch.no_grad()
def test_sheet_has_originals_relaxed_and_hard_rows():
    module, images = Softened(), torch.rand(2, 3, 16, 16)
    rows = cells(reconstruction_sheet(module, images, torch.arange(2)), 16, 8)
    assert rows.shape == (3, 2, 3, 16, 16)
    assert torch.equal(rows[0], images)
    torch.testing.assert_close(rows[2], module.net.decode(module.net.encode(images)))
    assert not torch.allclose(rows[1], rows[2])


def test_pictures_reach_tensorboard_once_a_validation(tiny_runs, tmp_path):
    board = TensorBoardLogger(tmp_path, name="", version="")
    logger = ReconstructionLogger(pictures=3)
    settings = {"logger": board, "val_check_interval": 2, "enable_checkpointing": False}
    tiny_runs["dvae"].fit(tmp_path, [logger], **settings)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    shown = events.Images("reconstruction")
    assert [event.step for event in shown] == [2, 4]
    cell = 16 + 2 * GAP
    assert (shown[0].width, shown[0].height) == (3 * cell * 8, 3 * cell * 8)


def test_what_is_shown_is_the_averaged_net(tiny_runs, tmp_path, monkeypatch):
    seen = []

    def watch(module, images, index):
        seen.append(next(module.net.parameters()).detach().clone())
        return torch.zeros(3, 4, 4)

    monkeypatch.setattr("lit_dalle.callbacks.reconstruction.reconstruction_sheet", watch)
    ema = EMAWeightAveraging(decay=0.5)
    board = TensorBoardLogger(tmp_path, name="", version="")
    settings = {"logger": board, "enable_checkpointing": False}
    trainer = tiny_runs["dvae"].fit(tmp_path, [ReconstructionLogger(), ema], **settings)
    averaged = next(ema._average_model.module.net.parameters())
    assert isinstance(trainer, lightning.Trainer)
    assert torch.equal(seen[-1], averaged)


def test_without_tensorboard_nothing_is_drawn(tiny_runs, tmp_path, monkeypatch):
    def fail(*_):
        raise AssertionError("drawn for nobody")

    monkeypatch.setattr("lit_dalle.callbacks.reconstruction.reconstruction_sheet", fail)
    tiny_runs["dvae"].fit(tmp_path, [ReconstructionLogger()], enable_checkpointing=False)


def test_no_pictures_is_refused():
    with pytest.raises(ValueError, match="at least 1 picture, got 0"):
        ReconstructionLogger(pictures=0)

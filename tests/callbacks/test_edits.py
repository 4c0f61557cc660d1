"""Fixed edits in TensorBoard while a prior trains."""

from dataclasses import replace

import pytest
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lit_dalle.callbacks.edits import EditLogger, middle_of
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.generation.region import Rectangle

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
    "ignore:Checkpoint directory .* exists and is not empty",
)


@pytest.fixture
def run(tiny_runs):
    """A run of a prior that reads in any order."""
    found = tiny_runs["dalle"]
    found.module.config = replace(found.module.config, order="any", attention="causal")
    return found


def test_the_same_edits_reach_tensorboard_at_every_nth_validation(run, tmp_path, monkeypatch):
    asked = []
    edit = DallePipeline.edit

    def recording(pipeline, picture, prompt, region, **settings):
        asked.append((picture.tobytes(), prompt, tuple(region)))
        return edit(pipeline, picture, prompt, region, **settings)

    monkeypatch.setattr(DallePipeline, "edit", recording)
    callback = EditLogger(pictures=2, every_n_validations=2, candidates=2, precision="float32")
    run.fit(
        tmp_path,
        [callback],
        logger=TensorBoardLogger(tmp_path, name="", version=""),
        val_check_interval=1,
        enable_checkpointing=False,
    )
    assert len(asked) == 4, "two pictures at the first and third of four validations"
    assert asked[:2] == asked[2:]
    assert asked[0][2] == (Rectangle(4, 4, 8, 8),)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["images"] == ["edits/0", "edits/1"]
    assert [image.step for image in events.Images("edits/0")] == [1, 3]


def test_a_raster_prior_is_told_before_training(tiny_runs, tmp_path):
    with pytest.raises(ValueError, match="EditLogger needs a prior of order any"):
        tiny_runs["dalle"].fit(tmp_path, [EditLogger()], enable_checkpointing=False)


def test_settings():
    assert middle_of(Image.new("RGB", (64, 32))) == Rectangle(16, 8, 32, 16)
    with pytest.raises(ValueError, match="must be at least 1, got 0 and 1"):
        EditLogger(pictures=0)
    with pytest.raises(ValueError, match="rectangle is X, Y, width and height"):
        EditLogger(rectangle=[1, 2, 3])

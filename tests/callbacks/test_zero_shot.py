"""What is logged is what the commands find with the weights of that moment."""

import json
from dataclasses import replace

import pytest
from datasets import ClassLabel, Dataset, Features, Image, Value
from lightning.pytorch import Callback
from PIL import Image as Pillow

from lit_dalle.callbacks.zero_shot import ZeroShotLogger
from lit_dalle.cli.main import main
from lit_dalle.generation.export import save_model
from lit_dalle.training.clip import LitClip

pytestmark = pytest.mark.filterwarnings(
    "ignore::lightning.fabric.utilities.warnings.PossibleUserWarning",
    "ignore:.*LeafSpec:FutureWarning",
)
COLOURS = {"red": (230, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 230)}
TEXT_LEN = 32


class Watch(Callback):
    def __init__(self):
        self.scores = []

    def on_validation_end(self, trainer, pl_module):
        found = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.scores.append({k: v for k, v in found.items() if "zero_shot" in k or "R@" in k})


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    features = {
        "image": Image(),
        "label": ClassLabel(names=list(COLOURS)),
        "caption": Value("string"),
    }
    rows = [
        {"image": Pillow.new("RGB", (16, 16), rgb), "label": number, "caption": f"a {name}"}
        for number, (name, rgb) in enumerate(COLOURS.items())
    ]
    Dataset.from_list(rows * 3, Features(features)).to_parquet("colours.parquet")
    return tmp_path


@pytest.fixture
def run(tiny_runs, tiny_nets):
    run = tiny_runs["clip"]
    config = replace(tiny_nets.clip.config, text_len=TEXT_LEN)
    run.module = LitClip(config, run.module.optimizer_config)
    run.data.tokenizer = tiny_nets.clip_tokenizer.framed(TEXT_LEN, append_eos=True)
    return run


def test_what_is_logged_is_what_the_commands_find(run, data):
    watch = Watch()
    logger = ZeroShotLogger("colours.parquet", "colours", caption_column="caption")
    run.fit(data, [logger, watch], enable_checkpointing=False)
    logged = watch.scores[-1]
    save_model(run.module.net, data / "clip", tokenizer=run.data.tokenizer)
    shown = ["--model=clip", "--data", "colours.parquet"]
    main(["zero-shot", *shown, "--out=classified.json"])
    main(["retrieval", *shown, "--out=found.json"])
    rows = json.loads((data / "classified.json").read_text())["rows"]
    names = {"accuracy": "top1", "accuracy@5": "top5", "recall": "recall"}
    expected = {
        f"val/zero_shot/colours/{names[row['metric']]}": row["value"]
        for row in rows
        if row["metric"] in names and "row" not in row["case"]
    }
    for row in json.loads((data / "found.json").read_text())["rows"]:
        if "row" not in row["case"]:
            place = f"val/retrieval/colours/{row['case']['direction']}/{row['metric']}"
            expected[place] = row["value"]
    assert len(expected) == 9
    assert logged == pytest.approx(expected)


def test_every_other_validation_alone(run, data):
    watch = Watch()
    logger = ZeroShotLogger("colours.parquet", "colours", every_n_validations=2)
    seen = []
    logger._scores = lambda reader: seen.append(1) or {"val/zero_shot/colours/top1": 0.5}
    run.fit(data, [logger, watch], enable_checkpointing=False, val_check_interval=1, max_steps=3)
    assert len(seen) == 2
    assert logger.state_dict() == {"validations": 3}


def test_settings_and_data_that_cannot_be_measured_are_refused(run, data):
    with pytest.raises(ValueError, match="colours is measured by labels or captions"):
        ZeroShotLogger("colours.parquet", "colours", label_column=None)
    with pytest.raises(ValueError, match="must be at least 1, got 0 and 1"):
        ZeroShotLogger("colours.parquet", "colours", batch_size=0)
    logger = ZeroShotLogger("colours.parquet", "colours", label_column="kind")
    with pytest.raises(ValueError, match="no column 'kind'"):
        run.fit(data, [logger], enable_checkpointing=False)

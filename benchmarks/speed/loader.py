"""How long a training step waits for its batch: the prior on the world with encoded tokens."""

import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import datasets
import lightning
import torch
from lightning.pytorch.profilers import SimpleProfiler

from lit_dalle.data import ImageTextDataModule, WorldSource
from lit_dalle.data.image_tokens import Encoding, write_image_tokens
from lit_dalle.data.tokenizer import CaptionTokenizer
from lit_dalle.training import LitDalle
from lit_dalle.training.optimization import OptimizerConfig
from speed.bench import Bench, Plan
from speed.clock import median
from speed.sizes import Size

LOADING, STEPPING = "[_TrainingEpochLoop].train_dataloader_next", "run_training_batch"
"""What Lightning's profiler calls taking a batch and using it."""
PICTURE_SIZE = 64
"""Side of the world's pictures in pixels; they are not read."""
WARM = 2
"""Steps left out."""
WORKERS = 0
"""Loading processes of the recipes."""


class _QuietProfiler(SimpleProfiler):
    """Keeps the durations and prints no report."""

    def describe(self) -> None:
        """Print nothing."""


def run(bench: Bench, size: Size) -> None:
    """Measure a size and add its rows."""
    if not size.loader_rows:
        return
    bench.say(f"loader {size.name} …")
    waits, steps = bench.measure(measure, size)
    case = {"what": "loader", "size": size.name, "workers": WORKERS}
    case["batch"] = size.batch(bench.plan.device.partition(":")[0])
    for name, seconds in (("wait", waits), ("step", steps)):
        bench.results.row(case, f"{name}_seconds", median(seconds), unit="s")
    share = sum(waits) / (sum(waits) + sum(steps))
    bench.results.row(case, "loader_wait_share", share)


def measure(size: Size, plan: Plan) -> tuple[list[float], list[float]]:
    """Fit for some steps; return the seconds of taking each batch, and of using it."""
    with tempfile.TemporaryDirectory() as folder, _silence():
        datasets.config.HF_DATASETS_CACHE = Path(folder) / "cache"
        data = _data(size, Path(folder), plan)
        module = LitDalle(size.dalle, OptimizerConfig(), seed=plan.seed)
        profiler = _QuietProfiler()
        trainer = lightning.Trainer(
            accelerator=plan.device.partition(":")[0],
            devices=1,
            precision="bf16-mixed",
            max_steps=WARM + int(plan.seconds(40, 8)),
            limit_val_batches=0,
            gradient_clip_val=1.0,
            profiler=profiler,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
        )
        trainer.fit(module, datamodule=data)
    taken = profiler.recorded_durations
    return taken[LOADING][WARM : trainer.global_step], taken[STEPPING][WARM:]


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what Lightning and the loading of rows say off the terminal."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _data(size: Size, folder: Path, plan: Plan) -> ImageTextDataModule:
    """The world's captions as the recipe reads them, beside random image tokens."""
    source = WorldSource(size=size.loader_rows, seed=plan.seed)
    rows = source.load("train", pictures=False)
    captions = [row["caption"][0] for row in rows.select(range(min(len(rows), 512)))]
    CaptionTokenizer.train(captions, size.dalle.text_vocab_size).save(folder / "tokenizer.json")
    prior = size.dalle
    tokens = torch.randint(prior.codebook_size, (len(rows), prior.image_len))
    encoding = Encoding(
        "random", source.fingerprint("train"), PICTURE_SIZE, len(rows), prior.image_len
    )
    (folder / "tokens" / "train").mkdir(parents=True)
    write_image_tokens(folder / "tokens" / "train", [tokens], encoding)
    return ImageTextDataModule(
        source,
        image_size=PICTURE_SIZE,
        batch_size=size.batch(plan.device.partition(":")[0]),
        num_workers=WORKERS,
        tokenizer=str(folder / "tokenizer.json"),
        text_len=prior.text_len,
        bpe_dropout=0.1,
        image_tokens=str(folder / "tokens"),
        cache=True,
    )

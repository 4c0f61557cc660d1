"""Image tokens encoded once: what reading them costs a training step, and that losses are the same.

    python benchmarks/token_cache.py --out results/token-cache.json

The prior of ``configs/world/dalle.yaml``, of fewer layers, in bf16 autocast on batches of 64:

- ``step_seconds`` and ``step_ratio``: updates on batches of the data module, which reads captions
  and cached tokens, in turns with updates on random tokens that are in memory; the ratio is the
  median over pairs of neighbouring updates. ``wait_seconds`` and ``wait_share`` are the part of an
  update that goes to its batch, which other work on the machine blurs less.
- ``loss_difference``: largest difference of the losses of the first updates between a run that
  reads cached tokens and one that encodes the pictures on the fly.
- ``rows_per_s``: tokens of random batches, from the cache and from one array mapped with NumPy.

``--quick`` takes fewer rows, layers and updates.
"""

import argparse
import logging
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import datasets
import lightning
import numpy as np
import torch
import yaml
from rich.console import Console
from speed.bench import Plan
from speed.clock import in_turns, median, median_interval
from speed.nets import random_tokens
from speed.training import training_step
from torch import Tensor

from lit_dalle.cli.main import keep_freed_memory
from lit_dalle.data import CaptionTokenizer, ImageTextDataModule, WorldSource
from lit_dalle.data.image_tokens import Encoding, ImageTokens, write_image_tokens
from lit_dalle.evaluation.results import ResultFile, setting
from lit_dalle.generation.encode_dataset import encode_dataset
from lit_dalle.generation.encode_parts import FrozenEncoder
from lit_dalle.generation.hub import find_pipeline
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.training import LitDalle
from lit_dalle.training.optimization import OptimizerConfig

RECIPE = Path(__file__).parents[1] / "configs/world/dalle.yaml"
READS = 100
"""Batches of one timing of reading."""


def main() -> None:
    """Parse the command line, measure, print and write."""
    options = _options()
    quick = options.quick
    console = Console(stderr=True)
    config = recipe(options.depth or (1 if quick else 2))
    dvae = find_pipeline("world") / "dvae"
    stored = 20_000 if quick else 160_000  # rows of the recipe
    facts = {
        "config": RECIPE.name,
        "depth": config.depth,
        "batch": options.batch,
        "rows": options.rows,
    }
    facts |= {"rows_of_reading": stored, "intervals": "95 % of the median"}
    results = ResultFile("token_cache", setting(seed=options.seed, precision="bfloat16") | facts)
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(name)
        datasets.config.HF_DATASETS_CACHE = folder / "cache"
        console.print("reading …")
        reading(results, folder, stored, config, options)
        console.print(f"encoding {options.rows} rows …")
        source = WorldSource(size=options.rows, seed=options.seed, eval_size=1)
        CaptionTokenizer.train(source.captions(), config.text_vocab_size).save(
            folder / "tokenizer.json"
        )
        encode_dataset(source, FrozenEncoder.of(dvae), folder / "tokens", splits=["train"])
        console.print("losses …")
        fed = [data(folder, source, config, options.batch, cached) for cached in (True, False)]
        losses(results, fed, config, dvae, 2 if quick else 6)
        console.print("steps …")
        steps(results, fed[0], config, options)
    Console().print(results.table())
    if options.out is not None:
        results.write(options.out)


def recipe(depth: int) -> DalleConfig:
    """The prior of the recipe with fewer layers."""
    read = yaml.safe_load(RECIPE.read_text("utf-8"))
    facts = read["model"]["init_args"]["config"] | {"text_len": read["data"]["text_len"]}
    return replace(DalleConfig(**facts), depth=depth)


def data(
    folder: Path, source: WorldSource, config: DalleConfig, batch: int, cached: bool
) -> ImageTextDataModule:
    """The data module of the recipe, with tokens from the cache or pictures."""
    return ImageTextDataModule(
        source,
        image_size=64,
        batch_size=batch,
        tokenizer=str(folder / "tokenizer.json"),
        text_len=config.text_len,
        image_tokens=str(folder / "tokens") if cached else None,
        cache=True,
    )


def reading(
    results: ResultFile, folder: Path, rows: int, config: DalleConfig, options: argparse.Namespace
) -> None:
    """Time random batches of the cache and of one mapped array, and add both rates."""
    draws = np.random.default_rng(options.seed)
    length, codes = config.image_len, config.codebook_size
    plain = draws.integers(0, codes, (rows, length), dtype=np.int32)
    encoding = Encoding("random", "random", 64, rows, length, codes)
    (folder / "arrow").mkdir()
    write_image_tokens(folder / "arrow", [torch.from_numpy(plain)], encoding)
    np.save(folder / "plain.npy", plain)
    tokens, mapped = ImageTokens(folder / "arrow"), np.load(folder / "plain.npy", mmap_mode="r")
    batches = draws.integers(0, rows, (READS, options.batch)).tolist()

    def of_cache() -> list[Tensor]:
        return [tokens[batch] for batch in batches]

    def of_array() -> list[Tensor]:
        return [torch.from_numpy(mapped[batch].astype(np.int64)) for batch in batches]

    for one, other in zip(of_cache(), of_array(), strict=True):  # which warms them too
        assert torch.equal(one, other)
    calls = {"cache": of_cache, "npy memmap": of_array}
    seconds = in_turns(dict(calls), "cpu", seconds=options.seconds, most=200)
    for who, taken in seconds.items():
        rates = [READS * options.batch / each for each in taken]
        case = {"what": "reading", "who": who}
        results.row(case, "rows_per_s", median(rates), *median_interval(rates), unit="rows/s")
    _ratio(results, "reading", "rate_ratio", seconds["npy memmap"], seconds["cache"])


class _Losses(lightning.Callback):
    """Notes the loss of every update."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, *_: Any) -> None:
        self.seen.append(outputs["loss"].item())


def losses(
    results: ResultFile,
    modules: list[ImageTextDataModule],
    config: DalleConfig,
    dvae: Path,
    updates: int,
) -> None:
    """Train on the batches of each data module, and add how far the losses are apart."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    found = []
    for module in modules:
        lightning.seed_everything(0, verbose=False)
        noted = _Losses()
        trainer = lightning.Trainer(
            accelerator="cpu",
            precision="bf16-mixed",
            max_steps=updates,
            limit_val_batches=0,
            callbacks=[noted],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(LitDalle(config, OptimizerConfig(), dvae=str(dvae)), datamodule=module)
        found.append(noted.seen)
    apart = max(abs(one - other) for one, other in zip(*found, strict=True))
    case = {"what": "losses", "updates": updates}
    results.row(case, "loss_difference", apart, unit="nats")
    results.row(case, "last_loss", found[0][-1], unit="nats")


def steps(
    results: ResultFile,
    module: ImageTextDataModule,
    config: DalleConfig,
    options: argparse.Namespace,
) -> None:
    """Time updates on batches of the data module and on tokens in memory, in turns."""
    plan = Plan(seed=options.seed, quick=options.quick)
    torch.manual_seed(options.seed)
    prior = Dalle(config).train()
    given: list[tuple[Tensor, Tensor]] = []
    waits: list[float] = []

    def loss() -> Tensor:
        return prior.losses(*given[0]).image_loss

    update = training_step(prior, loss, plan)
    batches, in_memory = endless(module), random_tokens(config, options.batch, plan)

    def fed() -> None:
        begin = perf_counter()
        batch = next(batches)
        waits.append(perf_counter() - begin)
        given[:] = [(batch["text_tokens"], batch["image_tokens"])]
        update()

    def remembered() -> None:
        given[:] = [in_memory]
        update()

    calls = {"memory": remembered, "data module": fed}
    for call in calls.values():
        call()
    waits.clear()
    seconds = in_turns(dict(calls), "cpu", seconds=options.seconds, most=60)
    for who, taken in seconds.items():
        case = {"what": "steps", "who": who}
        results.row(case, "step_seconds", median(taken), *median_interval(taken), unit="s")
    results.row({"what": "steps"}, "wait_seconds", median(waits), *median_interval(waits), unit="s")
    results.row({"what": "steps"}, "wait_share", sum(waits) / sum(seconds["data module"]))
    _ratio(results, "steps", "step_ratio", seconds["data module"], seconds["memory"])


def endless(module: ImageTextDataModule) -> Iterator[dict[str, Any]]:
    """Batches of one epoch after another."""
    loader: Any = module.train_dataloader()
    for epoch in count():
        loader.sampler.set_epoch(epoch)
        yield from loader


def _ratio(
    results: ResultFile, what: str, metric: str, above: list[float], below: list[float]
) -> None:
    pairs = [one / other for one, other in zip(above, below, strict=True)]
    results.row({"what": what}, metric, median(pairs), *median_interval(pairs))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, help="pictures to encode (default 4096, quick 256)")
    parser.add_argument("--depth", type=int, help="layers of the prior (default 2)")
    parser.add_argument("--batch", type=int, default=64, help="rows of an update")
    parser.add_argument("--seconds", type=float, default=60, help="spent on each timing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="256 pictures, one layer")
    parser.add_argument("--out", type=Path, help="result file")
    options = parser.parse_args()
    if options.rows is None:
        options.rows = 256 if options.quick else 4096
    if not 1 <= options.batch <= options.rows:
        parser.error(f"--batch must be from 1 to --rows ({options.rows}), got {options.batch}")
    return options


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    keep_freed_memory()
    main()

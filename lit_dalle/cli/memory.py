"""``lit-dalle memory``: what a configuration of ``fit`` will need, before anything is allocated."""

import warnings
from collections.abc import Sequence
from typing import Any, cast

import torch
from lightning.pytorch.cli import LightningArgumentParser
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from lit_dalle.cli import trainer
from lit_dalle.generation.decode import fitting_tile
from lit_dalle.models.clip_config import ClipConfig
from lit_dalle.models.dalle import Dalle
from lit_dalle.models.dalle_config import DalleConfig
from lit_dalle.models.dvae import DiscreteVAEConfig
from lit_dalle.models.kept import Device, Precision
from lit_dalle.models.memory import (
    MemoryEstimate,
    estimate_clip,
    estimate_dalle,
    estimate_dvae,
    estimate_sampling,
)
from lit_dalle.training.optimization import as_config

CANDIDATES = 512
"""Candidates of a prompt whose sampling is estimated ([P] 2.3)."""
ANY_SOURCE = "--data.source=lit_dalle.data.WorldSource"
"""Stands in for the data, which published recipes leave to the user: memory asks for none."""
PARTS = {
    "parameters": "weights",
    "gradients": "gradients",
    "optimizer": "optimiser state",
    "average": "averaged weights",
    "activations": "activations",
    "cache": "keys and values",
}
"""Parts of an estimate and what the table calls them."""
MODELS = ("LitDalle", "LitDiscreteVAE", "LitClip")
"""Modules whose memory is known."""
USAGE = """usage: lit-dalle memory --config FILE [--config FILE …] [arguments of lit-dalle fit]

Estimates the memory of training by a configuration of fit, and of sampling from a prior."""


def run(command: str, arguments: list[str]) -> None:
    """Parse a configuration as ``fit`` does and print its estimate.

    Raises:
        ValueError: The arguments are no configuration of ``fit``.
    """
    if not arguments or {"-h", "--help"} & set(arguments):
        print(USAGE)
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # settings of the real source, dropped with it
            config = trainer.command_line("fit", [*arguments, ANY_SOURCE], _Parsed).config.fit
    except ValueError as error:
        raise ValueError(f"lit-dalle {command} reads configurations of fit: {error}") from error
    Console().print(table(config))


@rank_zero_only
def say(config: Any) -> None:
    """Print the estimate of a parsed configuration of ``fit``; of foreign models nothing is known.

    Args:
        config: What ``LightningCLI`` parsed for ``fit``.
    """
    if config.model.class_path.rpartition(".")[2] in MODELS:
        Console().print(table(config))


class _Parsed(trainer.Cli):
    """Parses and goes no further."""

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and leave checkpoints alone."""
        self.config = parser.parse_args(args)

    def _set_seed(self) -> None:
        """Nothing is drawn."""

    def instantiate_classes(self) -> None:
        """Nothing is built."""

    def _run_subcommand(self, subcommand: str) -> None:
        """Nothing is trained."""


def table(config: Any) -> Table:
    """Return the estimate of a parsed configuration of ``fit``, per device.

    Args:
        config: What ``LightningCLI`` parsed for ``fit``.

    Raises:
        ValueError: The model is none of ours.
    """
    shards = _shards(config.trainer)
    columns = {_training_title(config): _training(config, shards)}
    if config.model.class_path.endswith(".LitDalle"):
        columns |= _sampling(as_config(DalleConfig, _arguments(config)["config"]))
    sharded = f", weights sharded over {shards}" if shards > 1 else ""
    shown = Table(title=f"estimated memory per device{sharded}")
    shown.add_column("")
    for title in columns:
        shown.add_column(title, justify="right")
    for part, name in PARTS.items():
        sizes = [getattr(estimate, part) for estimate in columns.values()]
        if any(sizes):
            shown.add_row(name, *[decimal(size) if size else "" for size in sizes])
    shown.add_section()
    shown.add_row("total", *[decimal(estimate.total) for estimate in columns.values()])
    return shown


def _training(config: Any, shards: int) -> MemoryEstimate:
    """Estimate training with the trainer's settings."""
    arguments, batch_size = _arguments(config), config.data.batch_size
    precision, device, ema = _precision(config), _device(config.trainer), _averages(config)
    match config.model.class_path.rpartition(".")[2]:
        case "LitDalle":
            return estimate_dalle(
                as_config(DalleConfig, arguments["config"]),
                batch_size,
                precision=precision,
                activation_checkpointing=_checkpoints(config),
                ema=ema,
                device=device,
                shards=shards,
            )
        case "LitDiscreteVAE":
            usage = arguments.get("usage_beta") or {}
            return estimate_dvae(
                as_config(DiscreteVAEConfig, arguments["config"]),
                batch_size,
                precision=precision,
                usage_term=any(usage.get(end) for end in ("start", "end")),
                ema=ema,
                device=device,
            )
        case "LitClip":
            clip = as_config(ClipConfig, arguments["config"])
            return estimate_clip(clip, batch_size, precision=precision, ema=ema, device=device)
    raise ValueError(
        f"no estimate for {config.model.class_path}; there are those of {', '.join(MODELS)}"
    )


def _training_title(config: Any) -> str:
    return f"training, batch {config.data.batch_size}, {_precision(config)}"


def _sampling(config: DalleConfig) -> dict[str, MemoryEstimate]:
    """Estimate sampling with bf16 weights, as many candidates at once as the sampler takes."""
    with torch.device("meta"):
        prior = Dalle(config).bfloat16()
    together = fitting_tile(prior, CANDIDATES)
    title = f"sampling {CANDIDATES}, {together} at once, bf16"
    return {title: estimate_sampling(config, together)}


def _arguments(config: Any) -> dict[str, Any]:
    return cast(dict[str, Any], config.model.init_args.as_dict())


def _precision(config: Any) -> Precision:
    """Precision in the three words that the estimate knows; other halves count as bf16."""
    given = str(config.trainer.precision or "32-true")
    if given.endswith("-mixed"):
        return "bf16-mixed"
    return "bf16-true" if given in ("bf16-true", "16-true", "bf16", "16") else "32-true"


def _device(settings: Any) -> Device:
    """Device that the trainer will pick; FSDP means CUDA wherever it is asked."""
    if settings.accelerator in ("gpu", "cuda") or _strategy(settings)[0].startswith("FSDP"):
        return "cuda"
    return "cuda" if settings.accelerator == "auto" and torch.cuda.is_available() else "cpu"


def _strategy(settings: Any) -> tuple[str, dict[str, Any]]:
    """Name of the strategy's class, and its arguments."""
    strategy = settings.strategy
    if isinstance(strategy, str):
        return ("FSDPStrategy" if strategy.startswith("fsdp") else strategy), {}
    return strategy.class_path.rpartition(".")[2], strategy.init_args.as_dict()


def _shards(settings: Any) -> int:
    """Devices that weights, gradients and moments are cut into."""
    name, arguments = _strategy(settings)
    kwargs = arguments.get("dict_kwargs") or {}
    how = str(arguments.get("sharding_strategy") or kwargs.get("sharding_strategy", "FULL_SHARD"))
    if name != "FSDPStrategy" or how.rpartition(".")[2] != "FULL_SHARD":
        return 1
    return int(settings.num_nodes) * _devices(settings.devices)


def _devices(devices: int | str | Sequence[int]) -> int:
    """Devices of a node; all of this machine's where that is left open."""
    if isinstance(devices, str) and "," in devices:
        return len([part for part in devices.split(",") if part])
    if isinstance(devices, str | int):
        count = -1 if devices == "auto" else int(devices)
        return count if count > 0 else max(1, torch.cuda.device_count())
    return len(devices)


def _checkpoints(config: Any) -> bool:
    """Whether blocks are computed again, by the module or by FSDP."""
    by_strategy = _strategy(config.trainer)[1].get("activation_checkpointing_policy")
    return bool(_arguments(config).get("activation_checkpointing") or by_strategy)


def _averages(config: Any) -> bool:
    callbacks = config.trainer.callbacks or []
    callbacks = callbacks if isinstance(callbacks, list) else [callbacks]
    return any(str(callback.class_path).endswith("WeightAveraging") for callback in callbacks)

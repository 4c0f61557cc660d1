"""Flags of a run, looked at before anything is trained: a typo must not show after hours."""

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser

from lit_dalle.cli import trainer


class Unread(trainer.Cli):
    """The command line with its parser, and nothing read yet."""

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Leave the arguments alone."""
        self.config = Namespace(subcommand=None)

    def _set_seed(self) -> None:
        """Nothing is drawn."""

    def instantiate_classes(self) -> None:
        """Nothing is built."""


@dataclass(frozen=True)
class Checked:
    """What a run will be."""

    weights: int
    """Parameters of the net that is trained."""
    precision: str
    device: str
    """``cpu`` or ``cuda``."""


def check(flags: Sequence[str]) -> Checked:
    """Parse the flags of ``lit-dalle fit`` and build the net on the meta device.

    Raises:
        ValueError: They are not those of a run.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # initialising tensors that hold nothing
        config = _parser().parse_args(["fit", *flags]).fit
        trainer.check_whole(config)
        module_name, _, kind = config.model.class_path.rpartition(".")
        with torch.device("meta"):
            make = getattr(importlib.import_module(module_name), kind)
            module = make(**config.model.init_args.as_dict())
            module.configure_model()
    on_gpu = config.trainer.accelerator in ("gpu", "cuda", "auto") and torch.cuda.is_available()
    return Checked(
        weights=sum(parameter.numel() for parameter in module.net.parameters()),
        precision=str(config.trainer.precision),
        device="cuda" if on_gpu else "cpu",
    )


@cache
def _parser() -> LightningArgumentParser:
    """The parser of ``lit-dalle``; it takes a second to make."""
    return trainer.command_line("fit", [], Unread).parser

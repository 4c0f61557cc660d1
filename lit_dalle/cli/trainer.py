"""``lit-dalle fit | validate | test``: Lightning's own command line with our defaults."""

import logging
from pathlib import Path
from typing import Any

from jsonargparse import Namespace, set_parsing_settings
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, RichProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import TensorBoardLogger

from lit_dalle.callbacks.data_report import DataReport
from lit_dalle.cli.parsing import OneLineErrors
from lit_dalle.data.datamodule import ImageTextDataModule
from lit_dalle.generation.checkpoint import read_checkpoint


class TrainerParser(OneLineErrors, LightningArgumentParser):
    """Lightning's parser, with errors of one line."""


class LastCheckpoint(ModelCheckpoint):
    """Where a run goes on from; a class of its own, so that its state is, whatever is monitored."""


class Cli(LightningCLI):
    """Lightning's command line, with one folder for all that a run writes."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Commands of the trainer that we offer, and the arguments they do not take from us."""
        commands = LightningCLI.subcommands()
        return {name: commands[name] for name in ("fit", "validate", "test")}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the folder of the run and the settings of its checkpoints: the best and the last.

        Lightning's own ``save_last`` writes nothing where the monitored value has not improved, so
        that a run would resume far back.
        """
        parser.add_argument("--run", default="runs/default", help="Folder of logs and checkpoints.")
        kinds = {"checkpoint": (ModelCheckpoint, "val/loss"), "last": (LastCheckpoint, None)}
        for name, (kind, monitor) in kinds.items():
            parser.add_lightning_class_args(kind, name)
            parser.set_defaults(
                {
                    f"{name}.filename": "best" if monitor else "last",
                    f"{name}.monitor": monitor,
                    f"{name}.enable_version_counter": False,
                }
            )
            parser.link_arguments("run", f"{name}.dirpath", compute_fn=_checkpoint_folder)
        for when in ("every_n_train_steps", "train_time_interval", "every_n_epochs"):
            parser.link_arguments(f"checkpoint.{when}", f"last.{when}")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse the arguments and look at the checkpoint before anything is built."""
        self.config = parser.parse_args(args)
        check_whole(self.config[self.config.subcommand])
        checkpoint = self.config[self.config.subcommand].ckpt_path
        if checkpoint is not None and checkpoint not in ("last", "best"):
            read_checkpoint(Path(checkpoint))

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Make the trainer; unless told otherwise it logs to TensorBoard in the run's folder."""
        folder = self._get(self.config, "run")
        if self._get(self.config, "trainer").logger in (None, True):
            kwargs["logger"] = TensorBoardLogger(
                save_dir=folder, name="", version="", default_hp_metric=False
            )
        return super().instantiate_trainer(default_root_dir=folder, **kwargs)

    def before_fit(self) -> None:
        """Tell how much memory training will need."""
        from lit_dalle.cli.memory import say

        say(self.config.fit)

    def _instantiate_trainer(self, config: dict[str, Any], callbacks: list[Callback]) -> Trainer:
        """Add the report on the data, and the progress bar unless the configuration wants none."""
        bar = [] if config.get("enable_progress_bar") is False else [RichProgressBar()]
        return super()._instantiate_trainer(config, [*callbacks, DataReport(), *bar])


def run(command: str, arguments: list[str]) -> None:
    """Parse the configuration of a training command and run it."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_is_no_advertisement)
    command_line(command, arguments, Cli)


def command_line(command: str, arguments: list[str], kind: type[Cli]) -> Cli:
    """Make the command line, which parses and runs as it is made."""
    set_parsing_settings(
        omegaconf_absolute_to_relative_paths=True, docstring_parse_attribute_docstrings=True
    )
    return kind(
        datamodule_class=ImageTextDataModule,
        args=[command, *arguments],
        parser_class=TrainerParser,
        parser_kwargs={"parser_mode": "omegaconf+"},
        trainer_defaults={
            "precision": "bf16-mixed",
            "use_distributed_sampler": False,
        },
        save_config_kwargs={"overwrite": True},
        auto_configure_optimizers=False,
    )


def check_whole(config: Namespace) -> None:
    """Raise ValueError where a flag has put itself in the place of the recipe's whole config.

    An argument that is a dataclass or a dict turns into a dict of one entry where a flag gives a
    value that does not fit the dataclass's field; the recipe's other entries would be lost.
    """
    if config.get("model") is None:
        return
    for name, value in vars(config.model.init_args).items():
        if isinstance(value, dict):
            raise ValueError(
                f"model.init_args.{name} is nothing but {value}: a value does not fit its field "
                f"(write null as --model.init_args.{name}={{FIELD: null}})"
            )


def _checkpoint_folder(run_folder: str) -> str:
    return str(Path(run_folder) / "checkpoints")


def _is_no_advertisement(record: logging.LogRecord) -> bool:
    return "Tip:" not in record.getMessage()

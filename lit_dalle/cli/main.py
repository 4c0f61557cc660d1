"""Entry point of ``lit-dalle``: finds the command, runs it, and prints errors as one line."""

import ctypes
import importlib
import os
import platform
import sys
from collections.abc import Sequence
from typing import NamedTuple, NoReturn


class Command(NamedTuple):
    """A command: its line in the overview, and the module in which a function bears its name."""

    help: str
    module: str


COMMANDS = {
    "fit": Command("train a net from a configuration", "trainer"),
    "validate": Command("measure a checkpoint on the validation split", "trainer"),
    "test": Command("measure a checkpoint on the test splits", "trainer"),
    "memory": Command("estimate the memory that a configuration of fit needs", "memory"),
    "generate": Command("draw pictures of a sentence", "generate"),
    "edit": Command("repaint a part of a picture", "edit"),
    "evaluate": Command("grade what a pipeline draws, exactly, in a table", "evaluate"),
    "zero-shot": Command("classify pictures by the names of their classes", "zero_shot"),
    "retrieval": Command("find captions by picture and pictures by caption", "retrieval"),
    "prepare tokenizer": Command("train a tokenizer on a data set's captions", "prepare"),
    "prepare tokens": Command("encode a data set to image tokens, once", "prepare"),
    "prepare emoji": Command("build the data set of emoji, from npm packages", "prepare"),
    "prepare creatures": Command("draw kinds of creatures, some known by description", "prepare"),
    "export": Command("turn a checkpoint into a folder to share", "export"),
    "convert": Command("turn a CLIP or dVAE of others into ours, or back", "convert"),
    "join": Command("join three exported nets into a pipeline", "export"),
}
PARSE_THEMSELVES = ("trainer", "memory", "edit", "evaluate", "zero_shot", "retrieval")
"""Modules with a function ``run`` that takes the arguments as they are."""
TRACEBACK = "LIT_DALLE_TRACEBACK"
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of malloc.h


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command; leave with code 2 and one line on bad input, 130 when interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(overview())
    elif arguments[0] == "--version":
        print(importlib.import_module("lit_dalle").__version__)
    else:
        _run_or_fail(arguments)


def overview() -> str:
    """Return the list of commands that ``lit-dalle --help`` shows."""
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:<{width}}  {entry.help}" for name, entry in COMMANDS.items())
    return (
        f"usage: lit-dalle COMMAND [arguments]\n\n{lines}\n\n"
        "lit-dalle COMMAND --help says more.\n"
        f"{TRACEBACK}=1 in the environment shows where an error came from."
    )


def split_command(arguments: list[str]) -> tuple[str, list[str]]:
    """Split the name of a command, of one or two words, from its arguments.

    Raises:
        ValueError: There is no such command.
    """
    for words in (2, 1):
        name = " ".join(arguments[:words])
        if name in COMMANDS:
            return name, arguments[words:]
    raise ValueError(f"no command {arguments[0]!r}; there are {', '.join(COMMANDS)}")


def _run_or_fail(arguments: list[str]) -> None:
    try:
        _run(*split_command(arguments))
    except KeyboardInterrupt:
        _fail("interrupted", code=130)
    except _expected_errors() as error:
        if os.environ.get(TRACEBACK):
            raise
        _fail(error)


def _run(name: str, arguments: list[str]) -> None:
    import torch

    # Before any parallel work: threads inherit it, and denormals make CPU training crawl.
    torch.set_flush_denormal(True)
    keep_freed_memory()
    module = importlib.import_module(f"lit_dalle.cli.{COMMANDS[name].module}")
    if COMMANDS[name].module in PARSE_THEMSELVES:
        module.run(name, arguments)
    else:
        from lit_dalle.cli.parsing import call

        call(getattr(module, name.split()[-1]), name, arguments)


def keep_freed_memory() -> None:
    """Spare a CPU the cost of fresh memory: a quarter of a training step, a fifth of sampling.

    glibc keeps large freed buffers instead of giving them back, and PyTorch asks for huge pages. It
    must come before PyTorch's first allocation.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def _expected_errors() -> tuple[type[BaseException], ...]:
    """Errors that speak to the user; all others are our own faults and keep their traceback."""
    lightning = sys.modules.get("lightning.fabric.utilities.exceptions")
    of_lightning = (lightning.MisconfigurationException,) if lightning else ()
    return (ValueError, FileNotFoundError, FileExistsError, PermissionError, *of_lightning)


def _fail(message: object, code: int = 2) -> NoReturn:
    print(f"lit-dalle: {' '.join(str(message).split())}", file=sys.stderr)
    raise SystemExit(code)


if __name__ == "__main__":
    main()

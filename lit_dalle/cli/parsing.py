"""Command lines whose errors are one line, and functions called from them."""

import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from jsonargparse import ActionConfigFile, ArgumentParser  # type: ignore[attr-defined]


class OneLineErrors:
    """Mixed into a parser: a wrong argument is a ValueError instead of a page of usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise what the parser found wrong.

        Raises:
            ValueError: Always.
        """
        raise ValueError(message) from ex


class CommandParser(OneLineErrors, ArgumentParser):
    """Parser of one command."""


def call(function: Callable[..., Any], command: str, arguments: list[str]) -> None:
    """Call a function with command-line arguments: its signature and docstring are the command's.

    A function whose parameters are all keyword-only takes options alone, which a file given as
    ``--config`` may hold too; else parameters without a default are positional arguments.
    """
    parser = CommandParser(prog=f"lit-dalle {command}", description=_summary(function))
    parser.add_argument("-c", "--config", action=ActionConfigFile, help="File with the options.")
    parser.add_function_arguments(function, as_positional=_has_positional(function))
    parsed = parser.parse_args([_underscored(argument) for argument in arguments])
    del parsed["config"]
    function(**parser.instantiate(parsed).as_dict())


def gathered(arguments: Sequence[str], *, lists: Sequence[str], flags: Sequence[str]) -> list[str]:
    """Write ``--seeds 0 1 2`` as ``--seeds=[0,1,2]`` and ``--quick`` as ``--quick=true``.

    Args:
        arguments: As they were typed.
        lists: Options that take several values.
        flags: Options that may stand alone.
    """
    found: list[str] = []
    values: list[str] = []
    for argument in arguments:
        option = found[-1].partition("=")[0] if found else ""
        if argument.startswith("--"):
            values = []
            found.append(argument + "=true" if argument in flags else argument)
        elif option in lists and not argument.startswith("["):
            values.append(argument)
            found[-1] = f"{option}=[{','.join(values)}]"
        elif option in flags:
            found[-1] = f"{option}={argument}"
        else:
            found.append(argument)
    return found


def repeated(arguments: Sequence[str], options: Sequence[str]) -> list[str]:
    """Write options that may stand several times as one list of texts each.

    ``--rectangle 1,2,3,4 --rectangle=5,6,7,8`` becomes ``--rectangle=["1,2,3,4","5,6,7,8"]``.

    Args:
        arguments: As they were typed.
        options: Which options.

    Raises:
        ValueError: One has no value.
    """
    found: list[str] = []
    values: dict[str, list[str]] = {}
    given = iter(arguments)
    for argument in given:
        option, equals, value = argument.partition("=")
        if option not in options:
            found.append(argument)
            continue
        if not equals:
            value = next(given, "")
        if not value:
            raise ValueError(f"{option} needs a value")
        values.setdefault(option, []).append(value)
    return found + [f"{option}={json.dumps(each)}" for option, each in values.items()]


def conditions(given: Sequence[str] | None) -> dict[str, str] | None:
    """Read ``COLUMN=VALUE``, once or more, as a condition on rows.

    Raises:
        ValueError: One has no equals sign, or a column stands twice.
    """
    if given is None:
        return None
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not (equals and name) or name in found:
            raise ValueError(f"--where takes COLUMN=VALUE, each column once; got {one!r}")
        found[name] = value
    return found


def _has_positional(function: Callable[..., Any]) -> bool:
    kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
    return inspect.Parameter.POSITIONAL_OR_KEYWORD in kinds


def _underscored(argument: str) -> str:
    """``--top-k=5`` as ``--top_k=5``: both spellings are taken."""
    name, equals, value = argument.partition("=")
    return (
        name.replace("-", "_").replace("__", "--", 1) + equals + value
        if name.startswith("--")
        else argument
    )


def _summary(function: Callable[..., Any]) -> str:
    return (function.__doc__ or "").partition("\n")[0]

"""What several benchmarks have in common on the command line: options, and bars."""

import argparse
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def names_of(known: Collection[str]) -> Callable[[str], list[str]]:
    """Return a parser of names with commas between them."""

    def parse(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",")]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"no {', '.join(unknown)}; there are {', '.join(known)}"
            )
        return names

    return parse


@contextmanager
def bar(name: str, total: int) -> Iterator[Callable[[float], None]]:
    """A bar on the error stream; yields what moves it on."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as shown:
        yield partial(shown.advance, shown.add_task(name, total=total))

"""Importing peers that were written for an older world."""

import contextlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

HOW_TO_INSTALL = "pip install --no-deps -r benchmarks/peers/requirements.txt"


class PeerMissing(Exception):  # noqa: N818
    """A peer is not installed; says how to get it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not installed ({HOW_TO_INSTALL})")


@contextlib.contextmanager
def stand_ins(modules: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Put empty modules where an import will look for absent ones, for as long as it lasts.

    Modules that are there are left alone, and so is what was imported meanwhile.

    Args:
        modules: For each module, outer ones first, the names that are imported from it.
    """
    absent = {name: names for name, names in modules.items() if not _is_there(name)}
    try:
        for name, names in absent.items():
            module = ModuleType(name)
            module.__path__ = []  # so that modules inside it can be imported
            vars(module).update(names)
            sys.modules[name] = module
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def _is_there(name: str) -> bool:
    try:
        return name in sys.modules or importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # an outer one is absent
        return False

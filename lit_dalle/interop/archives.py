"""Tensors out of PyTorch's files without running anything in them.

A file of PyTorch is a zip archive with a pickle, and a pickle is a program. Only the names listed
here are known to it: the functions that put tensors together, and containers. What else a file
names is either given a stand-in, an empty object that takes its attributes and does nothing, or
the reading stops. TorchScript archives are read the same way; their code is not looked at.
"""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
StandIns = Callable[[str, str], type | None]
"""What stands in for a class of the file, by module and name; None refuses it."""


class StandIn:
    """An object of a class that is not here: it has the attributes that the file gives it."""

    def __init__(self, *args: Any) -> None:
        """Take whatever the file makes it with, and do nothing with it."""

    def __setstate__(self, state: Any) -> None:
        """Take the attributes; a state that is no dict is kept whole."""
        self.__dict__.update(state if isinstance(state, dict) else {"state": state})


def read_archive(path: str | Path, stand_ins: StandIns = lambda module, name: None) -> Any:
    """Read what a ``.pt``, ``.bin`` or TorchScript file holds.

    Args:
        path: The file, as PyTorch writes it since 1.6.
        stand_ins: Gives a class for a name that is not known here.

    Raises:
        FileNotFoundError: No such file.
        ValueError: The file is corrupt, no archive of PyTorch, or names what it must not.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            return _Reader(archive, stand_ins, path).read()
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"{path} is corrupt or no file of PyTorch 1.6 or later: it is not a whole zip archive"
        ) from error
    except (pickle.UnpicklingError, EOFError, KeyError, struct.error, IndexError) as error:
        raise ValueError(f"{path} is corrupt: {' '.join(str(error).split())}") from error
    except (TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{path} cannot be read: {' '.join(str(error).split())}") from error


def is_torchscript(path: str | Path) -> bool:
    """Whether a file is an archive of TorchScript."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def tensors_of(value: Any) -> dict[str, Tensor]:
    """Return the tensors of a module that was read with stand-ins, by their dotted names.

    Both forms are known: TorchScript keeps parts and weights as attributes, pickled modules keep
    them in ``_modules``, ``_parameters`` and ``_buffers``. A dict of tensors gives itself.
    """
    return dict(_tensors(value, ""))


def _tensors(value: Any, prefix: str) -> list[tuple[str, Tensor]]:
    attributes = value if isinstance(value, Mapping) else vars(value)
    found = []
    for name, part in attributes.items():
        if isinstance(part, Tensor):
            found.append((f"{prefix}{name}", part))
        elif name in ("_modules", "_parameters", "_buffers") and isinstance(part, Mapping):
            found += _tensors(part, prefix)
        elif isinstance(part, StandIn):
            found += _tensors(part, f"{prefix}{name}.")
    return found


class _Reader(pickle.Unpickler):
    """Unpickler of one archive, to which only a few names are known."""

    def __init__(self, archive: zipfile.ZipFile, stand_ins: StandIns, path: Path) -> None:
        entries = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if not entries:
            raise ValueError(f"{path} is no file of PyTorch: the archive has no data.pkl")
        super().__init__(io.BytesIO(archive.read(entries[0])))
        self.archive, self.root = archive, entries[0].removesuffix("data.pkl")
        self.stand_ins, self.path = stand_ins, path
        self.storages: dict[str, Tensor] = {}

    def read(self) -> Any:
        """Return what the pickle describes."""
        return self.load()

    def find_class(self, module: str, name: str) -> Any:
        """Give the few known names, or a stand-in."""
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        known = KNOWN.get((module, name)) or self.stand_ins(module, name)
        if known is None:
            raise ValueError(
                f"{self.path} names {module}.{name}, which has no place in a file of weights: "
                "nothing of it was run"
            )
        return known

    def persistent_load(self, pid: Any) -> Tensor:
        """Read a storage as a flat tensor, once."""
        _, dtype, key, _, count = pid
        if key not in self.storages:
            raw = bytearray(self.archive.read(f"{self.root}data/{key}"))
            self.storages[key] = (
                torch.frombuffer(raw, dtype=dtype) if raw else torch.empty(0, dtype=dtype)
            )
        storage = self.storages[key]
        if len(storage) < count:
            raise EOFError(f"storage {key} has {len(storage)} numbers, {count} are needed")
        return storage


def _tensor(
    storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> Tensor:
    return storage.as_strided(size, stride, offset).clone()


def _parameter(value: Tensor, *_: Any) -> Tensor:
    return value


KNOWN: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
}
"""Names of pickles and what is called for them."""

"""Image tokens of a split, encoded once: a memory-mapped array and a JSON that says of what."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

TOKENS_FILE, FACTS_FILE = "tokens.npy", "encoding.json"


@dataclass(frozen=True)
class Encoding:
    """What an array of image tokens was made of."""

    dvae_hash: str
    """Hash of the dVAE that encoded the pictures."""
    source: str
    """Fingerprint of the split."""
    image_size: int
    """Side of the pictures that were encoded, in pixels."""
    rows: int
    """Number of pictures."""
    tokens: int
    """Tokens a picture."""


class ImageTokens:
    """The tokens of a split, row by row as in the split.

    Args:
        folder: Where they lie: ``tokens.npy`` (``rows tokens``) and ``encoding.json``.

    Raises:
        FileNotFoundError: There are no tokens in the folder.
        ValueError: The files do not fit each other.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        for name in (TOKENS_FILE, FACTS_FILE):
            if not (folder / name).is_file():
                raise FileNotFoundError(
                    f"{folder} has no {name}: encode the data set with lit-dalle prepare tokens"
                )
        self.folder = folder
        self.encoding = _read_facts(folder / FACTS_FILE)
        self._array = np.load(folder / TOKENS_FILE, mmap_mode="r")
        expected = (self.encoding.rows, self.encoding.tokens)
        if self._array.shape != expected:
            raise ValueError(
                f"{folder} holds tokens of shape {self._array.shape}, its {FACTS_FILE} says "
                f"{expected}: encode the data set again"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return ImageTokens, (self.folder,)  # other processes map the file again

    def __len__(self) -> int:
        return self.encoding.rows

    def __getitem__(self, rows: int | Sequence[int]) -> Tensor:
        """Tokens of one row (``i``) or of several (``b i``), int64."""
        return torch.from_numpy(np.asarray(self._array[rows], dtype=np.int64))

    def check(
        self,
        *,
        dvae_hash: str | None = None,
        source: str | None = None,
        image_size: int | None = None,
        rows: int | None = None,
    ) -> None:
        """Refuse tokens that were made of something else than what is wanted now.

        Raises:
            ValueError: Says which fact differs, with both values.
        """
        wanted = {"dvae_hash": dvae_hash, "source": source, "image_size": image_size}
        for name, value in wanted.items():
            found = getattr(self.encoding, name)
            if value is not None and found != value:
                raise ValueError(
                    f"the image tokens in {self.folder} were made with {name} {found}, "
                    f"now it is {value}: encode the data set again"
                )
        if rows is not None and rows > len(self):
            raise ValueError(
                f"{self.folder} holds the tokens of {len(self)} rows, the split has {rows}: "
                "encode the data set again"
            )


def write_image_tokens(folder: Path, batches: Iterable[Tensor], encoding: Encoding) -> None:
    """Fill an empty folder with tokens that come batch by batch (``b i``), in order.

    Raises:
        ValueError: The batches have more or fewer rows than ``encoding`` says.
    """
    shape = (encoding.rows, encoding.tokens)
    array = np.lib.format.open_memmap(folder / TOKENS_FILE, "w+", np.dtype(np.int32), shape)
    at = 0
    for batch in batches:
        array[at : at + len(batch)] = batch.cpu().numpy()
        at += len(batch)
    array.flush()
    if at != encoding.rows:
        raise ValueError(f"{at} rows were encoded, {encoding.rows} were expected")
    (folder / FACTS_FILE).write_text(json.dumps(asdict(encoding), indent=2) + "\n", "utf-8")


def _read_facts(path: Path) -> Encoding:
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return Encoding(**facts)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} cannot be read: {error}; encode the data set again") from error

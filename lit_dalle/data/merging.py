"""BPE merges with seeded dropout (Provilkov et al. 2020, arXiv 1910.13267).

The dropout built into ``tokenizers`` cannot be seeded; this one is a function of a key.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lit_dalle.data.draws import hashed

Pair = tuple[str, str]


@dataclass(frozen=True)
class Merges:
    """The trained merges: which pairs join, the lowest rank first, and the id of each piece."""

    ranks: Mapping[Pair, int]
    ids: Mapping[str, int]
    whole: bool = False
    """Whether a piece that has an id takes it without a merge."""
    suffix: str = ""
    """What the last symbol of a piece ends with, as in CLIP's published BPE."""

    @classmethod
    def from_model(cls, model: Mapping[str, Any]) -> "Merges":
        """Read the ``model`` section of a ``tokenizer.json``, whose merges have had two forms."""
        pairs = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]]
        ranks = {(left, right): rank for rank, (left, right) in enumerate(pairs)}
        whole, suffix = bool(model.get("ignore_merges")), model.get("end_of_word_suffix") or ""
        return cls(ranks, model["vocab"], whole, suffix)

    def encode(self, pieces: Sequence[str], dropout: float, key: tuple[int, ...]) -> list[int]:
        """Token ids of a text that is already split into pieces of byte characters.

        Args:
            pieces: Runs of byte characters across which nothing is merged.
            dropout: Chance that a possible merge is passed over at each step, and a whole piece
                too; 0 gives the very tokens of the library.
            key: What the draws are a function of.
        """
        draws = random.Random(hashed(*key))
        symbols = [symbol for piece in pieces for symbol in self._merge(piece, dropout, draws)]
        return [self.ids[symbol] for symbol in symbols]

    def _merge(self, piece: str, dropout: float, draws: random.Random) -> list[str]:
        if self.whole and piece in self.ids and not (dropout and draws.random() < dropout):
            return [piece]
        symbols = [*piece[:-1], piece[-1] + self.suffix]
        ranks = [self.ranks.get(pair) for pair in pairwise(symbols)]
        while True:
            open_merges = [
                (rank, at)
                for at, rank in enumerate(ranks)
                if rank is not None and (not dropout or draws.random() >= dropout)
            ]
            if not open_merges:
                return symbols
            _, at = min(open_merges)
            symbols[at : at + 2] = [symbols[at] + symbols[at + 1]]
            first = max(at - 1, 0)  # only the pairs beside the new symbol are new
            new = [self.ranks.get(pair) for pair in pairwise(symbols[first : at + 2])]
            ranks[first : at + 2] = new

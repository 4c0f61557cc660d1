"""Are samples copies? Image tokens of samples against those of the training pictures.

A sample with the tokens of a training picture is, pixel for pixel, that picture after the dVAE's
round trip.
"""

import numpy as np
from numpy.typing import NDArray

from lit_dalle.evaluation.composition.painter import Tokens


class TrainingTokens:
    """The training pictures' image tokens, made ready for many questions.

    Args:
        tokens: ``rows i``, at least one row.

    Raises:
        ValueError: No rows.
    """

    def __init__(self, tokens: Tokens) -> None:
        if not len(tokens):
            raise ValueError("memorisation needs at least one training picture")
        self._rows = {row.tobytes() for row in np.ascontiguousarray(tokens, np.int32)}
        # Position by position and in few bytes: a comparison with all rows is one quick sweep.
        narrow = np.uint16 if tokens.max() < np.iinfo(np.uint16).max else np.int32
        self._columns = np.ascontiguousarray(tokens.T.astype(narrow))

    def holds(self, tokens: Tokens) -> NDArray[np.bool_]:
        """Whether each of ``n i`` equals a training picture in all its tokens, ``n``."""
        return np.array([row.tobytes() in self._rows for row in np.ascontiguousarray(tokens)])

    def nearest(self, tokens: Tokens) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Find the training picture with the fewest other tokens.

        Args:
            tokens: ``n i``.

        Returns:
            Its row (the first of equals), and the share of tokens that differ; each ``n``.
        """
        length, rows = self._columns.shape
        found = np.empty(len(tokens), np.int64)
        share = np.empty(len(tokens))
        narrow = self._columns.dtype
        known = np.minimum(tokens, np.iinfo(narrow).max).astype(narrow)
        for number, row in enumerate(known):
            equal = np.zeros(rows, np.uint16)
            for column, token in zip(self._columns, row, strict=True):
                equal += column == token
            found[number] = equal.argmax()
            share[number] = 1 - equal[found[number]] / length
        return found, share

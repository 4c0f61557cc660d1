"""Counts of what happened to the rows of a split, epoch by epoch."""

from collections import Counter
from collections.abc import Iterable

from lit_dalle.data.notes import Note

SHOWN = 3
"""Messages kept of each kind."""
SOON = 1000
"""Rows after which a share is believed where the number of rows is not known."""


class Ledger:
    """What one process has read of a split in an epoch, and what it could not use.

    Args:
        split: Name of the split.
        max_bad_share: Share of rows that may be unusable before reading ends with an error.
        rows: Number of rows that this process reads an epoch, where it is known.
    """

    def __init__(self, split: str, max_bad_share: float = 1.0, rows: int | None = None) -> None:
        self.split, self.max_bad_share, self.rows = split, max_bad_share, rows
        self.counts: Counter[str] = Counter()
        self.messages: dict[str, list[str]] = {}
        self._fullest: Counter[str] = Counter()

    def begin(self, counts: dict[str, int] | None = None) -> None:
        """Begin an epoch, or go on with one of which so much was read."""
        if self.counts["read"] >= self._fullest["read"]:
            self._fullest = self.counts
        self.counts = Counter(counts or {})

    def add(self, read: int, notes: Iterable[Note]) -> None:
        """Count some rows and what is noted of them.

        Args:
            read: Number of rows, those that cannot be used among them.
            notes: All that is noted of them.

        Raises:
            ValueError: More rows cannot be used than ``max_bad_share`` allows.
        """
        self.counts["read"] += read
        for action, kind, _, message in notes:
            self.counts[f"{action}/{kind}"] += 1
            kept = self.messages.setdefault(f"{action}/{kind}", [])
            if len(kept) < SHOWN and message not in kept:
                kept.append(message)
        self._check()

    @property
    def fullest(self) -> Counter[str]:
        """Counts of the epoch of which most was read: ``read`` and ``ACTION/KIND``."""
        return max(self._fullest, self.counts, key=lambda counts: counts["read"])

    def report(self, counts: Counter[str] | None = None) -> str:
        """Lines for the user: rows by kind with a few examples; empty if there is nothing to say.

        Args:
            counts: Those to tell of, where they are of several processes; else ``fullest``.
        """
        counts = self.fullest if counts is None else counts
        lines = [
            f"  {number:>8,} {name.replace('/', ': ', 1)}{self._example(name)}"
            for name, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            if name != "read"
        ]
        if not lines:
            return ""
        return "\n".join([f"{self.split}: {counts['read']:,} rows read, of which", *lines])

    def state(self) -> dict[str, int]:
        """Return the counts of this epoch, to go on from."""
        return dict(self.counts)

    def _example(self, name: str) -> str:
        examples = self.messages.get(name, [])
        return f" — {examples[0]}" if examples else ""

    def _check(self) -> None:
        skipped = sum(n for name, n in self.counts.items() if name.startswith("skipped/"))
        if self.rows is not None:
            allowed = self.max_bad_share * self.rows
        elif self.counts["read"] >= SOON or not self.max_bad_share:
            allowed = self.max_bad_share * self.counts["read"]
        else:
            return
        if skipped > allowed:
            worst = Counter(
                {n: k for n, k in self.counts.items() if n.startswith("skipped/")}
            ).most_common(1)[0][0]
            raise ValueError(
                f"{skipped} rows of {self.split} cannot be used, more than the share of "
                f"{self.max_bad_share:g} that data.max_bad_share allows; most often "
                f"{worst.partition('/')[2]}: {self.messages[worst][0]}"
            )

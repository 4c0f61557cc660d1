"""Counts of what happened to the rows of a split, epoch by epoch."""

from collections import Counter
from collections.abc import Iterable, Sequence

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

    @classmethod
    def together(cls, ledgers: Sequence["Ledger"]) -> "Ledger":
        """What several processes have read of a split, each in its fullest epoch."""
        whole = cls(ledgers[0].split)
        for ledger in ledgers:
            whole.counts.update(ledger.fullest)
            whole.messages = ledger.messages | whole.messages
        return whole

    @property
    def fullest(self) -> Counter[str]:
        """Counts of the epoch of which most was read: ``read`` and ``ACTION/KIND``."""
        return max(self._fullest, self.counts, key=lambda counts: counts["read"])

    def report(self) -> str:
        """Lines for the user: rows by kind with an example; empty if there is nothing to say."""
        kinds = [f"  {number:>8,} {told}" for number, told in self._kinds()]
        return "\n".join([f"{self.split}: {self._read}, of which", *kinds]) if kinds else ""

    def shortage(self) -> str:
        """One line for the user whose rows do not fill a single batch: why, and what to do."""
        kinds = "; ".join(f"{number:,} {told}" for number, told in self._kinds())
        return (
            f"{self.split} does not fill a batch: {self._read}"
            f"{f', of which {kinds}' if kinds else ''}; lower data.batch_size, or give more rows "
            "that can be used"
        )

    def state(self) -> dict[str, int]:
        """Return the counts of this epoch, to go on from."""
        return dict(self.counts)

    @property
    def _read(self) -> str:
        return f"{self.fullest['read']:,} rows read"

    def _kinds(self) -> list[tuple[int, str]]:
        """Rows of each kind, the most frequent first, and its name with an example."""
        found = sorted(self.fullest.items(), key=lambda item: (-item[1], item[0]))
        return [
            (number, f"{name.replace('/', ': ', 1)}{self._example(name, ' — ')}")
            for name, number in found
            if name != "read"
        ]

    def _example(self, name: str, mark: str) -> str:
        """A message of a kind after a mark; a resumed run has none of before."""
        examples = self.messages.get(name, [])
        return f"{mark}{examples[0]}" if examples else ""

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
                f"{worst.partition('/')[2]}{self._example(worst, ': ')}"
            )

"""Shards whose rows are their own numbers."""

from collections.abc import Iterator, Sequence
from typing import Any

from lit_dalle.data.notes import DAMAGED, Note
from lit_dalle.data.shards import Raw, Shards


class NumberShards(Shards):
    """Shards of given sizes; some rows (shard, row) are bad."""

    def __init__(self, sizes: Sequence[int], bad: Sequence[tuple[int, int]] = ()) -> None:
        self.sizes, self.bad = sizes, set(bad)

    def __len__(self) -> int:
        return len(self.sizes)

    def rows(self, shard: int, first: int = 0) -> Iterator[Raw]:
        for row in range(first, self.sizes[shard]):
            yield {"number": row}

    def read(self, shard: int, rows: Sequence[tuple[int, Raw]]) -> dict[str, list[Any]]:
        assert all(number == row["number"] for number, row in rows)
        notes = [
            [Note("skipped", DAMAGED, f"{shard}/{number}", "bad")]
            if (shard, number) in self.bad
            else []
            for number, _ in rows
        ]
        return {"family": [f"{shard}/{number}" for number, _ in rows], "notes": notes}

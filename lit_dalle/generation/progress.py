"""How far a generation has come."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the stage (``tokens``, ``pictures``), how much of it is done, and how much there is.
"""


def counted(progress: Progress | None, stage: str, total: int) -> Callable[[int], None] | None:
    """Turn steps into how far a stage has come."""
    if progress is None:
        return None
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        progress(stage, done, total)

    return advance

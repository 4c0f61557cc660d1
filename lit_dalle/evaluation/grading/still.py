"""A random stream without chance: the world's drawings without their jitter."""

from random import Random
from typing import Any


class Still(Random):
    """Draws the middle of every range, and always the same of every choice.

    Args:
        chosen: Place of what is chosen.
        share: Of a range of real numbers, where its number lies.
    """

    def __init__(self, chosen: int = 0, share: float = 0.5) -> None:
        super().__init__(0)
        self.chosen, self.share = chosen, share

    def uniform(self, a: float, b: float) -> float:
        """The share of the way from a to b."""
        return a + (b - a) * self.share

    def randint(self, a: int, b: int) -> int:
        """The middle."""
        return (a + b) // 2

    def randrange(self, *_: Any) -> int:
        """0: a plain background, a corner."""
        return 0

    def choice(self, seq: Any) -> Any:
        """What is at the chosen place."""
        return seq[self.chosen]

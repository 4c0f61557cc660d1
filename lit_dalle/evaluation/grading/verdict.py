"""What a grader says: right or wrong for each requirement, with the reason in words."""

from collections.abc import Sequence
from dataclasses import dataclass

TOLD = 3
"""Things that are told at most: a picture that is no such scene at all has many."""


@dataclass(frozen=True)
class Requirement:
    """One thing that the scene asks of its picture."""

    name: str
    """An attribute of the scene ("hat"), or what strictness adds ("nothing else")."""
    right: bool
    reason: str
    """What was seen, in words; where it is wrong, what was asked for too."""


@dataclass(frozen=True)
class Verdict:
    """All requirements of a scene, in the order in which they were looked at."""

    requirements: tuple[Requirement, ...]

    @property
    def right(self) -> bool:
        """Whether every requirement holds."""
        return all(requirement.right for requirement in self.requirements)

    @property
    def reason(self) -> str:
        """What is wrong, or "right"."""
        wrong = [requirement.reason for requirement in self.requirements if not requirement.right]
        return "; ".join(wrong) or "right"


def compared(name: str, seen: object, asked: object, what: str | None = None) -> Requirement:
    """A requirement that what was seen equals what was asked for.

    Args:
        name: Of the requirement.
        seen: The value in the picture.
        asked: The value of the scene.
        what: What has the value, for the reason; default the requirement's name.
    """
    what = what or name
    if seen == asked:
        return Requirement(name, True, f"{what}: {seen}")
    return Requirement(name, False, f"{what}: {seen}, not {asked}")


def nothing_else(reasons: Sequence[str]) -> Requirement:
    """The requirement that nothing is in a picture, or absent from it, against what was asked for.

    Args:
        reasons: What is; empty where the requirement holds. The first `TOLD` different ones are
            told.
    """
    told = list(dict.fromkeys(reasons))[:TOLD]
    return Requirement("nothing else", not reasons, ", ".join(told) or "nothing else")

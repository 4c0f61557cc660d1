"""Square blocks on one another, read from the top."""

from collections.abc import Iterator, Sequence
from statistics import median

from lit_dalle.data.world import StackScene
from lit_dalle.evaluation.grading.objects import FoundObject, find_objects, no_strays
from lit_dalle.evaluation.grading.picture import Picture
from lit_dalle.evaluation.grading.verdict import Requirement, compared

TOUCH = 3
"""Most pixels between two blocks that touch."""
OVERLAP = 0.5
"""Most of a block's height that may lie beside the other, as blurred blocks do."""
ABOVE = 0.6
"""Least share of the narrower block's width that stands over the other."""
THIN = 0.42
"""Height over width up to which a band between two blocks is their colours' blur."""
TWICE = 1.7
"""Height over width from which an area of one colour is two blocks; a decoder stretches one."""
SLIM = 0.6
"""Least width of a block over that of the widest."""
FULL = 0.72
"""Least share of its box that a block fills; a triangle fills half.

Blocks come rounded out of a decoder, so a round block passes for a square one.
"""


def requirements(picture: Picture, scene: StackScene) -> Iterator[Requirement]:
    """What a picture of a stack has to show.

    Blocks are nearly cubes: an area of one colour twice as high as it is wide is two blocks.
    """
    found = find_objects(picture)
    stack = column(found)
    blocks = without_bands(stack)
    colours = [one.colour for one in blocks for _ in range(levels(one, blocks))]
    yield compared("height", len(colours), len(scene.colours), "blocks")
    yield compared("colours", described(colours), described(scene.colours))
    yield Requirement("blocks", *even(blocks))
    yield no_strays([one for one in found if one not in stack])


def column(found: Sequence[FoundObject]) -> list[FoundObject]:
    """The largest object and all that stand on or under it, from the top."""
    if not found:
        return []
    stack = [max(found, key=lambda one: one.area)]
    rest = [one for one in found if one is not stack[0]]
    for one in sorted(rest, key=lambda one: -one.centre[1]):
        if stands_on(one, stack[0]):
            stack.insert(0, one)
    for one in sorted(rest, key=lambda one: one.centre[1]):
        if stands_on(stack[-1], one):
            stack.append(one)
    return stack


def stands_on(upper: FoundObject, lower: FoundObject) -> bool:
    """Whether one object stands on another: touching, and over it by most of its width."""
    shared = min(upper.box[2], lower.box[2]) - max(upper.box[0], lower.box[0])
    gap = lower.box[1] - upper.box[3]
    touching = -OVERLAP * min(upper.height, lower.height) <= gap <= TOUCH
    return touching and shared >= ABOVE * min(upper.width, lower.width)


def without_bands(stack: Sequence[FoundObject]) -> list[FoundObject]:
    """The stack without thin bands between two blocks."""
    ends = (0, len(stack) - 1)
    return [
        one for level, one in enumerate(stack) if level in ends or one.height > THIN * one.width
    ]


def levels(block: FoundObject, blocks: Sequence[FoundObject]) -> int:
    """How many blocks of its colour a part of the stack is."""
    return max(1, int(block.height / median(one.width for one in blocks) + 2 - TWICE))


def even(blocks: Sequence[FoundObject]) -> tuple[bool, str]:
    """Whether the blocks are squares of one size, and in words."""
    widest = max((one.width for one in blocks), default=0)
    for one in blocks:
        if one.width < SLIM * widest or one.height < SLIM * one.width:
            return False, f"the {one.colour} block is not as large as the others"
        if one.area < FULL * one.width * one.height:
            return False, f"the {one.colour} block is not square"
    return True, "blocks: even"


def described(colours: Sequence[str]) -> str:
    """A stack in words, from the top."""
    return " on ".join(colours) or "none"

"""Scenes that differ from a scene in exactly one attribute."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lit_dalle.data.world.scenes import LEGAL, Scene, StackScene, WritingScene
from lit_dalle.data.world.vocabulary import COLOURS
from lit_dalle.data.world.words import WORDS

NEAREST_WORDS = 10
"""Neighbouring words: of the same length and with the fewest other letters."""


def neighbours(scene: Scene) -> tuple[Scene, ...]:
    """All legal scenes with exactly one attribute changed, trained or not.

    In a stack a block's colour is an attribute; a word changes to one of its `NEAREST_WORDS`.
    No neighbour has the picture of the scene itself.
    """
    return tuple(_neighbours(scene))


def _neighbours(scene: Scene) -> Iterator[Scene]:
    if isinstance(scene, StackScene):
        for level, colour in enumerate(scene.colours):
            beside = scene.colours[max(0, level - 1) : level + 2]
            for other in COLOURS:
                if other != colour and other not in beside:
                    yield StackScene((*scene.colours[:level], other, *scene.colours[level + 1 :]))
        return
    if isinstance(scene, WritingScene):
        for word in _nearest_words(scene.word):
            yield replace(scene, word=word)
    for attribute, legal in LEGAL[scene.family].items():
        for value in legal:
            if value != getattr(scene, attribute):
                change: dict[str, Any] = {attribute: value}
                try:
                    yield replace(scene, **change)
                except ValueError:
                    continue


def _nearest_words(word: str) -> list[str]:
    alike = [other for other in WORDS if len(other) == len(word) and other != word]
    alike.sort(key=lambda other: (sum(a != b for a, b in zip(word, other, strict=True)), other))
    return alike[:NEAREST_WORDS]

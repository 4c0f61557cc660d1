"""Creatures: a world of kinds, of which some are known by description alone."""

from lit_dalle.data.creatures.build import SPLITS, captions, class_entries, creature_rows
from lit_dalle.data.creatures.drawing import draw_creature
from lit_dalle.data.creatures.kinds import KINDS, Kind, descriptions, held_out_kinds, trained_kinds

__all__ = [
    "KINDS",
    "Kind",
    "descriptions",
    "draw_creature",
    "held_out_kinds",
    "trained_kinds",
    "SPLITS",
    "captions",
    "class_entries",
    "creature_rows",
]

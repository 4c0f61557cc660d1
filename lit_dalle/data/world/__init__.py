"""The procedural world: scene → caption, scene → picture, splits; the truth is always known."""

from lit_dalle.data.world.captions import captions
from lit_dalle.data.world.drawing import render
from lit_dalle.data.world.neighbours import neighbours
from lit_dalle.data.world.rows import picture_seed, world_row, world_scene
from lit_dalle.data.world.scenes import (
    FAMILIES,
    LEGAL,
    SCENE_TYPES,
    CountScene,
    LightScene,
    PenguinScene,
    RelationScene,
    Scene,
    StackScene,
    TelephoneScene,
    ThingScene,
    TogetherScene,
    WritingScene,
    canonical,
    scene_from_json,
    scene_group,
    scene_to_json,
)
from lit_dalle.data.world.splits import (
    SPLITS,
    WORLD_VERSION,
    compositions,
    held_out_pairs,
    held_out_reasons,
    held_out_words,
    is_held_out,
    pairs,
)

__all__ = [
    "FAMILIES",
    "LEGAL",
    "SCENE_TYPES",
    "SPLITS",
    "WORLD_VERSION",
    "CountScene",
    "LightScene",
    "PenguinScene",
    "RelationScene",
    "Scene",
    "StackScene",
    "TelephoneScene",
    "ThingScene",
    "TogetherScene",
    "WritingScene",
    "canonical",
    "captions",
    "compositions",
    "held_out_pairs",
    "held_out_reasons",
    "held_out_words",
    "is_held_out",
    "neighbours",
    "pairs",
    "picture_seed",
    "render",
    "scene_from_json",
    "scene_group",
    "scene_to_json",
    "world_row",
    "world_scene",
]

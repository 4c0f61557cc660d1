"""Pins `WORLD_VERSION`: scenes and captions exactly, pictures up to how Pillow rounds.

``python tests/data/world/test_version.py`` prints the values to record for a new version.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from lit_dalle.data.world import FAMILIES, SPLITS, WORLD_VERSION, world_row

RECORDED = Path(__file__).with_name("recorded.json")
ROWS = 90
GRID = 4
TOLERANCE = 6
"""Levels of 255, in the mean colour of a sixteenth of a picture."""


def observed():
    scenes, thumbnails = hashlib.sha256(), {}
    for split in SPLITS:
        for index in range(ROWS):
            row = world_row(split, index, families=None, size=32)
            scenes.update(json.dumps([row["scene"], row["caption"], row["group"]]).encode())
    for family in FAMILIES:
        picture = np.asarray(world_row("train", 7, families=[family])["image"], float)
        cells = picture.reshape(GRID, 64 // GRID, GRID, 64 // GRID, 3).mean((1, 3))
        thumbnails[family] = cells.round().astype(int).reshape(-1).tolist()
    return {
        "version": WORLD_VERSION,
        "scenes and captions": scenes.hexdigest(),
        "thumbnails": thumbnails,
    }


def test_the_world_is_the_one_its_version_names():
    recorded, seen = json.loads(RECORDED.read_text()), observed()
    changed = "the world changed: raise WORLD_VERSION and record anew"
    assert seen["version"] == recorded["version"], changed
    assert seen["scenes and captions"] == recorded["scenes and captions"], changed
    for family, levels in recorded["thumbnails"].items():
        difference = np.abs(np.subtract(seen["thumbnails"][family], levels)).max()
        assert difference <= TOLERANCE, f"{family} is off by {difference} levels; {changed}"


if __name__ == "__main__":
    print(json.dumps(observed()))

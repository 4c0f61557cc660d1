import hashlib
import os
import subprocess
import sys
from collections import Counter

import pytest

from lit_dalle.data.world import (
    FAMILIES,
    SPLITS,
    captions,
    held_out_reasons,
    is_held_out,
    render,
    scene_from_json,
    scene_group,
    world_row,
    world_scene,
)
from lit_dalle.data.world.rows import picture_seed

N = 9 * 60


def test_a_row_agrees_with_its_scene():
    for split in SPLITS:
        for index in range(18):
            row = world_row(split, index, seed=3)
            scene = world_scene(split, index, seed=3)
            assert scene_from_json(row["scene"]) == scene
            assert row["caption"] == list(captions(scene))
            assert row["group"] == scene_group(scene)
            assert (row["family"], row["index"]) == (scene.family, index)
            assert (row["image"].mode, row["image"].size) == ("RGB", (64, 64))
            drawn = render(scene, picture_seed(split, index, 3))
            assert row["image"].tobytes() == drawn.tobytes()


def test_families_take_turns():
    for split in SPLITS:
        scenes = [world_scene(split, index) for index in range(N)]
        assert Counter(scene.family for scene in scenes) == dict.fromkeys(FAMILIES, N // 9)
    often = [world_scene("train", i, families=["stack", "count", "stack"]) for i in range(6)]
    assert [scene.family for scene in often] == ["stack", "count", "stack"] * 2
    assert len(set(often)) == 6
    two = [world_scene("train", index, families=["stack", "count"]) for index in range(4)]
    assert [scene.family for scene in two] == ["stack", "count", "stack", "count"]


def test_splits_hold_what_they_say():
    for split in SPLITS:
        for index in range(N):
            assert is_held_out(world_scene(split, index)) == (split == "held_out")


def test_held_out_stacks_and_words_take_turns_by_reason():
    for family, kinds in (("stack", 3), ("writing", 2)):
        reasons = [
            held_out_reasons(world_scene("held_out", index, families=[family]))
            for index in range(60)
        ]
        counts = Counter(reasons)
        assert len(counts) == kinds
        assert set(counts.values()) == {60 // kinds}
        assert all(len(reason) == 1 for reason in reasons)
    heights = [len(world_scene("train", i, families=["stack"]).colours) for i in range(60)]
    assert Counter(heights) == {2: 30, 3: 30}


def test_rows_differ_by_index_seed_and_split():
    def scenes(split, seed):
        return [world_scene(split, index, seed) for index in range(N)]

    base = scenes("train", 0)
    assert len(set(base)) > N / 2
    for other in (scenes("train", 1), scenes("validation", 0), scenes("test", 0)):
        assert sum(a == b for a, b in zip(base, other, strict=True)) < N / 20
    assert picture_seed("train", 0) != picture_seed("train", 1) != picture_seed("test", 1)


def test_scenes_are_spread_over_the_values():
    counts = Counter(world_scene("train", i, families=["count"]).count for i in range(1200))
    assert all(140 <= counts[number] <= 260 for number in range(1, 7)), counts


def test_rows_do_not_depend_on_the_process():
    code = (
        "import hashlib; from lit_dalle.data.world import world_row;"
        "row = world_row('train', 5, 7);"
        "print(row['scene']); print(hashlib.sha256(row['image'].tobytes()).hexdigest())"
    )
    seed = "1" if os.environ.get("PYTHONHASHSEED") == "2" else "2"
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    elsewhere = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    row = world_row("train", 5, 7)
    here = row["scene"], hashlib.sha256(row["image"].tobytes()).hexdigest()
    assert elsewhere.stdout.splitlines() == list(here)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dev", 0), "split is 'dev'"),
        (("train", -1), "index is -1"),
        (("train", 0, 0, ["count", "dragon"]), "families are dragon"),
        (("train", 0, 0, []), "families are none"),
        (("train", 0, 0, None, 16), "size is 16"),
    ],
)
def test_bad_arguments_are_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        world_row(*arguments)

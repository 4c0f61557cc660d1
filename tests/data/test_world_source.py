import pickle

import pytest

from lit_dalle.data import WorldSource
from lit_dalle.data.world import FAMILIES, is_held_out, scene_from_json, world_row


def test_rows_are_the_world_s():
    source = WorldSource(size=20, seed=3, eval_size=10)
    for split in source.splits():
        rows = source.load(split)
        assert len(rows) == (20 if split == "train" else 10)
        row, expected = rows[7], world_row(split, 7, seed=3)
        assert row["image"].tobytes() == expected["image"].tobytes()
        for key in ("caption", "scene", "group", "family"):
            assert row[key] == expected[key]


def test_rows_without_pictures_say_the_same():
    source = WorldSource(size=20)
    drawn, described = source.load("train"), source.load("train", pictures=False)
    for index in range(20):
        row = dict(drawn[index])
        del row["image"], row["index"]
        assert described[index] == row


def test_all_captions_of_a_split():
    source = WorldSource(size=4)
    captions = [caption for row in source.load("train") for caption in row["caption"]]
    assert list(source.captions()) == captions


def test_pictures_can_be_drawn_larger():
    assert WorldSource(size=1, picture_size=96).load("train")[0]["image"].size == (96, 96)


def test_the_fingerprint_tells_rows_apart_and_does_not_see_the_size():
    sources = [WorldSource(), WorldSource(seed=1), WorldSource(families=("stack",))]
    sources.append(WorldSource(picture_size=32))
    found = {source.fingerprint(split) for source in sources for split in ("train", "test")}
    assert len(found) == 8
    assert WorldSource(size=10).fingerprint("train") == WorldSource(size=99).fingerprint("train")


def test_foils_stand_beside_their_scene_each_with_a_picture_of_its_own():
    rows, plain = WorldSource(size=24, foils=3).load("train"), WorldSource(size=6).load("train")
    for index in range(24):
        row, base = rows[index], plain[index // 4]
        assert (row["scene"] == base["scene"]) == (index % 4 == 0)
        assert row["family"] == base["family"]
        assert not is_held_out(scene_from_json(row["scene"]))
    assert len({row["image"].tobytes() for row in rows}) == 24
    described = WorldSource(size=24, foils=3).load("train", pictures=False)
    for key in ("caption", "scene", "group", "family"):
        assert described[:][key] == rows[:][key]


def test_foils_change_the_training_rows_only():
    plain, foiled = WorldSource(eval_size=9), WorldSource(eval_size=9, foils=1)
    assert (plain.block_size("train"), foiled.block_size("train")) == (1, 2)
    assert plain.fingerprint("train") != foiled.fingerprint("train")
    for split in ("validation", "test", "held_out"):
        assert foiled.block_size(split) == 1
        assert plain.fingerprint(split) == foiled.fingerprint(split)
        assert plain.load(split)[:]["scene"] == foiled.load(split)[:]["scene"]


def test_rows_travel_to_other_processes():
    rows = WorldSource(size=5).load("train")
    assert pickle.loads(pickle.dumps(rows))[2]["caption"] == rows[2]["caption"]


def test_bad_settings_are_told():
    with pytest.raises(ValueError, match="no family zebra; it has " + FAMILIES[0]):
        WorldSource(families=("zebra",))
    with pytest.raises(ValueError, match="size is 0"):
        WorldSource(size=0)
    with pytest.raises(ValueError, match="foils is 4; choose 0 to 3"):
        WorldSource(foils=4)
    with pytest.raises(ValueError, match="has no valid split; it has train, validation"):
        WorldSource().load("valid")

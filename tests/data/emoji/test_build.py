import sys

import numpy as np
import pytest
from datasets import load_dataset
from fake_npm import calls, install

from lit_dalle.cli.main import main
from lit_dalle.data.emoji import build, catalogue
from lit_dalle.data.emoji.catalogue import MEANINGS, STYLES, Entry
from lit_dalle.data.emoji.drawings import Drawings
from lit_dalle.data.emoji.rendering import render

MEANING = dict.fromkeys(MEANINGS, "") | {"color": "red", "concept": "red square"}
SPLIT_OF = {
    "openmoji": "train",
    "openmoji-black": "train",
    "twemoji": "validation",
    "noto": "test_iid",
    "noto-blob": "test_comp",
    "fluent-flat": "test_style",
    "fluent-high-contrast": "test_style",
    "fluent-3d": "test_style",
}


@pytest.fixture
def packages(tmp_path, monkeypatch):
    small = (Entry("1F7E5", MEANING, SPLIT_OF),)
    monkeypatch.setattr(build, "catalogue", lambda: small)
    found = install(tmp_path, monkeypatch)
    monkeypatch.setattr(build, "PACKAGES", found)
    return found


def rows(folder, split):
    return load_dataset("parquet", data_files=str(folder / f"{split}.parquet"), split="train")


def test_every_style_is_drawn_and_every_row_says_what_it_is(tmp_path, packages):
    counts = build.build_emoji(tmp_path / "out", cache=tmp_path / "cache", packages=packages)
    assert counts == {
        "train": 2,
        "validation": 1,
        "test_iid": 1,
        "test_comp": 1,
        "test_style": 3,
    }
    found = [row for split in counts for row in rows(tmp_path / "out", split)]
    by_style = {row["style"]: row for row in found}
    assert set(by_style) == set(SPLIT_OF)
    red = by_style["openmoji"]
    assert np.asarray(red["image"]).reshape(-1, 3).tolist() == [[255, 0, 0]] * 64**2
    for style in ("openmoji-black", "fluent-high-contrast", "noto-blob"):
        assert np.asarray(by_style[style]["image"]).max() == 0  # currentColor is black
    assert np.asarray(by_style["fluent-3d"]["image"])[32, 32].tolist() == [255, 0, 0]
    assert (red["label"], red["tags"], red["label_zh"]) == (
        "red square",
        ["red", "square"],
        "red square (zh)",
    )
    assert (red["group"], red["subgroup"], red["emoji_version"]) == ("symbols", "geometric", 12)
    assert {row["style"]: row["license"] for row in found} == {s.name: s.license for s in STYLES}


def test_a_second_run_neither_fetches_nor_draws(tmp_path, packages, monkeypatch):
    build.build_emoji(tmp_path / "out", cache=tmp_path / "cache", packages=packages)
    assert sorted(calls(tmp_path)) == sorted(f"{what}@1.0.0" for what in packages)
    monkeypatch.setattr(build, "render", None)
    again = build.build_emoji(tmp_path / "again", cache=tmp_path / "cache", packages=packages)
    assert len(calls(tmp_path)) == len(packages)
    for split in again:
        assert rows(tmp_path / "out", split).to_list() == rows(tmp_path / "again", split).to_list()


def test_what_was_done_before_an_interruption_is_kept(tmp_path, packages, monkeypatch):
    drawn = []

    def slow(drawing):
        drawn.append(drawing)
        if len(drawn) == 4:
            raise KeyboardInterrupt
        return render(drawing)

    monkeypatch.setattr(build, "render", slow)
    with pytest.raises(KeyboardInterrupt):
        build.build_emoji(tmp_path / "out", cache=tmp_path / "cache", packages=packages)
    assert not (tmp_path / "out").exists()
    build.build_emoji(tmp_path / "out", cache=tmp_path / "cache", packages=packages)
    assert len(drawn) == len(STYLES) + 1  # only what was interrupted is drawn again


def test_what_stands_in_the_way_is_told_before_anything_is_fetched(tmp_path, packages, monkeypatch):
    where = {"cache": tmp_path / "cache", "packages": packages}
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds something else \(no built\.json in it\)"):
        build.build_emoji(tmp_path / "out", **where)
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(FileNotFoundError, match="drawing emoji needs resvg"):
        build.build_emoji(tmp_path / "new", **where)
    assert calls(tmp_path) == []


def test_what_is_drawn_needs_no_resvg(tmp_path, packages, monkeypatch):
    counts = build.build_emoji(tmp_path / "out", cache=tmp_path / "cache", packages=packages)
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    again = build.build_emoji(tmp_path / "out", cache=tmp_path / "cache", packages=packages)
    assert again == counts


def test_a_drawing_that_is_missing_is_named(tmp_path, packages, monkeypatch):
    gone = (Entry("270B-1F3FB", MEANING, {"openmoji": "train"}),)
    monkeypatch.setattr(build, "catalogue", lambda: gone)
    with pytest.raises(ValueError, match=r"openmoji@1\.0\.0 has no drawing of 270B-1F3FB \(hand:"):
        build.build_emoji(tmp_path / "out", cache=tmp_path / "cache", packages=packages)
    assert not (tmp_path / "out").exists()


def test_a_drawing_that_cannot_be_read_is_named(tmp_path, packages, monkeypatch):
    monkeypatch.setitem(
        build.READERS, "openmoji", ("openmoji", lambda _: Drawings({"1f7e5": b"<svg"}))
    )
    with pytest.raises(ValueError, match=r"1F7E5 \(red square\) that cannot be read: the document"):
        build.build_emoji(tmp_path / "out", cache=tmp_path / "cache", packages=packages)


def test_the_command_builds_and_says_how_much(tmp_path, packages, monkeypatch, capsys):
    monkeypatch.setattr("lit_dalle.cli.prepare.build_emoji", with_packages(packages))
    out = str(tmp_path / "emoji")
    main(["prepare", "emoji", "--out", out, "--cache", str(tmp_path / "cache")])
    told = " ".join(capsys.readouterr().out.split())
    assert "2 of train, 1 of validation" in told
    assert "8/8" in told


def with_packages(packages):
    def built(out, **settings):
        return build.build_emoji(out, packages=packages, **settings)

    return built


def test_the_catalogue_is_complete():
    entries = catalogue.catalogue()
    per_split = {}
    for entry in entries:
        for style, split in entry.splits.items():
            per_split.setdefault(split, set()).add((style, entry.hexcode))
    assert {split: len(found) for split, found in per_split.items()} == {
        "train": 13740,
        "validation": 309,
        "test_iid": 745,
        "test_comp": 661,
        "test_style": 6266,
    }
    assert {style for style, _ in per_split["test_style"]} == {
        style.name for style in STYLES if style.vendor == "microsoft"
    }
    composed = {hexcode for _, hexcode in per_split["test_comp"]}
    assert composed.isdisjoint(hexcode for _, hexcode in per_split["train"])
    held = {entry.hexcode for entry in entries if entry.meanings["comp_held_out"]}
    assert held == composed


def test_near_duplicates_never_straddle_train_unmarked():
    entries = {entry.hexcode: entry for entry in catalogue.catalogue()}
    clusters = {}
    for (style, hexcode), (cluster, near) in catalogue.duplicates().items():
        split = entries[hexcode].splits[style]
        clusters.setdefault(cluster, set()).add((split, near))
    for cluster, members in clusters.items():
        splits = {split for split, near in members if not near}
        assert len(splits) <= 1, (cluster, members)

from dataclasses import replace

import numpy as np
import pytest
from tiny_pictures import CONCEPTS, SIZE, picture, write_tables

from lit_dalle.data import ParquetSource
from lit_dalle.evaluation.real_pictures.emoji import emoji_split
from lit_dalle.evaluation.real_pictures.subjects import drawn_by_seed, read_split


def test_the_emoji_tables_give_prompts_labels_and_translations(tmp_path):
    split = emoji_split(write_tables(tmp_path), "test_comp", translated=True)
    first = split.subjects[0]
    assert (first.prompt, first.label) == ("thing 2, plain style", "thing 2")
    assert (first.group, first.family) == ("1f602", "plain")
    assert first.translations == {
        "zh": "东西2, plain style",
        "de": "Ding 2 für ß, plain style",
    }
    assert [subject.row for subject in split.subjects] == list(range(6))  # without the last row


def test_pictures_are_those_of_the_rows_at_the_size_asked_for(tmp_path):
    split = emoji_split(write_tables(tmp_path), "test_comp")
    pixels = split.pictures(split.subjects[2:4], SIZE)
    np.testing.assert_array_equal(pixels[1], np.asarray(picture(CONCEPTS[5], "plain")))
    assert split.pictures(split.subjects[:1], 8).shape == (1, 8, 8, 3)
    parts = list(split.batches(split.subjects, 8, 4))
    assert [len(part) for part, _ in parts] == [4, 2]


def test_any_source_has_its_captions_for_labels(tmp_path):
    tables = write_tables(tmp_path)
    source = ParquetSource({"test": str(tables / "test_iid.parquet")}, caption_column="label_de")
    split = read_split("mine", source, "test")
    assert split.subjects[1].label == split.subjects[1].prompt == "Ding 1 für ß"
    assert split.subjects[1].group == "Ding 1 für ß"
    assert split.subjects[1].family == ""
    with pytest.raises(ValueError, match="has no held_out split"):
        read_split("mine", source, "held_out")


def test_sources_of_other_rows_are_refused(tmp_path):
    tables = write_tables(tmp_path)
    source = ParquetSource({"test": str(tables / "test_iid.parquet")}, caption_column="label")
    other = replace(source, data_files={"test": str(tables / "validation.parquet")})
    with pytest.raises(ValueError, match="has 4 rows for the 6"):
        read_split("mine", source, "test", labels=other)


def test_what_lacks_is_told(tmp_path):
    tables = write_tables(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        emoji_split(tmp_path / "nowhere", "test_iid")
    source = ParquetSource({"test": str(tables / "test_iid.parquet")})
    with pytest.raises(ValueError, match="no captions"):
        read_split("mine", source, "test")


def test_a_draw_is_a_function_of_its_name_and_seed(tmp_path):
    subjects = emoji_split(write_tables(tmp_path), "train").subjects

    def drawn(count, stream="x", seed=0, **more):
        return drawn_by_seed(subjects, count, stream, seed, **more)

    assert drawn(5) == drawn(5)
    assert drawn(3)[0] == drawn(5)[0][:3]
    assert drawn(None, seed=1) != drawn(None)
    assert drawn(None, "y") != drawn(None)
    assert len(drawn(99)[0]) == len(subjects)
    plain, passed = drawn(None, fits=lambda subject: subject.family == "plain")
    assert len(plain) == passed == len(subjects) / 2

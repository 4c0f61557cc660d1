import pytest

from lit_dalle.data.writing import read_json, whole_folder, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_folder_appears_whole(tmp_path):
    with whole_folder(tmp_path / "deep" / "out", "mark") as part:
        (part / "mark").write_text("new")
        assert not (tmp_path / "deep" / "out").exists()
    assert names(tmp_path / "deep") == ["out"]
    assert names(tmp_path / "deep" / "out") == ["mark"]


def test_failure_leaves_what_was_there(tmp_path):
    with whole_folder(tmp_path / "out", "mark") as part:
        (part / "mark").write_text("old")

    def interrupted():
        with whole_folder(tmp_path / "out", "mark") as part:
            (part / "mark").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (tmp_path / "out" / "mark").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_replacement_drops_old_files(tmp_path):
    for name in ("first", "second"):
        with whole_folder(tmp_path / "out", "mark") as part:
            (part / "mark").touch()
            (part / name).touch()
    assert names(tmp_path / "out") == ["mark", "second"]
    assert names(tmp_path) == ["out"]


def test_link_to_a_folder_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with whole_folder(tmp_path / "link", "mark") as part:
        (part / "mark").touch()
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "real") == ["mark"]


def test_foreign_folder_is_not_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="holds something else"), whole_folder(tmp_path, "mark"):
        pass
    with pytest.raises(ValueError, match="is a file"), whole_folder(tmp_path / "thesis.txt", "m"):
        pass
    assert names(tmp_path) == ["thesis.txt"]


def test_json_survives_a_value_that_cannot_be_written(tmp_path):
    write_json(tmp_path / "a.json", {"word": "Käfer"})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"word": object()})
    assert read_json(tmp_path / "a.json") == {"word": "Käfer"}
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("content", [b"{half", b"\xff\xfe\x00", b"[1]"])
def test_unreadable_json_names_the_file(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.json"):
        read_json(tmp_path / "a.json")

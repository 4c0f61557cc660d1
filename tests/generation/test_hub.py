from pathlib import Path
from types import SimpleNamespace

import pytest

from lit_dalle.generation import hub
from lit_dalle.generation.pipeline import DallePipeline
from lit_dalle.interop import hub as interop_hub


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    folder = tmp_path / "pretrained" / "world"
    folder.mkdir(parents=True)
    (folder / "pipeline.json").touch()
    monkeypatch.setattr(hub, "PRETRAINED", tmp_path / "pretrained")
    return folder


def test_shipped_name_wins_over_a_folder_unless_there_is_a_slash(shipped, tmp_path, monkeypatch):
    (tmp_path / "here" / "world").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert hub.find_pipeline("world") == shipped
    assert hub.find_pipeline("./world") == Path("world")
    assert hub.find_pipeline(tmp_path / "here" / "world") == tmp_path / "here" / "world"


def test_unknown_name_lists_what_is_shipped(shipped):
    with pytest.raises(FileNotFoundError, match=r"no pipeline wrold.*shipped are: world"):
        hub.find_pipeline("wrold")


def test_hub_is_asked_for_owner_and_name(tmp_path, monkeypatch):
    asked = {}

    def snapshot(repo_id, revision, allow_patterns):
        asked.update(repo_id=repo_id, revision=revision)
        return str(tmp_path)

    monkeypatch.setattr(interop_hub, "snapshot_download", snapshot)
    assert hub.find_pipeline("someone/world", revision="v1") == tmp_path
    assert asked == {"repo_id": "someone/world", "revision": "v1"}


def test_hub_failure_is_one_line(monkeypatch):
    def refuse(*_, **__):
        raise ConnectionError("cannot reach\n\nthe hub")

    monkeypatch.setattr(interop_hub, "snapshot_download", refuse)
    with pytest.raises(
        FileNotFoundError, match=r"no folder a/b, and the hub .* cannot reach the hub"
    ):
        hub.find_pipeline("a/b")


class FakeApi:
    def __init__(self, token=None):
        self.token = token

    def create_repo(self, repo_id, private, exist_ok):
        assert (repo_id, private, exist_ok) == ("me/world", True, True)

    def upload_folder(self, repo_id, folder_path, commit_message):
        self.seen = sorted(path.name for path in Path(folder_path).iterdir())
        assert self.seen == ["clip", "dvae", "pipeline.json", "prior"]
        DallePipeline.from_pretrained(folder_path)
        return SimpleNamespace(commit_url="https://hub/me/world/commit/1")


def test_push_uploads_a_pipeline_that_loads(tiny_nets, monkeypatch):
    monkeypatch.setattr(hub, "HfApi", FakeApi)
    address = tiny_nets.pipeline().push_to_hub("me/world", private=True)
    assert address == "https://hub/me/world/commit/1"


def test_refused_upload_is_one_line(tiny_nets, monkeypatch):
    class Refusing(FakeApi):
        def create_repo(self, *_, **__):
            raise RuntimeError("401\nnot you")

    monkeypatch.setattr(hub, "HfApi", Refusing)
    with pytest.raises(ValueError, match="could not upload to me/world: 401 not you"):
        tiny_nets.pipeline().push_to_hub("me/world")

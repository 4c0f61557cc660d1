"""Where pipelines are: shipped with the package, in a folder, or on the Hugging Face hub."""

from pathlib import Path

from huggingface_hub import HfApi

from lit_dalle.data.shipped import PRETRAINED
from lit_dalle.interop.hub import download, is_hub_id

PIPELINE = "pipeline.json"
"""File that makes a folder a pipeline."""
CARD = "README.md"
"""Model card."""

_FILES = (PIPELINE, CARD, "dvae/*", "prior/*", "clip/*")


def shipped_pipelines() -> list[str]:
    """Names of the pipelines that come with the package."""
    return sorted(path.parent.name for path in PRETRAINED.glob(f"*/{PIPELINE}"))


def shipped_clips() -> list[str]:
    """Names of what comes with the package and holds a CLIP: pipelines, and CLIPs alone."""
    return sorted(path.parent.parent.name for path in PRETRAINED.glob("*/clip/config.json"))


def find_pipeline(name: str | Path, revision: str | None = None) -> Path:
    """Return the folder of a pipeline; one on the hub is downloaded.

    Args:
        name: A shipped name, a folder, or a hub id ``owner/name``. Shipped names win over folders
            unless there is a slash (``./world`` is a folder).
        revision: Branch, tag or commit on the hub.

    Raises:
        FileNotFoundError: There is nothing of that name, or the hub does not give it.
    """
    if str(name) in shipped_pipelines():
        return PRETRAINED / str(name)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if is_hub_id(str(name)):
        return download(str(name), revision, _FILES)
    shipped = ", ".join(shipped_pipelines()) or "none"
    raise FileNotFoundError(
        f"no pipeline {name}: there is no such folder, and it is no hub id (owner/name); "
        f"shipped are: {shipped}"
    )


def upload(folder: Path, repo_id: str, *, private: bool, message: str, token: str | None) -> str:
    """Upload a folder to the hub, making the repository where it does not exist.

    Returns:
        The address of the commit.

    Raises:
        ValueError: The hub refuses it or cannot be reached.
    """
    api = HfApi(token=token)
    try:
        api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message=message)
    except Exception as error:  # the hub's errors have no common base but Exception
        raise ValueError(f"could not upload to {repo_id}: {_line(error)}") from error
    return str(commit.commit_url)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

"""Folders on the Hugging Face hub."""

import re
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import snapshot_download

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def is_hub_id(name: str) -> bool:
    """Whether a name has the form ``owner/name``."""
    return _HUB_ID.fullmatch(name) is not None


def download(repo_id: str, revision: str | None, files: Sequence[str]) -> Path:
    """Download files of a repository, those that are not here yet.

    Args:
        repo_id: ``owner/name``.
        revision: Branch, tag or commit; None is the newest.
        files: Patterns of their names.

    Returns:
        The folder they are in.

    Raises:
        FileNotFoundError: The hub does not give it.
    """
    try:
        folder = snapshot_download(repo_id, revision=revision, allow_patterns=list(files))
    except Exception as error:  # the hub's errors have no common base but Exception
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileNotFoundError(
            f"no folder {repo_id}, and the hub does not give it: {reason}"
        ) from error
    return Path(folder)

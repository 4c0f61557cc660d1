"""What comes with the package: pipelines and their parts, by name."""

from pathlib import Path

PRETRAINED = Path(__file__).parents[1] / "pretrained"
"""Pipelines that are shipped."""


def own_or_shipped(name: str | Path, marker: str) -> Path:
    """Return a folder, or the shipped one of a name such as ``emoji/prior``.

    Args:
        name: A path, or PIPELINE/PART of what comes with the package; what is there wins.
        marker: File that the shipped folder must have.
    """
    path, shipped = Path(name).expanduser(), PRETRAINED / name
    return shipped if not path.exists() and (shipped / marker).is_file() else path

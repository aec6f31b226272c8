"""What a model's weights are: the identity of a folder, a file, or a revision on the hub.

A folder is known by its contents, not by its path, so that replaced weights make edits stale and a
moved or copied folder does not. Hashing 60 GB whenever a project is opened would take minutes, so a
large file counts by its size and by samples: its first and last block (a safetensors file begins
with names, shapes and offsets of all its tensors) and blocks spread evenly between them. Training
moves every number, so any further training shows; a change by hand that is smaller than the gap
between two samples (a 250th of the file) can be missed, which `revision` is for. Small files
(configurations, tokenizers) count as a whole. Times, hidden files and what no model is loaded from
(READMEs, pictures) do not count.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from unicedit_assets.domain.identity import digest
from unicedit_assets.settings import SettingsError

_COUNTED: Final = frozenset({".safetensors", ".json", ".txt", ".model", ".jinja"})
_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_WHOLE = 1 << 20
_BLOCK = 4 << 10
_SAMPLES = 256


def weights_version(where: str, model: str, revision: str) -> str:
    """Return the identity of weights: a hash of what a folder or file holds, or ``id@revision``.

    Args:
        where: the setting, for messages.
        model: folder, file, or hub id.
        revision: on the hub; for a folder or file any text, which then counts too.

    Raises:
        SettingsError: there is no such folder, it holds no weights that can be loaded safely, or
            a hub id comes without a revision.
    """
    path = _path(model)
    if path and path.is_file():
        return digest(_sampled(path), revision)
    if path and path.is_dir():
        files = sorted(_files(path))
        if not any(file.suffix == ".safetensors" for file in files):
            raise SettingsError(f"{where}: {model} holds no .safetensors file")
        held = {file.relative_to(path).as_posix(): _sampled(file) for file in files}
        return digest(held, revision)
    if not _HUB_ID.fullmatch(model):
        raise SettingsError(f"{where}: there is no folder {model!r}, nor is that a hub id")
    if not revision:
        raise SettingsError(
            f"{where}: {model!r} comes from the hub: name a `revision` (best a commit), so that "
            "edits can be traced to their weights"
        )
    return f"{model}@{revision}"


def located(model: str) -> str:
    """Return a folder or file as the libraries open it, and a hub id as it is."""
    path = _path(model)
    return str(path) if path and path.exists() else model


def _path(model: str) -> Path | None:
    """Return where a folder or file may be; None where the name can only be a hub id.

    Settings turn what is below the project's home into an absolute path; what the working
    directory happens to hold under a hub id's name does not count.
    """
    path = Path(model).expanduser()
    return path if path.is_absolute() else None


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        inside = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in inside)
        if not hidden and path.suffix in _COUNTED and path.is_file():
            yield path


def _sampled(path: Path) -> str:
    """Return the hash of a small file, or of a large one's size and samples."""
    size = path.stat().st_size
    if size <= _WHOLE:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    found = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for sample in range(_SAMPLES):
            file.seek((size - _BLOCK) * sample // (_SAMPLES - 1))
            found.update(file.read(_BLOCK))
    return found.hexdigest()

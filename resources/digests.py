"""Digests of model folders, remembered by size and time of their files.

Hashing 140 GB of weights takes minutes, and an identity is asked for at every tick. What is
remembered is only a shortcut: a file that is missing, damaged or out of date costs the hashing.
"""

from __future__ import annotations

import json
import os
import tempfile
from functools import cache
from pathlib import Path

from unicedit_assets.domain.identity import digest, folder_digest


def remembered_digest(folder: Path, memory: Path | None = None) -> str:
    """Return a folder's content digest, hashing only when a file changed its size or time.

    Args:
        folder: the model folder.
        memory: folder of what is remembered; by default below the user's cache folder.

    Raises:
        OSError: the folder cannot be read.
    """
    return _remembered(folder.resolve(), _stamp(folder), memory or _default_memory())


def _default_memory() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unicedit" / "digests"


def _stamp(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest(*([str(path), *_size_and_time(path)] for path in files))


def _size_and_time(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@cache
def _remembered(folder: Path, stamp: str, memory: Path) -> str:
    place = memory / f"{digest(str(folder), stamp)}.json"
    try:
        return str(json.loads(place.read_text("utf-8"))["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        found = folder_digest(folder)
    try:
        memory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=memory, delete=False) as file:
            json.dump({"folder": str(folder), "digest": found}, file)
        Path(file.name).replace(place)
    except OSError:
        pass  # a home that cannot be written only costs the shortcut
    return found

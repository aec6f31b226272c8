"""Where photographs come from: every entry below a folder or an S3 prefix, accounted for.

``walk`` lists; ``read`` fetches what was registered, later and perhaps on another machine, and
refuses what has changed since or leads out of the root; ``s3_sources`` does the same in a bucket.
Names are text that JSON and Parquet can hold, whatever bytes the file system had. Source: issue 2,
sections 2 and 5.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_to_bytes

from unicedit_assets.domain.identity import Json, digest
from unicedit_assets.domain.machine import is_of_the_machine
from unicedit_assets.domain.reasons import Reason

IMAGE_EXTENSIONS: Final = frozenset(
    f".{ending}"
    for ending in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp", "gif", "avif"),
        *("heic", "heif", "jp2", "jxl"),
    )
)
"""Names that claim to be pictures; some formats are listed only to be rejected visibly."""

MAX_BYTES: Final = 256 * 1024 * 1024
"""Files above this many bytes are not read."""

_BLOCK: Final = 1 << 20
_Register: TypeAlias = "Callable[[Path, Path], SourceEntry]"
_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(frozen=True)
class SourceEntry:
    """One source picture as a shard's manifest records it.

    Attributes:
        name: path relative to the root, parted by ``/``, as :func:`name_to_text` writes it.
        size: bytes; 0 when it could not be read.
        version: what must be the same when it is read: ``sha256:...`` or ``etag:...``; empty when
            there is a problem.
        problem: why it can be no picture, found out while listing.
        detail: one line about the problem.
    """

    name: str
    size: int
    version: str
    problem: Reason | None = None
    detail: str = ""

    @property
    def key(self) -> str:
        """The identity of this entry: another content or another problem is another entry."""
        return digest("source", self.name, self.version, self.problem)

    def to_json(self) -> dict[str, Json]:
        """Return the entry as JSON."""
        return {
            "name": self.name,
            "size": self.size,
            "version": self.version,
            "problem": self.problem,
            "detail": self.detail,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SourceEntry:
        """Read back what :meth:`to_json` wrote.

        Raises:
            KeyError: a field is missing.
            ValueError: the problem is not a known reason.
        """
        problem = value["problem"]
        return cls(
            name=str(value["name"]),
            size=int(value["size"]),
            version=str(value["version"]),
            problem=None if problem is None else Reason(problem),
            detail=str(value["detail"]),
        )


@dataclass(frozen=True)
class Found:
    """One entry of a listing: either a source, perhaps with a problem, or ignored.

    Ignored are entries whose name does not claim to be a picture. They are listed so that a caller
    can count and name them.
    """

    entry: SourceEntry
    ignored: bool = False


class SourceError(Exception):
    """A registered source cannot be had; carries the reason and one line of detail."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def name_to_text(name: bytes) -> str:
    """Write a file name as text, reversibly: odd bytes, control characters and ``%`` as ``%XX``."""
    text = name.decode("utf-8", "surrogateescape")
    return "".join(_escaped(c) if _is_odd(c) else c for c in text)


def text_to_name(text: str) -> bytes:
    """Return the file name that :func:`name_to_text` wrote."""
    return unquote_to_bytes(text)


def _is_odd(char: str) -> bool:
    code = ord(char)
    return char == "%" or code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000


def _escaped(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogateescape"))


def claims_to_be_image(name: str) -> bool:
    """Return whether a name ends like a picture's, whatever the case of its letters."""
    return PurePosixPath(name).suffix.lower() in IMAGE_EXTENSIONS


def walk(root: Path, max_bytes: int = MAX_BYTES, after: str = "") -> Iterator[Found]:
    """List everything below a folder, depth first, by the bytes of the names.

    Links are never followed out of the root, and links to folders are not followed at all, so that
    no loop is possible and no file is found twice through one.

    Args:
        root: the folder.
        max_bytes: larger files are registered as bombs.
        after: the name of an entry; only what comes after it in this order is listed.

    Raises:
        OSError: the root itself cannot be listed, or the machine is in trouble.
    """
    return _walk(root, after, lambda base, path: _register(base, path, max_bytes))


def glance(root: Path, after: str = "") -> Iterator[Found]:
    """List like ``walk`` without opening a file: a version is a size and a time of change."""
    return _walk(root, after, _glance)


def _walk(root: Path, after: str, register: _Register) -> Iterator[Found]:
    base = Path(os.path.realpath(root, strict=True))
    pending = _remaining(base, text_to_name(after)) if after else _children(base)
    while pending:
        path = pending.pop()
        if (found := _inspect(base, path, register)) is not None:
            yield found
        try:
            if stat.S_ISDIR(_mode(path)):
                pending.extend(_children(path))
        except OSError as error:
            detail = f"folder: {_blamed(error).detail}"
            yield _trouble(base, path, Reason.UNREADABLE, detail)


def _children(folder: Path) -> list[Path]:
    """Return what a folder holds, the last first, as a stack wants it."""
    return sorted(folder.iterdir(), key=os.fsencode, reverse=True)


def _remaining(base: Path, after: bytes) -> list[Path]:
    """Return the stack of a walk that has just passed an entry, which may be gone by now."""
    pending: list[Path] = []
    folder = base
    for step in after.split(b"/"):
        pending += [path for path in _inside(folder) if os.fsencode(path.name) > step]
        folder = folder / os.fsdecode(step)
    return pending + _inside(folder)


def _inside(path: Path) -> list[Path]:
    """Return what a folder holds; nothing for what is none, or was told as trouble already."""
    try:
        return _children(path) if stat.S_ISDIR(_mode(path)) else []
    except OSError as error:
        _blamed(error)
        return []


def _inspect(base: Path, path: Path, register: _Register) -> Found | None:
    """Say what one entry is; None for an ordinary folder."""
    mode = _mode(path)
    if not mode:
        return _trouble(base, path, Reason.UNREADABLE, "cannot be looked at")
    is_image = claims_to_be_image(path.name)
    if stat.S_ISDIR(mode):
        return _trouble(base, path, Reason.NOT_A_FILE, "folder") if is_image else None
    if stat.S_ISLNK(mode) and _leads_out(base, path) and (is_image or _leads_to_folder(path)):
        return _trouble(base, path, Reason.OUTSIDE_ROOT, "link that leads out of the root")
    if not is_image:
        return Found(SourceEntry(_text(base, path), 0, ""), ignored=True)
    try:
        return Found(register(base, path))
    except SourceError as error:
        return _trouble(base, path, error.reason, error.detail)


def _mode(path: Path) -> int:
    """Return the mode without following a link; 0 for what cannot even be looked at."""
    try:
        return path.lstat().st_mode
    except OSError as error:
        if is_of_the_machine(error):
            raise
        return 0


def _leads_to_folder(path: Path) -> bool:
    return stat.S_ISDIR(_mode(Path(os.path.realpath(path))))


def _leads_out(base: Path, path: Path) -> bool:
    return not Path(os.path.realpath(path)).is_relative_to(base)


def _text(base: Path, path: Path) -> str:
    return name_to_text(os.fsencode(path.relative_to(base)))


def _trouble(base: Path, path: Path, reason: Reason, detail: str) -> Found:
    return Found(SourceEntry(_text(base, path), 0, "", reason, detail))


def _glance(base: Path, path: Path) -> SourceEntry:
    try:
        state = path.stat()
    except OSError as error:
        raise _blamed(error) from error
    version = f"stat:{stat.S_IFMT(state.st_mode)}:{state.st_size}:{state.st_mtime_ns}"
    return SourceEntry(_text(base, path), state.st_size, version)


def _register(base: Path, path: Path, max_bytes: int) -> SourceEntry:
    hashed, size = hashlib.sha256(), 0
    for block in _blocks(base, path, max_bytes):
        hashed.update(block)
        size += len(block)
    return SourceEntry(_text(base, path), size, f"sha256:{hashed.hexdigest()}")


def read(entry: SourceEntry, root: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the bytes of a registered file.

    Raises:
        SourceError: the entry had a problem from the start, or the file is gone, unreadable, not a
            regular file, too large, outside the root, or no longer what was registered.
        OSError: the root is away, or the machine is in trouble; worth another try.
    """
    if entry.problem is not None:
        raise SourceError(entry.problem, entry.detail)
    base = Path(os.path.realpath(root, strict=True))
    path = base / os.fsdecode(text_to_name(entry.name))
    data = b"".join(_blocks(base, path, max_bytes))
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != entry.version:
        raise SourceError(Reason.CHANGED, "the content is not what was registered")
    return data


def probe(entry: SourceEntry, root: Path) -> None:
    """Open a registered file and close it again; errors as for :func:`read`, save its content's."""
    base = Path(os.path.realpath(root, strict=True))
    try:
        os.close(_open_inside(base, base / os.fsdecode(text_to_name(entry.name))))
    except OSError as error:
        raise _blamed(error) from error


def _blocks(base: Path, path: Path, max_bytes: int) -> Iterator[bytes]:
    """Yield a regular file's content; every refusal is a SourceError."""
    try:
        with os.fdopen(_open_inside(base, path), "rb") as file:
            total = 0
            while block := file.read(_BLOCK):
                total += len(block)
                if total > max_bytes:
                    raise SourceError(Reason.BOMB, f"more than {max_bytes} bytes")
                yield block
    except OSError as error:
        raise _blamed(error) from error
    except ValueError as error:  # a registered name that no file can have
        raise SourceError(Reason.UNREADABLE, str(error)) from error


def _open_inside(base: Path, path: Path) -> int:
    """Open a regular file below the root so that no link, even one made meanwhile, leads outside.

    Links inside the root are resolved first; then each step is opened below the one before it and
    may not be a link. What is not a regular file is not opened: a device might mind.
    """
    real = Path(os.path.realpath(path, strict=True))
    if not real.is_relative_to(base):
        raise SourceError(Reason.OUTSIDE_ROOT, "leads out of the root")
    folder = _open_folder(base, real.relative_to(base).parts[:-1])
    try:
        status = os.stat(real.name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(Reason.NOT_A_FILE, "folder, pipe, socket or device")
        return os.open(real.name, _OPEN_FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _open_folder(base: Path, steps: Sequence[str]) -> int:
    folder = os.open(base, _OPEN_FOLDER)
    for step in steps:
        above = folder
        try:
            folder = os.open(step, _OPEN_FOLDER, dir_fd=above)
        finally:
            os.close(above)
    return folder


def _blamed(error: OSError) -> SourceError:
    """Return an error as a verdict on the file.

    Raises:
        OSError: the same one, when it speaks of the machine: no file is condemned for it.
    """
    if is_of_the_machine(error):
        raise error
    return SourceError(Reason.UNREADABLE, error.strerror or type(error).__name__)

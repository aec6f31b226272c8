"""Where bytes live: one small protocol, a local folder that plays it, and the door to S3.

Nothing here knows what the bytes mean. The one promise everything above rests on is ``put_new``:
a key is either absent or complete, and of many writers of one key exactly the first one wins.
Keys are relative POSIX paths whose segments are ``[A-Za-z0-9._=-]+`` and do not start with a dot.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from unicedit_assets.storage.s3 import ClientFactory

SEGMENT = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]*")
SEGMENT_LIMIT = 255
KEY_LIMIT = 900
_COPY_BYTES = 1 << 20

# EFBIG is what a file-size limit (ulimit -f) gives; CPython itself ignores the SIGXFSZ signal.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV})


class StorageError(Exception):
    """The storage could not do what was asked; the text is one sentence for a person."""


class MissingBlob(StorageError, KeyError):
    """No blob has this key."""

    def __str__(self) -> str:
        return str(self.args[0])


class BadKey(StorageError, ValueError):
    """The key is malformed, or leads out of the store."""


class StorageFull(StorageError):
    """There was no room; what was stored before is intact."""


class BlobStore(Protocol):
    """A flat space of immutable blobs, plus atomic replacement for the few mutable ones."""

    @property
    def url(self) -> str:
        """Where the store is; ``open_store(url)`` opens it again."""
        ...

    def put_new(self, key: str, data: bytes) -> bool:
        """Publish ``data`` under ``key`` if it is absent; False when somebody was first.

        Raises:
            StorageFull: there is no room; nothing changed.
            BadKey: the key is malformed or leads out of the store.
        """
        ...

    def put(self, key: str, data: bytes) -> None:
        """Publish ``data`` under ``key`` atomically, replacing what was there."""
        ...

    def upload_new(self, key: str, path: Path) -> bool:
        """Publish a copy of a local file like ``put_new``, without holding it in memory."""
        ...

    def move(self, key: str, to: str) -> None:
        """Give a blob another, free key; the only way in which a key is ever given up.

        Raises:
            MissingBlob: there is none (perhaps somebody else has moved it).
        """
        ...

    def read(self, key: str) -> bytes:
        """Return the blob.

        Raises:
            MissingBlob: there is none.
        """
        ...

    def open(self, key: str) -> IO[bytes]:
        """Open the blob as a seekable binary file; raises MissingBlob when there is none."""
        ...

    def exists(self, key: str) -> bool:
        """Return whether the blob is there."""
        ...

    def modified(self, key: str) -> float:
        """Return when the blob was published (Unix seconds); good for ordering and age only."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield, sorted, every key below the folder ``prefix`` ("" is the whole store)."""
        ...


def is_key(key: str) -> bool:
    """Return whether ``key`` is well formed."""
    return len(key) <= KEY_LIMIT and all(
        SEGMENT.fullmatch(segment) and len(segment) <= SEGMENT_LIMIT for segment in key.split("/")
    )


def checked_key(key: str) -> str:
    """Return ``key`` when it is well formed.

    Raises:
        BadKey: it is empty, absolute, too long, or has a segment that is empty, starts with a dot
            or holds a character outside ``[A-Za-z0-9._=-]``.
    """
    if not is_key(key):
        raise BadKey(f"{key[:200]!r} is not a storage key: use relative paths of [A-Za-z0-9._=-]")
    return key


def open_store(url: str | os.PathLike[str], client: ClientFactory | None = None) -> BlobStore:
    """Open the store at ``url``: ``s3://bucket/prefix``, or a local folder (made when written to).

    Args:
        url: the place; ``file://`` before an absolute folder is allowed.
        client: for S3 only, makes the boto3 client; by default from the environment
            (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID`` ...).

    Raises:
        StorageError: the scheme is unknown, or boto3 is needed and not installed.
    """
    text = os.fspath(url)
    if text.startswith("s3://"):
        from unicedit_assets.storage.s3 import S3Store

        return S3Store(text, client)
    scheme, separator, rest = text.partition("://")
    if separator and scheme != "file":
        raise StorageError(f"{text!r}: only s3:// and local folders can hold a store")
    return LocalStore(Path(rest if separator else text))


class LocalStore:
    """A folder. Hard links arbitrate between writers, so the file system must support them."""

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.realpath(root))

    def __repr__(self) -> str:
        return f"LocalStore({self.url!r})"

    @property
    def url(self) -> str:
        """The absolute folder."""
        return str(self._root)

    def put_new(self, key: str, data: bytes) -> bool:
        """See ``BlobStore.put_new``."""
        path = self._path(key)
        if path.is_file():
            return False
        with self._temporary(path) as temporary:
            _write_durably(temporary, data)
            return _link(temporary, path)

    def upload_new(self, key: str, path: Path) -> bool:
        """See ``BlobStore.upload_new``."""
        target = self._path(key)
        if target.is_file():
            return False
        with path.open("rb") as source, self._temporary(target) as temporary:
            with temporary.open("xb") as copy:
                shutil.copyfileobj(source, copy, _COPY_BYTES)
            _sync(temporary)
            return _link(temporary, target)

    def put(self, key: str, data: bytes) -> None:
        """See ``BlobStore.put``."""
        path = self._path(key)
        with self._temporary(path) as temporary:
            _write_durably(temporary, data)
            temporary.replace(path)
            _sync(path.parent)

    def move(self, key: str, to: str) -> None:
        """See ``BlobStore.move``."""
        path, target = self._path(key), self._path(to)
        if not path.exists():
            raise MissingBlob(f"{self.url} has no {key}")
        try:
            _make_folder(target.parent)
            path.rename(target)
            _sync(target.parent)
            _sync(path.parent)
        except FileNotFoundError:
            raise MissingBlob(f"{self.url} has no {key}") from None
        except OSError as error:
            raise _explained(error, target) from error

    def read(self, key: str) -> bytes:
        """See ``BlobStore.read``."""
        with self.open(key) as file:
            return file.read()

    def open(self, key: str) -> IO[bytes]:
        """See ``BlobStore.open``."""
        try:
            return self._path(key).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise MissingBlob(f"{self.url} has no {key}") from None

    def exists(self, key: str) -> bool:
        """See ``BlobStore.exists``."""
        return self._path(key).is_file()

    def modified(self, key: str) -> float:
        """See ``BlobStore.modified``."""
        with self.open(key) as file:
            return os.fstat(file.fileno()).st_mtime

    def keys(self, prefix: str) -> Iterator[str]:
        """See ``BlobStore.keys``."""
        top = self._path(prefix.rstrip("/")) if prefix else self._root
        found: list[str] = []
        for folder, folders, names in os.walk(top):
            folders[:] = [name for name in folders if SEGMENT.fullmatch(name)]
            found += [
                path.relative_to(self._root).as_posix()
                for path in (Path(folder, name) for name in names if SEGMENT.fullmatch(name))
                if not path.is_symlink()
            ]
        return iter(sorted(found))

    def _path(self, key: str) -> Path:
        path = self._root / checked_key(key)
        if not Path(os.path.realpath(path)).is_relative_to(self._root):
            raise BadKey(f"{key!r} leads out of {self.url} through a symbolic link")
        return path

    @contextmanager
    def _temporary(self, path: Path) -> Iterator[Path]:
        """Yield a fresh name beside ``path``; whatever happens, nothing stays under it."""
        temporary = path.parent / f".tmp-{secrets.token_hex(8)}"
        try:
            try:
                _make_folder(path.parent)
                yield temporary
            finally:
                temporary.unlink(missing_ok=True)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise BadKey(f"{path} cannot be written: a file and a folder share a name") from None
        except OSError as error:
            raise _explained(error, path) from error


def _explained(error: OSError, path: Path) -> StorageError:
    if error.errno in _FULL:
        return StorageFull(
            f"No room to write {path} ({error.strerror}): nothing was changed; "
            "free some space and run again, finished chunks are kept."
        )
    return StorageError(f"Cannot write {path}: {error.strerror or error}.")


def _link(temporary: Path, path: Path) -> bool:
    """Give a finished file its name unless the name is taken: the arbiter between writers."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        if not path.is_file():
            raise
        return False
    except OSError as error:
        if error.errno in _NO_LINKS:
            raise StorageError(
                f"The file system of {path.parent} has no hard links, without which two writers "
                "cannot be told apart; use another folder or an s3:// store."
            ) from error
        raise
    _sync(path.parent)
    return True


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, each durable in the one above."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync(folder.parent)

"""Where photographs come from: a folder or an ``s3://`` prefix, behind two functions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from unicedit_assets.domain import s3_sources, sources
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.sources import Found, SourceEntry, SourceError
from unicedit_assets.storage.s3 import environment_client


class _Place(NamedTuple):
    bucket: str
    prefix: str


class SourceRootError(Exception):
    """The place to take photographs from cannot be listed; the message says why."""


def _s3_place(root: str) -> _Place | None:
    parts = urlsplit(root)
    return _Place(parts.netloc, parts.path.strip("/")) if parts.scheme == "s3" else None


@cache
def _client() -> Any:
    return environment_client()


def is_s3(root: str) -> bool:
    """Tell whether a root is an s3:// prefix."""
    return _s3_place(root) is not None


def absolute_root(root: str) -> str:
    """Return a root that means the same from any working directory."""
    return root.rstrip("/") if _s3_place(root) else str(Path(root).expanduser().absolute())


def list_sources(root: str, after: str = "") -> Iterator[Found]:
    """Yield every entry below a root, in a fixed order; nothing is passed over in silence.

    Args:
        root: a folder or an s3:// prefix.
        after: the name of an entry; only what comes after it is listed.

    Raises:
        SourceRootError: there is no such folder or bucket, or it cannot be listed.
    """
    place = _s3_place(root)
    with _told(root, "cannot be listed"):
        if place:
            yield from s3_sources.walk_s3(_client(), place.bucket, place.prefix, after=after)
        else:
            yield from sources.walk(_folder(root), after=after)


def glance_at(root: str, after: str = "") -> Iterator[Found]:
    """Yield the same entries without opening any; a version is only good to see a change by."""
    if is_s3(root):
        yield from list_sources(root, after)
        return
    with _told(root, "cannot be listed"):
        yield from sources.glance(_folder(root), after)


def _folder(root: str) -> Path:
    if not Path(root).is_dir():
        raise SourceRootError(f"{root} is not a folder (nor an s3:// prefix)")
    return Path(root)


def read_source(entry: SourceEntry, root: str) -> bytes:
    """Return the bytes of a registered source.

    Raises:
        SourceError: it cannot be had, with the reason.
        SourceRootError: the whole root is away or in trouble; a later try may succeed.
    """
    place = _s3_place(root)
    with _told(root, f"cannot be read now (at {entry.name})"):
        if place:
            return s3_sources.read_s3(entry, _client(), place.bucket, place.prefix)
        return sources.read(entry, Path(root))


def is_there(entry: SourceEntry, root: str) -> bool:
    """Tell whether a registered source can be opened, without reading it.

    Raises:
        SourceRootError: the whole root is away or in trouble.
    """
    place = _s3_place(root)
    try:
        with _told(root, "cannot be read now"):
            if place:
                s3_sources.probe_s3(entry, _client(), place.bucket, place.prefix)
            else:
                sources.probe(entry, Path(root))
    except SourceError as error:
        return error.reason is not Reason.UNREADABLE
    return True


def is_empty_folder(root: str) -> bool:
    """Tell whether a root is a folder with nothing in it, as one is whose disk is not mounted."""
    if is_s3(root):
        return False
    with _told(root, "cannot be listed"):
        return next(_folder(root).iterdir(), None) is None


@contextmanager
def _told(root: str, what: str) -> Iterator[None]:
    """Turn trouble of the machine or the service into one sentence."""
    try:
        yield
    except OSError as error:
        why = error.strerror or error
        raise SourceRootError(f"{root} {what}: {why}; try again when it is back") from error
    except Exception as error:
        if not _of_the_service(error):
            raise
        raise SourceRootError(f"{root} {what}: {error}; try again when it is back") from error


def _of_the_service(error: Exception) -> bool:
    """Tell whether boto3 (or what it stands on) speaks of the service; loads it only if it is."""
    return type(error).__module__.partition(".")[0] in {"botocore", "boto3", "urllib3"}

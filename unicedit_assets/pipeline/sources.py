"""Where photographs come from: a folder or an ``s3://`` prefix, behind two functions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from unicedit_assets.domain import sources
from unicedit_assets.domain.sources import Found, SourceEntry
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


def list_sources(root: str) -> Iterator[Found]:
    """Yield every entry below a root, in a fixed order; nothing is passed over in silence.

    Raises:
        SourceRootError: there is no such folder or bucket, or it cannot be listed.
    """
    place = _s3_place(root)
    if place:
        yield from _list_s3(root, place)
        return
    try:
        if not Path(root).is_dir():
            raise SourceRootError(f"{root} is not a folder (nor an s3:// prefix)")
        yield from sources.walk(Path(root))
    except OSError as error:
        raise SourceRootError(f"{root} cannot be listed: {error.strerror or error}") from error


def _list_s3(root: str, place: _Place) -> Iterator[Found]:
    client = _client()
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield from sources.walk_s3(client, place.bucket, place.prefix)
    except (BotoCoreError, ClientError) as error:
        raise SourceRootError(f"{root} cannot be listed: {error}") from error


def read_source(entry: SourceEntry, root: str) -> bytes:
    """Return the bytes of a registered source.

    Raises:
        SourceError: it cannot be had, with the reason.
        SourceRootError: the whole root is away or in trouble; a later try may succeed.
    """
    place = _s3_place(root)
    if place:
        return sources.read_s3(entry, _client(), place.bucket, place.prefix)
    try:
        return sources.read(entry, Path(root))
    except OSError as error:
        raise SourceRootError(f"{root} cannot be read now ({error.strerror}); try again") from error

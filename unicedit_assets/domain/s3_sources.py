"""Photographs below an S3 prefix: the same listing and reading as in a folder (see ``sources``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.sources import (
    MAX_BYTES,
    Found,
    SourceEntry,
    SourceError,
    claims_to_be_image,
    name_to_text,
    text_to_name,
)


def walk_s3(
    client: Any, bucket: str, prefix: str, max_bytes: int = MAX_BYTES, after: str = ""
) -> Iterator[Found]:
    """List every object below a prefix, in the order of S3 (by the bytes of the keys).

    Args:
        client: a boto3 S3 client.
        bucket: the bucket's name.
        prefix: treated as a folder: ``photos`` does not list ``photos-old/...``.
        max_bytes: larger objects are registered as bombs.
        after: the name of an entry; only what comes after it is listed.
    """
    folder = _as_folder(prefix)
    start = {"StartAfter": _key(folder, after)} if after else {}
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder, **start)
    for page in pages:
        for listed in page.get("Contents", ()):
            name = name_to_text(listed["Key"][len(folder) :].encode())
            yield _found_in_s3(name, int(listed["Size"]), listed["ETag"].strip('"'), max_bytes)


def _key(folder: str, name: str) -> str:
    return folder + text_to_name(name).decode()


def _as_folder(prefix: str) -> str:
    return prefix.rstrip("/") + "/" if prefix.strip("/") else ""


def _found_in_s3(name: str, size: int, etag: str, max_bytes: int) -> Found:
    if not name or name.endswith("/") or not claims_to_be_image(name):
        return Found(SourceEntry(name, size, ""), ignored=True)
    if size > max_bytes:
        return Found(SourceEntry(name, size, "", Reason.BOMB, f"more than {max_bytes} bytes"))
    return Found(SourceEntry(name, size, f"etag:{etag}:{size}"))


def read_s3(
    entry: SourceEntry, client: Any, bucket: str, prefix: str, max_bytes: int = MAX_BYTES
) -> bytes:
    """Return the bytes of a registered object.

    Raises:
        SourceError: as :func:`read`.
        Exception: what the client raises when the service, not the object, is in trouble; worth
            another try.
    """
    if entry.problem is not None:
        raise SourceError(entry.problem, entry.detail)
    etag, size = entry.version.removeprefix("etag:").rsplit(":", 1)
    key = _key(_as_folder(prefix), entry.name)
    try:
        reply = client.get_object(Bucket=bucket, Key=key, IfMatch=f'"{etag}"')
    except client.exceptions.ClientError as error:
        raise _s3_refusal(error) from error
    with closing(reply["Body"]) as body:
        if reply["ContentLength"] != int(size):
            raise SourceError(Reason.CHANGED, "the size is not what was registered")
        if reply["ContentLength"] > max_bytes:
            raise SourceError(Reason.BOMB, f"more than {max_bytes} bytes")
        return bytes(body.read())


def probe_s3(entry: SourceEntry, client: Any, bucket: str, prefix: str) -> None:
    """Ask for a registered object without its bytes; errors as for :func:`read_s3`."""
    try:
        client.head_object(Bucket=bucket, Key=_key(_as_folder(prefix), entry.name))
    except client.exceptions.ClientError as error:
        raise _s3_refusal(error) from error


def _s3_refusal(error: Any) -> Exception:
    """Turn a client's error into a verdict on the object, or give it back if it is not one."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code = str(error.response.get("Error", {}).get("Code", ""))
    if status == 412:
        return SourceError(Reason.CHANGED, "the content is not what was registered")
    # Without a right to list, S3 answers 403 AccessDenied for an object that is gone; any other
    # 403 is about the credentials.
    # A HEAD has no body to name the code in: botocore gives the bare status.
    if code in {"AccessDenied", "NoSuchKey", "403"} or (status == 404 and code != "NoSuchBucket"):
        return SourceError(Reason.UNREADABLE, code)
    return error if isinstance(error, Exception) else RuntimeError(code)

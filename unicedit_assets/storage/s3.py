"""The S3 store. Only this module knows boto3, and only when a store is used.

A single PUT is atomic, and ``If-None-Match: *`` makes the first writer win, so an object is never
seen half-written: data goes up in one request per object (up to 5 GiB).
"""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any, TypeAlias

from unicedit_assets.storage.blobs import MissingBlob, StorageError, checked_key, is_key
from unicedit_assets.storage.concurrent import READERS

ClientFactory: TypeAlias = Callable[[], Any]

RETRIES = {"mode": "standard", "total_max_attempts": 8}
_CONFLICT_ATTEMPTS = 8
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
_LOST = frozenset({"PreconditionFailed", "412"})
_CONFLICT = frozenset({"ConditionalRequestConflict", "409", "OperationAborted"})


def environment_client() -> Any:
    """Return a boto3 S3 client configured by the environment (``AWS_ENDPOINT_URL`` ...).

    boto3 by itself gives up after three tries, too few for a store that answers 503 under load.

    Raises:
        StorageError: boto3 is not installed.
    """
    try:
        boto3: Any = import_module("boto3")
        config: Any = import_module("botocore.config")
    except ImportError:
        raise StorageError(
            "An s3:// store needs boto3, which is not installed: pip install 'unicedit[s3]'"
        ) from None
    return boto3.client("s3", config=config.Config(retries=RETRIES, max_pool_connections=READERS))


class S3Store:
    """A prefix of a bucket. Plays ``BlobStore``; see there for what each method promises."""

    def __init__(self, url: str, client: ClientFactory | None = None) -> None:
        """Name the place; nothing is asked of the server yet.

        Args:
            url: ``s3://bucket`` or ``s3://bucket/prefix``.
            client: makes the boto3 client; by default from the environment.

        Raises:
            StorageError: no bucket is named, or boto3 is not installed.
            BadKey: the prefix is malformed.
        """
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        if not bucket:
            raise StorageError(f"{url!r} names no bucket: use s3://bucket/prefix")
        prefix = prefix.rstrip("/")
        self._bucket = bucket
        self._prefix = f"{checked_key(prefix)}/" if prefix else ""
        self._client = (client or environment_client)()

    def __repr__(self) -> str:
        return f"S3Store({self.url!r})"

    @property
    def url(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def put_new(self, key: str, data: bytes) -> bool:
        """See ``BlobStore.put_new``."""
        return self._first(key, lambda: data)

    def upload_new(self, key: str, path: Path) -> bool:
        """See ``BlobStore.upload_new``."""
        with path.open("rb") as file:

            def rewound() -> IO[bytes]:
                file.seek(0)
                return file

            return self._first(key, rewound)

    def put(self, key: str, data: bytes) -> None:
        """See ``BlobStore.put``."""
        with self._told(key):
            self._client.put_object(**self._named(key), Body=data)

    def move(self, key: str, to: str) -> None:
        """See ``BlobStore.move``; for a moment both keys are there."""
        with self._told(key):
            self._client.copy_object(**self._named(to), CopySource=self._named(key))
            self._client.delete_object(**self._named(key))

    def read(self, key: str) -> bytes:
        """See ``BlobStore.read``."""
        with self._told(key):
            body: bytes = self._client.get_object(**self._named(key))["Body"].read()
            return body

    def open(self, key: str) -> IO[bytes]:
        """See ``BlobStore.open``; each read is one ranged request."""
        size = int(self._head(key)["ContentLength"])
        file: Any = _RangedFile(lambda start, stop: self._range(key, start, stop), size)
        opened: IO[bytes] = file
        return opened

    def exists(self, key: str) -> bool:
        """See ``BlobStore.exists``."""
        try:
            self._head(key)
        except MissingBlob:
            return False
        return True

    def modified(self, key: str) -> float:
        """See ``BlobStore.modified``."""
        return float(self._head(key)["LastModified"].timestamp())

    def keys(self, prefix: str) -> Iterator[str]:
        """See ``BlobStore.keys``."""
        folder = f"{checked_key(prefix.rstrip('/'))}/" if prefix else ""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + folder
        )
        with self._told(prefix):
            for page in pages:
                for entry in page.get("Contents", ()):
                    key = entry["Key"].removeprefix(self._prefix)
                    if is_key(key):
                        yield key

    def _named(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked_key(key)}

    def _head(self, key: str) -> dict[str, Any]:
        with self._told(key):
            head: dict[str, Any] = self._client.head_object(**self._named(key))
            return head

    def _range(self, key: str, start: int, stop: int) -> bytes:
        with self._told(key):
            answer = self._client.get_object(**self._named(key), Range=f"bytes={start}-{stop - 1}")
            body: bytes = answer["Body"].read()
            return body

    def _first(self, key: str, body: Callable[[], bytes | IO[bytes]]) -> bool:
        """PUT if absent; a 409 says that another conditional PUT was under way, so try again."""
        for attempt in range(_CONFLICT_ATTEMPTS):
            outcome = self._put_if_absent(key, body)
            if outcome is not None:
                return outcome
            time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - spreads writers only
        raise StorageError(f"{self.url} kept answering that {key} is being written by another")

    def _put_if_absent(self, key: str, body: Callable[[], bytes | IO[bytes]]) -> bool | None:
        from botocore.exceptions import ClientError

        with self._told(key):
            try:
                self._client.put_object(**self._named(key), Body=body(), IfNoneMatch="*")
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code in _CONFLICT:
                    return None
                if code not in _LOST:
                    raise
                retried = error.response["ResponseMetadata"].get("RetryAttempts", 0) > 0
                return retried and self._holds(key, body())
        return True

    def _holds(self, key: str, body: bytes | IO[bytes]) -> bool:
        """Return whether the object is ours: a PUT retried after a lost answer is refused."""
        data = body if isinstance(body, bytes) else body.read()
        return self.read(key) == data

    @contextmanager
    def _told(self, key: str) -> Iterator[None]:
        """Turn boto3's errors into ours, in one sentence."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _MISSING:
                raise MissingBlob(f"{self.url} has no {key}") from None
            message = error.response["Error"].get("Message", "")
            raise StorageError(f"{self.url} refused {key!r}: {code} {message}".rstrip()) from error
        except BotoCoreError as error:
            raise StorageError(f"{self.url} cannot be reached for {key!r}: {error}") from error


class _RangedFile(io.RawIOBase):
    """A seekable, read-only file over ranged requests."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._fetch = fetch
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        stop = self._size if size is None or size < 0 else min(self._size, self._position + size)
        if stop <= self._position:
            return b""
        data = self._fetch(self._position, stop)
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

"""What only S3 can do wrong: answers that get lost, conflicts, 503 storms, refusals."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from unicedit_assets.storage.blobs import MissingBlob, StorageError, open_store
from unicedit_assets.storage.s3 import S3Store, environment_client


class FaultyClient:
    """A real client whose ``put_object`` first does what the test says."""

    def __init__(self, before: Callable[[Any, dict[str, Any]], None]) -> None:
        self._client = environment_client()
        self._before = before
        self.puts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_object(self, **request: Any) -> Any:
        self.puts += 1
        self._before(self._client, request)
        return self._client.put_object(**request)


def refusal(code: str, status: int, retries: int = 0) -> ClientError:
    meta = {"HTTPStatusCode": status, "RetryAttempts": retries}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": meta}, "PutObject")


def test_a_retried_put_recognises_its_own_object(s3_url: str) -> None:
    """The first try arrived, its answer did not; the retry is refused with 412."""

    def lost(client: Any, request: dict[str, Any]) -> None:
        client.put_object(**request)
        raise refusal("PreconditionFailed", 412, retries=1)

    store = S3Store(s3_url, lambda: FaultyClient(lost))
    assert store.put_new("a", b"mine")


def test_a_retried_put_does_not_claim_somebody_elses_object(s3_url: str) -> None:
    open_store(s3_url).put_new("a", b"theirs")

    def beaten(client: Any, request: dict[str, Any]) -> None:
        raise refusal("PreconditionFailed", 412, retries=1)

    store = S3Store(s3_url, lambda: FaultyClient(beaten))
    assert not store.put_new("a", b"mine")
    assert store.read("a") == b"theirs"


def test_a_conflict_is_tried_again(s3_url: str) -> None:
    client = FaultyClient(lambda *_: None)

    def conflict(*_: Any) -> None:
        if client.puts < 3:
            raise refusal("ConditionalRequestConflict", 409)

    client._before = conflict
    store = S3Store(s3_url, lambda: client)
    assert store.put_new("a", b"mine")
    assert client.puts == 3


def test_an_endless_conflict_ends_in_an_error(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def conflict(*_: Any) -> None:
        raise refusal("ConditionalRequestConflict", 409)

    monkeypatch.setattr("unicedit_assets.storage.s3.time", SimpleNamespace(sleep=lambda _: None))
    store = S3Store(s3_url, lambda: FaultyClient(conflict))
    with pytest.raises(StorageError, match="being written by another"):
        store.put_new("a", b"mine")


def test_a_missing_bucket_is_told_as_such(s3_url: str) -> None:
    store = open_store("s3://no-such-bucket/x")
    for act in (lambda: store.put("a", b""), lambda: list(store.keys(""))):
        with pytest.raises(StorageError, match="NoSuchBucket") as caught:
            act()
        assert not isinstance(caught.value, MissingBlob)


def test_an_unreachable_server_is_told_as_such(
    s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    with pytest.raises(StorageError, match="cannot be reached"):
        open_store(s3_url).read("a")


def test_without_boto3_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(StorageError, match=r"pip install 'unicedit\[s3\]'"):
        open_store("s3://bucket/prefix")


def test_a_folder_does_not_need_boto3(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert open_store(tmp_path).put_new("a", b"x")


def test_objects_that_are_no_keys_are_not_listed(s3_url: str) -> None:
    """Consoles make "folder" objects whose name ends in a slash."""
    store = open_store(s3_url)
    store.put_new("a/b", b"")
    environment_client().put_object(Bucket=s3_url.split("/")[2], Key="some/prefix/a/", Body=b"")
    assert list(store.keys("")) == ["a/b"]


@pytest.mark.slow
def test_long_listings_are_complete(s3_url: str) -> None:
    """S3 answers a thousand keys at a time."""
    store = open_store(s3_url)
    client, bucket = environment_client(), s3_url.split("/")[2]
    names = [f"{index:05d}" for index in range(1_050)]
    for name in names:
        client.put_object(Bucket=bucket, Key=f"some/prefix/x/{name}", Body=b"")
    assert list(store.keys("x")) == [f"x/{name}" for name in names]


class _Busy(BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        busy = self.asked <= 6
        self.send_response(503 if busy else 200)
        body = b"" if busy else b"at last"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def busy_server() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_busy_server_is_asked_up_to_eight_times(
    s3_url: str, busy_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", busy_server)
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
    assert open_store(s3_url).read("a") == b"at last"
    assert _Busy.asked == 7

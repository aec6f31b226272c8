"""Stores to test against: a local folder, and S3 spoken over real HTTP."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from unicedit_assets.storage.blobs import BlobStore, open_store
from unicedit_assets.storage.ledger import Ledger

_buckets = itertools.count()


def _one_put_at_a_time(app: Callable[..., Any]) -> Callable[..., Any]:
    """S3 decides conditional PUTs atomically; moto looks and then writes, so it needs a lock."""
    lock = threading.Lock()

    def locked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ["REQUEST_METHOD"] != "PUT":
            return app(environ, start_response)
        with lock:
            return app(environ, start_response)

    return locked


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    http = server._server
    assert http is not None
    http.app = _one_put_at_a_time(http.app)
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_url(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty place in a fresh bucket, reachable through the environment alone."""
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"lake{next(_buckets)}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/some/prefix"


@pytest.fixture(params=["local", "s3"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "local":
        return str(tmp_path / "lake")
    url: str = request.getfixturevalue("s3_url")
    return url


@pytest.fixture
def store(store_url: str) -> BlobStore:
    return open_store(store_url)


@pytest.fixture
def ledger(store: BlobStore) -> Ledger:
    return Ledger(store)

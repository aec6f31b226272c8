"""Projects to test: scripted backends over a small source, in a folder or on S3 over real HTTP."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from backends import scripted_backends, write_photographs

from unicedit_assets.checks.runner import ensure_checked
from unicedit_assets.pipeline.engine import LocalEngine
from unicedit_assets.pipeline.intake import register_source
from unicedit_assets.pipeline.pending import PIPELINE
from unicedit_assets.pipeline.project import Backends, Project
from unicedit_assets.pipeline.registry import Registry
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.stages import STAGES
from unicedit_assets.settings import SETTINGS_FILE, Settings, settings_text
from unicedit_assets.storage.blobs import open_store
from unicedit_assets.storage.ledger import Ledger
from unicedit_assets.storage.manifests import Manifest
from unicedit_assets.storage.terms import Committed

RELEASE = "test"

SMALL: Mapping[str, Any] = {
    "shard_size": 2,
    "holdout": 1,
    "workers": 1,
    "raw_images": {"chunk": 1},
    "instructions": {"chunk": 1, "per_image": 3},
    "edits": {"chunk": 2},
    "verified_edits": {"chunk": 2, "verifier": "scripted-1"},
    "unicedit_10m": {"rows_per_file": 3},
    "unicbench": {"chunk": 1, "per_image": 2},
    "unicbench_edits": {"chunk": 1},
    "unicbench_scores": {"chunk": 1},
}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings with some of them changed."""
    both = {**base, **changes}
    return {
        name: merged(base[name], value)
        if isinstance(value, Mapping) and isinstance(base.get(name), Mapping)
        else value
        for name, value in both.items()
    }


def small_settings(changes: Mapping[str, Any] | None = None) -> Settings:
    """Return settings that make many partitions and chunks of few photographs."""
    return Settings.model_validate(merged(SMALL, changes or {}))


def unchecked(project: Project, manifest: Manifest) -> None:
    """Inspect nothing: Great Expectations takes seconds to import."""


def open_scripted(
    home: Path,
    changes: Mapping[str, Any] | None = None,
    *,
    backends: Backends | None = None,
    checked: bool = False,
) -> Project:
    """Open a project with scripted backends; nothing is computed."""
    settings = small_settings(changes)
    store = open_store(settings.lake_url(home))
    return Project(
        home=home,
        settings=settings,
        ledger=Ledger(store),
        registry=Registry(store),
        backends=backends or scripted_backends(),
        engine=LocalEngine(settings.worker_count()),
        stages=STAGES,
        inspect=ensure_checked if checked else unchecked,
    )


def reopened(project: Project, changes: Mapping[str, Any] | None = None) -> Project:
    """Open a project again, as the next run would, with some settings changed."""
    settings = Settings.model_validate(
        merged(project.settings.model_dump(mode="json"), changes or {})
    )
    store = project.ledger.store
    return replace(project, settings=settings, registry=Registry(store), _specs={})


def prepared(project: Project, source: Path | str) -> Project:
    """Register a source and declare the release."""
    register_source(project, str(source))
    project.registry.add_release(RELEASE)
    return project


def refs_of(project: Project, stages: Iterable[str] = PIPELINE) -> list[Ref]:
    """Return all partitions of some stages, in pipeline order."""
    return [ref for stage in stages for ref in project.refs(stage)]


def run_all(project: Project, stages: Iterable[str] = PIPELINE) -> dict[Ref, Committed]:
    """Bring every partition up to date, like `unicedit run` without Dagster."""
    return {ref: project.run(ref) for ref in refs_of(project, stages)}


def made(committed: Mapping[Ref, Committed]) -> set[str]:
    """Return the stages of which a partition was made."""
    return {ref.stage for ref, done in committed.items() if done.fresh}


def release_files(project: Project, release: str = RELEASE) -> dict[str, str]:
    """Return name -> sha256 of every file of a release, without the fingerprint in the path."""
    spec = project.spec(Ref("unicedit_10m", release))
    folder = f"releases/{release}/{spec.fingerprint}/"
    store = project.ledger.store
    return {
        key.removeprefix(folder): hashlib.sha256(store.read(key)).hexdigest()
        for key in store.keys(folder)
    }


@cache
def built_home(home: Path) -> Path:
    """Make a home with everything up to date, once a session; copy it to change it."""
    source = write_photographs(home / "photographs", range(5))
    run_all(prepared(open_scripted(home), source))
    return home


_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}
_buckets = itertools.count()


@contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's HTTP server and yield its address.

    S3 decides conditional PUTs atomically; moto looks and then writes, so PUTs come one at a time.
    """
    from moto.server import ThreadedMotoServer

    server, lock = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False), Lock()
    server.start()
    http = server._server
    assert http is not None
    app = http.app

    def one_put_at_a_time(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] != "PUT":
            return app(environ, start_response)
        with lock:
            return app(environ, start_response)

    http.app = one_put_at_a_time
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@contextmanager
def s3_bucket(endpoint: str) -> Iterator[str]:
    """Point this process's environment at the server and yield the url of an empty bucket."""
    import boto3

    before = dict(os.environ)
    os.environ.update(_CREDENTIALS, AWS_ENDPOINT_URL=endpoint)
    bucket = f"test{next(_buckets)}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    try:
        yield f"s3://{bucket}"
    finally:
        os.environ.clear()
        os.environ.update(before)


def write_settings(home: Path, changes: Mapping[str, Any] | None = None) -> None:
    """Write the small settings as the `unicedit.toml` of a home."""
    flat = {}
    for name, value in merged(SMALL, changes or {}).items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": deeper for inner, deeper in value.items()}
        else:
            flat[name] = value
    home.mkdir(parents=True, exist_ok=True)
    (home / SETTINGS_FILE).write_text(settings_text(flat), encoding="utf-8")

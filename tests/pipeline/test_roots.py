"""A source in trouble fails the run in one sentence; a few missing photographs are rows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from backends import write_photographs
from lakes import open_scripted, reopened, run_all

from unicedit_assets.pipeline import sources
from unicedit_assets.pipeline.intake import register_source
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.sources import SourceRootError
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.storage.blobs import StorageError, open_store

SHARD = Ref("raw_images", "s00000")


def registered(tmp_path: Path, source: str | Path, **changes: Any) -> Project:
    project = open_scripted(tmp_path / "home", {"shard_size": 9, "holdout": 0, **changes})
    register_source(project, str(source))
    return project


def test_a_few_missing_photographs_are_rows(tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "photographs", range(5))
    project = registered(tmp_path, source)
    for name in ("photo-000.png", "photo-001.png"):
        (source / name).unlink()
    counts = project.run(SHARD).manifest.counts
    assert (counts.accepted, counts.reasons) == (3, {"unreadable": 2})


def test_most_photographs_missing_fails_the_run_and_condemns_nothing(tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "photographs", range(5))
    project = registered(tmp_path, source)
    away = tmp_path / "away"
    away.mkdir()
    for number in range(1, 4):
        shutil.move(source / f"photo-00{number}.png", away)
    with pytest.raises(SourceRootError, match=r"3 of 5 photographs looked for .* are missing"):
        project.run(SHARD)
    for path in away.iterdir():
        shutil.move(path, source)
    assert project.run(SHARD).manifest.counts.accepted == 5


def test_an_empty_folder_is_a_mount_that_is_away(tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "photographs", range(2))
    project = registered(tmp_path, source)
    shutil.rmtree(source)
    source.mkdir()
    with pytest.raises(SourceRootError, match="is empty, is it mounted"):
        project.run(SHARD)


def test_a_setting_lets_photographs_be_gone_for_good(tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "photographs", range(3))
    project = registered(tmp_path, source)
    shutil.rmtree(source)
    source.mkdir()
    resigned = reopened(project, {"raw_images": {"max_unreadable": 1.0}})
    assert resigned.run(SHARD).manifest.counts.reasons == {"unreadable": 3}


@pytest.fixture
def uploaded(tmp_path: Path, bucket: str) -> str:
    client = boto3.client("s3")
    for path in write_photographs(tmp_path / "photographs", range(4)).iterdir():
        client.put_object(
            Bucket=bucket.removeprefix("s3://"), Key=f"in/{path.name}", Body=path.read_bytes()
        )
    return f"{bucket}/in"


@pytest.fixture(autouse=True)
def fresh_client() -> Iterator[None]:
    """Ask the service anew: a process keeps its client."""
    sources._client.cache_clear()
    yield
    sources._client.cache_clear()


def test_most_objects_missing_fails_the_run(tmp_path: Path, uploaded: str) -> None:
    project = registered(tmp_path, uploaded)
    bucket = uploaded.split("/")[2]
    for number in range(1, 4):
        boto3.client("s3").delete_object(Bucket=bucket, Key=f"in/photo-00{number}.png")
    with pytest.raises(SourceRootError, match="3 of 4 photographs"):
        project.run(SHARD)


def test_a_service_that_does_not_answer_is_told_in_one_sentence(
    tmp_path: Path, uploaded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = registered(tmp_path, uploaded)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("unicedit_assets.storage.s3.RETRIES", {"total_max_attempts": 1})
    sources._client.cache_clear()
    with pytest.raises(SourceRootError, match=r"cannot be read now .*try again") as told:
        run_all(project, ["raw_images"])
    assert "\n" not in str(told.value)
    with pytest.raises(StorageError, match="cannot be reached"):
        open_store("s3://anywhere/lake").read("a")

"""The same pipeline with its lake and its photographs on S3, spoken over real HTTP."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from backends import CALLS, write_photographs
from lakes import made, open_scripted, prepared, release_files, run_all

from unicedit_assets.pipeline.intake import register_source
from unicedit_assets.pipeline.pending import PIPELINE
from unicedit_assets.pipeline.sources import SourceRootError
from unicedit_assets.pipeline.stage import Ref


def uploaded(bucket: str, folder: Path) -> str:
    """Copy a folder into a bucket and return its address."""
    client, name = boto3.client("s3"), bucket.removeprefix("s3://")
    for path in sorted(folder.iterdir()):
        client.put_object(Bucket=name, Key=f"photos/{path.name}", Body=path.read_bytes())
    return f"{bucket}/photos"


def test_everything_on_s3_gives_the_same_pictures(tmp_path: Path, bucket: str) -> None:
    folder = write_photographs(tmp_path / "photographs", range(2))
    (folder / "notes.txt").write_text("no picture")
    source = uploaded(bucket, folder)
    changes = {"lake": f"{bucket}/lake", "shard_size": 2, "unicbench_edits": {"chunk": 9}}
    project = prepared(open_scripted(tmp_path / "remote", {**changes, "holdout": 0}), source)
    assert made(run_all(project)) == set(PIPELINE)
    CALLS.clear()
    again = open_scripted(tmp_path / "remote", {**changes, "holdout": 0})
    assert made(run_all(again)) == set()
    assert CALLS.total() == 0

    local = open_scripted(tmp_path / "local", {"shard_size": 2, "holdout": 0})
    run_all(prepared(local, folder), ["raw_images", "instructions", "edits"])
    for ref in (Ref("instructions", "s00000"), Ref("edits", "s00000/classical")):
        tables = [p.ledger.read(p.require(ref)).drop_columns(drop(ref)) for p in (project, local)]
        assert tables[0] == tables[1]
    assert "README.md" in release_files(project)


def drop(ref: Ref) -> list[str]:
    return ["seconds"] if ref.stage == "edits" else []


def test_a_changed_object_is_a_reject_and_a_new_one_a_new_shard(
    tmp_path: Path, bucket: str
) -> None:
    folder = write_photographs(tmp_path / "photographs", range(2))
    source = uploaded(bucket, folder)
    project = open_scripted(tmp_path / "home", {"holdout": 0})
    register_source(project, source)
    uploaded(bucket, write_photographs(tmp_path / "more", [7]))
    (folder / "photo-000.png").write_bytes((folder / "photo-001.png").read_bytes())
    uploaded(bucket, folder)
    assert register_source(project, source).new == 2
    done = run_all(project, ["raw_images"])
    counts = done[Ref("raw_images", "s00000")].manifest.counts
    assert counts.reasons == {"changed": 1}
    assert done[Ref("raw_images", "s00001")].manifest.counts.accepted == 2


def test_a_bucket_that_is_not_there_is_told_in_one_sentence(tmp_path: Path, bucket: str) -> None:
    project = open_scripted(tmp_path)
    with pytest.raises(SourceRootError, match=r"^s3://nowhere/x cannot be listed: .*NoSuchBucket"):
        register_source(project, "s3://nowhere/x")


def test_a_folder_that_is_not_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceRootError, match="gone is not a folder"):
        register_source(open_scripted(tmp_path), str(tmp_path / "gone"))

"""A release: what it takes from the shards, and that its own files are vouched for."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from backends import photograph, write_photographs
from lakes import RELEASE, open_scripted, prepared, release_files, run_all
from PIL import Image

from unicedit_assets.domain import duplicates, schemas
from unicedit_assets.pipeline.pending import PIPELINE
from unicedit_assets.pipeline.project import Project
from unicedit_assets.pipeline.release import benchmark_images, candidates, release_folder
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.published.plan import CANDIDATE_SCHEMA
from unicedit_assets.storage.blobs import StorageError

RELEASED = Ref("unicedit_10m", RELEASE)
MADE_FIRST = [
    stage
    for stage in PIPELINE
    if stage not in ("unicbench_scores", "unicbench_edits", "unicbench", "unicedit_10m")
]


def folder_of(project: Project) -> Path:
    """Return the folder of the release's files."""
    url = Path(project.ledger.store.url)
    return url / release_folder(RELEASE, project.spec(RELEASED).fingerprint)


def forgotten(project: Project) -> None:
    """Remove what the lake knows of the release, and leave its files."""
    shutil.rmtree(Path(project.ledger.store.url) / "unicedit_10m")


def test_candidates_are_the_accepted_edits_with_the_hashes_of_their_photographs(
    built: Path,
) -> None:
    project = open_scripted(built)
    partitions = [ref.partition for ref in project.refs("verified_edits")]
    table = candidates(project, partitions)
    expected = []
    for partition in partitions:
        raw = project.require(Ref("raw_images", partition.split("/")[0]))
        images = {r["image_id"]: r for r in project.ledger.read(raw, schemas.ROWS).to_pylist()}
        edits = project.require(Ref("verified_edits", partition))
        for place, row in enumerate(project.ledger.read(edits, schemas.ROWS).to_pylist()):
            whole = {**row, **images[row["image_id"]], "shard": partition, "row": place}
            expected.append({name: whole[name] for name in CANDIDATE_SCHEMA.names})
    assert table.schema.equals(CANDIDATE_SCHEMA)
    assert table.to_pylist() == expected
    assert len(partitions) > 1
    assert candidates(project, []).num_rows == 0


@pytest.mark.parametrize("featureless", [False, True])
def test_a_photograph_registered_in_two_shards_is_published_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, featureless: bool
) -> None:
    if featureless:
        monkeypatch.setattr(duplicates, "phash", lambda pixels: None)
    source = write_photographs(tmp_path / "photographs", range(2))
    # Other bytes, so another identity and other keys; the same pixels.
    Image.fromarray(photograph(0)).save(source / "z-copy.png", compress_level=3)
    project = prepared(open_scripted(tmp_path / "home", {"shard_size": 2, "holdout": 0}), source)
    run_all(project, [*MADE_FIRST, "unicedit_10m"])
    manifest = project.require(RELEASED)
    raws = [project.require(ref) for ref in project.refs("raw_images")]
    pixels_of = {
        row["image_id"]: row["pixel_sha256"]
        for raw in raws
        for row in project.ledger.read(raw, schemas.ROWS).to_pylist()
    }
    assert (len(raws), len(pixels_of), len(set(pixels_of.values()))) == (2, 3, 2)
    rows = project.ledger.read(manifest, schemas.ROWS).to_pylist()
    places = {(pixels_of[row["image_id"]], row["shard"].split("/")[0]) for row in rows}
    assert len(places) == len({pixels for pixels, _ in places})
    assert manifest.counts.reasons["duplicate"] > 0


def test_benchmark_images_without_a_hash_are_known_by_their_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "phash", lambda pixels: None)
    source = write_photographs(tmp_path / "photographs", range(5))
    project = prepared(open_scripted(tmp_path / "home"), source)
    project.run(Ref("unicbench", "main"))
    found = benchmark_images(project)
    assert len(found.image_ids) == len(found.pixel_hashes) == 1
    assert found.pixel_hashes < {
        hashlib.sha256(photograph(seed).tobytes()).hexdigest() for seed in range(5)
    }
    assert found.phashes == ()


def test_where_the_photographs_lie_changes_no_byte(built: Path, tmp_path: Path) -> None:
    source = write_photographs(tmp_path / "elsewhere" / "pictures", range(5))
    project = prepared(open_scripted(tmp_path / "home"), source)
    run_all(project)
    here = open_scripted(built)
    assert project.spec(RELEASED).fingerprint == here.spec(RELEASED).fingerprint
    assert release_files(project) == release_files(here)
    rows = [
        row
        for path in (folder_of(project) / "provenance").iterdir()
        for row in pq.read_table(path).to_pylist()
    ]
    assert {row["source"] for row in rows} <= {path.name for path in source.iterdir()}
    assert all(str(tmp_path) not in str(row) for row in rows)


def test_the_manifest_vouches_for_every_file(built: Path) -> None:
    project = open_scripted(built)
    recorded = project.require(RELEASED).extra["files"]
    assert isinstance(recorded, dict)
    folder = folder_of(project)
    found = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert recorded == found
    assert {"README.md", "stats.json", "rejects/release.parquet"} < set(found)


def test_a_release_adopts_its_own_files(home: Path) -> None:
    project = open_scripted(home)
    before, manifest = release_files(project), project.require(RELEASED)
    forgotten(project)
    again = project.run(RELEASED)
    assert again.fresh
    assert again.manifest.extra == manifest.extra
    assert release_files(project) == before


@pytest.mark.parametrize("pattern", ["data/train-00000-*.parquet", "provenance/*", "README.md"])
def test_a_file_that_holds_something_else_is_not_adopted(home: Path, pattern: str) -> None:
    project = open_scripted(home)
    forgotten(project)
    damaged = next(iter(folder_of(project).glob(pattern)))
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    with pytest.raises(StorageError, match=r"holds something else .* remove it and run again"):
        project.run(RELEASED)
    damaged.unlink()
    assert project.run(RELEASED).fresh


def test_the_card_names_editors_and_verifier(built: Path) -> None:
    project = open_scripted(built)
    card = (folder_of(project) / "README.md").read_text(encoding="utf-8")
    for editor, backend in project.backends.editors.items():
        identity = backend.identity
        assert f"| editor {editor} | {identity['name']} {identity['version']} |" in card
    assert "| verifier | scripted scripted-1 |" in card

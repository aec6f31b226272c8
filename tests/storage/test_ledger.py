"""The ledger commits, resumes, adopts and reads the same way on every store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from storage_samples import SPEC, chunk, signed_chunk, spec

from unicedit_assets.storage.blobs import BlobStore, LocalStore, MissingBlob, StorageError
from unicedit_assets.storage.ledger import ConservationError, Ledger
from unicedit_assets.storage.manifests import CorruptRecord, Counts
from unicedit_assets.storage.parts import CorruptPart
from unicedit_assets.storage.terms import ChunkOutput, split


def test_a_committed_partition_is_found_and_read_back(ledger: Ledger) -> None:
    assert ledger.find(SPEC.stage, SPEC.partition, SPEC.fingerprint) is None
    told: list[tuple[int, int]] = []
    done = ledger.commit(SPEC, 3, chunk, lambda *progress: told.append(progress))
    assert (done.fresh, done.resumed) == (True, 0)
    assert told == [(1, 3), (2, 3), (3, 3)]
    manifest = ledger.find(SPEC.stage, SPEC.partition, SPEC.fingerprint)
    assert manifest == done.manifest
    assert manifest.config == {"threshold": 0.5, "names": ["a", "b"]}
    assert manifest.counts.inputs == 18
    assert manifest.extra == {"pixels": 3, "v": "x"}
    expected = pa.concat_tables(chunk(index).tables["rows"] for index in range(3))
    assert ledger.read(manifest).equals(expected)
    ledger.verify(manifest)


def test_a_second_commit_does_no_work(ledger: Ledger) -> None:
    first = ledger.commit(SPEC, 2, chunk)

    def never(index: int) -> ChunkOutput:
        raise AssertionError(index)

    again = ledger.commit(SPEC, 2, never)
    assert (again.fresh, again.resumed, again.manifest) == (False, 2, first.manifest)


def test_a_failed_run_resumes_at_its_first_unfinished_chunk(ledger: Ledger) -> None:
    def broken(index: int) -> ChunkOutput:
        if index == 2:
            raise RuntimeError("the editor died")
        return chunk(index)

    with pytest.raises(RuntimeError, match="editor died"):
        ledger.commit(SPEC, 4, broken)
    assert ledger.find(SPEC.stage, SPEC.partition, SPEC.fingerprint) is None
    asked: list[int] = []

    def counted(index: int) -> ChunkOutput:
        asked.append(index)
        return chunk(index)

    done = ledger.commit(SPEC, 4, counted)
    assert asked == [2, 3]
    assert (done.fresh, done.resumed) == (True, 2)


def test_tables_must_agree_with_counts(ledger: Ledger, store: BlobStore) -> None:
    def short(index: int) -> ChunkOutput:
        output = chunk(index)
        return ChunkOutput({**output.tables, "rows": output.tables["rows"][1:]}, output.counts)

    with pytest.raises(ConservationError, match="3 rows, the counts say 4"):
        ledger.commit(SPEC, 1, short)
    assert list(store.keys("")) == []


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        ({"rejects": pa.table({"id": ["a"]})}, "'rejects' has 1 rows, the counts say 2"),
        ({"rejects": pa.table({"reason": ["blank", "blank"]})}, "reasons are {'blank': 2}"),
        ({"rejects": pa.table({"reason": ["blank", None]})}, "reasons are"),
    ],
)
def test_rejects_must_agree_with_counts(
    ledger: Ledger, tables: dict[str, pa.Table], complaint: str
) -> None:
    def wrong(index: int) -> ChunkOutput:
        output = chunk(index)
        return ChunkOutput({**output.tables, **tables}, output.counts)

    with pytest.raises(ConservationError, match=complaint):
        ledger.commit(SPEC, 1, wrong)


def test_a_missing_table_counts_as_empty(ledger: Ledger) -> None:
    with pytest.raises(ConservationError, match="'rows' has 0 rows, the counts say 1"):
        ledger.commit(SPEC, 1, lambda _: ChunkOutput({}, Counts(inputs=1, accepted=1)))
    done = ledger.commit(SPEC, 1, lambda _: ChunkOutput({}, Counts()))
    assert done.manifest.tables == {}
    with pytest.raises(KeyError, match="has no table 'rows'"):
        ledger.read(done.manifest)


def test_chunks_must_have_the_same_tables_and_schemas(ledger: Ledger) -> None:
    def drifting(index: int) -> ChunkOutput:
        return signed_chunk(index, 0) if index else chunk(index)

    with pytest.raises(ConservationError, match="chunk 1 differs from chunk 0"):
        ledger.commit(SPEC, 2, drifting)
    assert ledger.find(SPEC.stage, SPEC.partition, SPEC.fingerprint) is None


def test_another_number_of_chunks_does_not_reuse_finished_ones(ledger: Ledger) -> None:
    """A chunk of a coarser split holds other rows, whatever its index."""

    def half(index: int) -> ChunkOutput:
        if index:
            raise RuntimeError("killed")
        return chunk(index)

    with pytest.raises(RuntimeError, match="killed"):
        ledger.commit(SPEC, 2, half)
    done = ledger.commit(SPEC, 3, chunk)
    assert (done.resumed, done.manifest.rows()) == (0, 12)


def test_a_rival_that_finishes_a_chunk_first_is_adopted(ledger: Ledger) -> None:
    """While we work on chunk 0, somebody else finishes it and dies in chunk 1."""

    def rival(index: int) -> ChunkOutput:
        if index:
            raise RuntimeError("killed")
        return signed_chunk(index, writer=2)

    def ours(index: int) -> ChunkOutput:
        if index == 0:
            with pytest.raises(RuntimeError, match="killed"):
                ledger.commit(SPEC, 2, rival)
        return signed_chunk(index, writer=1)

    done = ledger.commit(SPEC, 2, ours)
    assert (done.fresh, done.resumed) == (True, 0)
    assert ledger.read(done.manifest)["writer"].to_pylist() == [2] * 4 + [1] * 4


def test_a_rival_that_finishes_the_partition_first_is_adopted(ledger: Ledger) -> None:
    def ours(index: int) -> ChunkOutput:
        ledger.commit(SPEC, 1, lambda rivals: signed_chunk(rivals, writer=2))
        return signed_chunk(index, writer=1)

    done = ledger.commit(SPEC, 2, ours)
    assert not done.fresh
    assert done.manifest == ledger.find(SPEC.stage, SPEC.partition, SPEC.fingerprint)
    assert ledger.read(done.manifest)["writer"].to_pylist() == [2] * 4


def test_extras_that_disagree_publish_no_manifest(ledger: Ledger) -> None:
    def named(index: int) -> ChunkOutput:
        return replace(chunk(index), extra={"model": str(index)})

    with pytest.raises(ValueError, match="disagree about extra 'model'"):
        ledger.commit(SPEC, 2, named)
    assert ledger.find(SPEC.stage, SPEC.partition, SPEC.fingerprint) is None


def test_a_partition_has_a_chunk(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="at least one chunk"):
        ledger.commit(SPEC, 0, chunk)


@pytest.mark.parametrize(
    "change",
    [{"stage": "a/b"}, {"fingerprint": "a/b"}, {"fingerprint": ""}, {"partition": "../x"}],
)
def test_names_that_would_break_the_layout_are_refused(
    ledger: Ledger, change: dict[str, str]
) -> None:
    with pytest.raises(StorageError, match="key"):
        ledger.commit(replace(SPEC, **change), 1, chunk)  # type: ignore[arg-type]
    assert list(ledger.store.keys("")) == []


def test_a_deterministic_partition_is_byte_identical_wherever_it_is_made(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        Ledger(LocalStore(folder)).commit(SPEC, 3, chunk)
    one, two = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
        for folder in folders
    )
    assert one == two
    assert len(one) == 3 * 2 + 3 + 1


def test_columns_and_batches(ledger: Ledger) -> None:
    manifest = ledger.commit(SPEC, 3, chunk).manifest
    light = ledger.read(manifest, columns=["edit_id", "pair.path"])
    assert light.column_names == ["edit_id", "pair"]
    assert light["pair"].to_pylist()[5] == {"path": "0001-0001.png"}
    batches = list(ledger.iter_batches(manifest, columns=["edit_id"], rows=3))
    assert [batch.num_rows for batch in batches] == [3, 1] * 3
    assert pa.Table.from_batches(batches)["edit_id"].equals(light["edit_id"])
    assert ledger.metadata_columns(manifest) == ["edit_id", "subtask", "pair.path", "score"]
    assert ledger.read(manifest, "rejects")["reason"].to_pylist() == ["blank", "editor_failed"] * 3


def test_a_damaged_part_is_named(ledger: Ledger) -> None:
    manifest = ledger.commit(SPEC, 2, chunk).manifest
    part = manifest.tables["rows"][1]
    data = bytearray(ledger.store.read(part.key))
    data[len(data) // 2] ^= 1
    ledger.store.put(part.key, bytes(data))
    for read in (
        lambda: ledger.read(manifest),
        lambda: ledger.verify(manifest),
        lambda: list(ledger.iter_batches(manifest)),
    ):
        with pytest.raises(CorruptPart, match=part.key):
            read()


def test_a_damaged_or_misplaced_manifest_is_named(ledger: Ledger) -> None:
    manifest = ledger.commit(SPEC, 1, chunk).manifest
    ledger.store.put("edits/s1/f/manifest.json", manifest.to_bytes())
    with pytest.raises(CorruptRecord, match="is the manifest of edits/s00000/classical"):
        ledger.find("edits", "s1", "f")
    ledger.store.put("edits/s1/f/manifest.json", manifest.to_bytes()[:-20])
    with pytest.raises(CorruptRecord, match=r"edits/s1/f/manifest\.json is corrupt"):
        ledger.find("edits", "s1", "f")


def test_a_marker_with_broken_counts_is_refused(ledger: Ledger) -> None:
    """Even our own records are held to the conservation law when they are read."""
    key = f"edits/{SPEC.partition}/{SPEC.fingerprint}/chunks/00000-of-00001.json"
    counts = {"inputs": 2, "accepted": 1, "rejected": 0, "failed": 0, "reasons": {}}
    marker = {"parts": {}, "schemas": {}, "counts": counts, "extra": {}}
    ledger.store.put(key, json.dumps(marker).encode())
    with pytest.raises(CorruptRecord, match="2 inputs are not 1 accepted"):
        ledger.commit(SPEC, 1, chunk)


def test_history_is_every_version_of_just_this_partition(ledger: Ledger) -> None:
    for fingerprint in ("b", "a"):
        ledger.commit(spec(fingerprint), 1, chunk)
    ledger.commit(replace(SPEC, partition="s00000", fingerprint="c"), 1, chunk)
    ledger.commit(replace(SPEC, partition="s00000/classical2", fingerprint="d"), 1, chunk)
    versions = ledger.history(SPEC.stage, SPEC.partition)
    assert sorted(one.fingerprint for one in versions) == ["a", "b"]
    assert [one.fingerprint for one in ledger.history("edits", "s00000")] == ["c"]
    assert ledger.history("edits", "s00001") == []


def test_history_is_oldest_first(tmp_path: Path) -> None:
    ledger = Ledger(LocalStore(tmp_path))
    for fingerprint in ("b", "c", "a"):
        ledger.commit(spec(fingerprint), 1, chunk)
    assert [one.fingerprint for one in ledger.history(SPEC.stage, SPEC.partition)] == [
        "b",
        "c",
        "a",
    ]


def test_checks_are_recorded_and_block(ledger: Ledger) -> None:
    manifest = ledger.commit(SPEC, 1, chunk).manifest
    assert ledger.checks(manifest) == []
    ledger.record_check(manifest, "schema", passed=False, blocking=True, summary={"rows": (1, 2)})
    ledger.record_check(manifest, "balance", passed=False, blocking=False)
    ledger.record_check(manifest, "ids", passed=True, blocking=True)
    assert ledger.blocked(manifest) == ["schema"]
    assert [check.name for check in ledger.checks(manifest)] == ["balance", "ids", "schema"]
    assert ledger.checks(manifest)[2].summary == {"rows": [1, 2]}
    ledger.record_check(manifest, "schema", passed=True, blocking=True)
    assert ledger.blocked(manifest) == []
    with pytest.raises(StorageError, match="one key segment"):
        ledger.record_check(manifest, "a/b", passed=True, blocking=True)


@pytest.mark.parametrize(("total", "chunks"), [(10, 3), (2, 5), (0, 1), (7, 7), (2_000, 100)])
def test_split_covers_everything_once_and_evenly(total: int, chunks: int) -> None:
    ranges = [split(total, chunks, index) for index in range(chunks)]
    assert [position for one in ranges for position in one] == list(range(total))
    sizes = {len(one) for one in ranges}
    assert max(sizes) - min(sizes) <= 1


def test_one_part_can_be_read_alone(ledger: Ledger) -> None:
    manifest = ledger.commit(SPEC, 3, chunk).manifest
    part = ledger.read_part(manifest, 2, ["edit_id"])
    assert part.equals(chunk(2).tables["rows"].select(["edit_id"]))
    assert ledger.read_part(manifest, 0, ["id"], "rejects")["id"].to_pylist() == ["0-r", "0-f"]


def test_a_chunk_can_look_at_finished_ones_only(ledger: Ledger) -> None:
    def looking(index: int) -> ChunkOutput:
        for earlier in range(index):
            rows = ledger.read_chunk(SPEC, earlier, 3, ["edit_id"])
            assert rows.equals(chunk(earlier).tables["rows"].select(["edit_id"]))
        with pytest.raises(MissingBlob):
            ledger.read_chunk(SPEC, index, 3, ["edit_id"])
        return chunk(index)

    assert ledger.commit(SPEC, 3, looking).fresh

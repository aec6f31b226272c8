"""What is damaged is found wherever it is, and made again it is compared by its rows alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from storage_samples import SPEC, chunk

from unicedit_assets.storage.blobs import BlobStore, LocalStore
from unicedit_assets.storage.ledger import Ledger
from unicedit_assets.storage.manifests import Counts, Manifest
from unicedit_assets.storage.repair import NotReproduced, examine, set_aside
from unicedit_assets.storage.terms import ChunkOutput, split

FOLDER = f"{SPEC.stage}/{SPEC.partition}/{SPEC.fingerprint}"
ROWS = pa.concat_tables(chunk(index).tables["rows"] for index in range(3))


def cut(rows: pa.Table, chunks: int, index: int) -> ChunkOutput:
    """Return a chunk of rows that say the same wherever the chunks begin."""
    part = split(rows.num_rows, chunks, index)
    table = rows.slice(part.start, len(part))
    return ChunkOutput({"rows": table}, Counts(inputs=len(part), accepted=len(part)))


def commit(ledger: Ledger, chunks: int, rows: pa.Table = ROWS) -> Manifest:
    return ledger.commit(SPEC, chunks, partial(cut, rows, chunks)).manifest


def rot(store: BlobStore, key: str) -> None:
    store.put(key, store.read(key)[:-3])


def repair(store: BlobStore) -> list[str]:
    """Set aside what is damaged; return the keys without their folder."""
    moved = set_aside(store, examine(store, FOLDER), "now")
    assert examine(store, FOLDER).blobs == {}
    return [key.removeprefix(f"{FOLDER}/") for key in moved]


def unfinished(ledger: Ledger) -> list[str]:
    """Finish one chunk of two; return the keys of its marker and its parts."""

    def work(index: int) -> ChunkOutput:
        if index:
            raise InterruptedError
        return cut(ROWS, 2, index)

    with pytest.raises(InterruptedError):
        ledger.commit(SPEC, 2, work)
    return list(ledger.store.keys(FOLDER))


@pytest.mark.parametrize("chunks", [1, 2, 4, 12])
def test_the_same_rows_keep_the_promise_wherever_chunks_begin(
    ledger: Ledger, store: BlobStore, chunks: int
) -> None:
    before = commit(ledger, 3)
    rot(store, before.tables["rows"][1].key)
    assert "manifest.json" in repair(store)
    again = commit(ledger, chunks)
    assert again.says_the_same_as(before)
    assert (len(again.tables["rows"]), again.rows()) == (chunks, before.rows())
    assert ledger.read(again).equals(ROWS)


@pytest.mark.parametrize(
    "changed",
    [
        ROWS.slice(1),
        pa.concat_tables([ROWS.slice(1), ROWS.slice(0, 1)]),
        ROWS.set_column(4, "score", pa.array([0.5] * ROWS.num_rows)),
        ROWS.set_column(4, "score", pa.nulls(ROWS.num_rows, pa.float64())),
        ROWS.rename_columns([*ROWS.column_names[:-1], "mark"]),
    ],
    ids=["a row less", "another order", "another value", "no values", "another name"],
)
def test_other_rows_do_not_keep_the_promise(
    ledger: Ledger, store: BlobStore, changed: pa.Table
) -> None:
    rot(store, commit(ledger, 1).tables["rows"][0].key)
    repair(store)
    with pytest.raises(NotReproduced):
        commit(ledger, 1, changed)


def test_another_parquet_writer_keeps_the_promise(
    ledger: Ledger, store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = commit(ledger, 1)
    rot(store, before.tables["rows"][0].key)
    repair(store)
    monkeypatch.setattr(pq, "write_table", partial(pq.write_table, data_page_version="2.0"))
    again = commit(ledger, 1)
    assert again.tables["rows"][0].sha256 != before.tables["rows"][0].sha256
    assert again.says_the_same_as(before)


def test_rows_differ_in_their_timings_only(ledger: Ledger, store: BlobStore) -> None:
    seconds = pa.array([0.1] * ROWS.num_rows)
    before = commit(ledger, 1, ROWS.append_column("seconds", seconds))
    rot(store, before.tables["rows"][0].key)
    repair(store)
    slower = ROWS.append_column("seconds", pa.array([0.9] * ROWS.num_rows))
    assert commit(ledger, 2, slower).says_the_same_as(before)


def test_a_rotten_check_moves_alone(ledger: Ledger, store: BlobStore) -> None:
    manifest = commit(ledger, 2)
    for name in ("ids", "schema"):
        ledger.record_check(manifest, name, passed=True, blocking=True)
    rot(store, f"{FOLDER}/checks/ids.json")
    assert list(examine(store, FOLDER).blobs) == [f"{FOLDER}/checks/ids.json"]
    assert repair(store) == ["checks/ids.json"]
    assert [check.name for check in ledger.checks(manifest)] == ["schema"]
    assert commit(ledger, 2) == manifest


def test_a_rotten_check_beside_a_rotten_manifest_breaks_no_promise(
    ledger: Ledger, store: BlobStore
) -> None:
    manifest = commit(ledger, 2)
    ledger.record_check(manifest, "ids", passed=True, blocking=True)
    rot(store, f"{FOLDER}/checks/ids.json")
    rot(store, f"{FOLDER}/manifest.json")
    assert repair(store) == ["checks/ids.json", "manifest.json"]
    assert commit(ledger, 2) == manifest


def test_a_rotten_marker_that_nobody_needs_moves_alone(ledger: Ledger, store: BlobStore) -> None:
    manifest = commit(ledger, 2)
    rot(store, f"{FOLDER}/chunks/00000-of-00002.json")
    assert repair(store) == ["chunks/00000-of-00002.json"]
    assert commit(ledger, 2) == manifest


@pytest.mark.parametrize("what", ["chunks", "parts"])
def test_rot_in_an_unfinished_partition_is_found(
    ledger: Ledger, store: BlobStore, what: str
) -> None:
    keys = unfinished(ledger)
    (rotten,) = [key for key in keys if f"/{what}/" in key]
    rot(store, rotten)
    assert list(examine(store, FOLDER).blobs) == [rotten]
    assert "chunks/00000-of-00002.json" in repair(store)
    manifest = commit(ledger, 2)
    assert ledger.read(manifest).equals(ROWS)
    ledger.verify(manifest)


class Meanwhile(LocalStore):
    """A folder in which something happens between listing keys and reading them."""

    happens: Callable[[], object] = staticmethod(lambda: None)

    def keys(self, prefix: str) -> Any:
        found = list(super().keys(prefix))
        if found:
            self.happens()
        return iter(found)


@pytest.mark.parametrize("what", ["chunks/00000-of-00002.json", "checks/ids.json"])
def test_a_record_that_is_moved_between_listing_and_reading_is_no_damage(
    tmp_path: Any, what: str
) -> None:
    store = Meanwhile(tmp_path)
    ledger = Ledger(store)
    manifest = commit(ledger, 2)
    ledger.record_check(manifest, "ids", passed=True, blocking=True)

    def move() -> None:
        if store.exists(f"{FOLDER}/{what}"):
            store.move(f"{FOLDER}/{what}", "elsewhere")

    store.happens = move
    assert examine(store, FOLDER).blobs == {}
    assert not store.exists(f"{FOLDER}/{what}")


def test_a_check_that_is_moved_between_listing_and_reading_is_not_recorded(tmp_path: Any) -> None:
    store = Meanwhile(tmp_path)
    ledger = Ledger(store)
    manifest = commit(ledger, 1)
    ledger.record_check(manifest, "ids", passed=False, blocking=True)
    store.happens = lambda: store.move(f"{FOLDER}/checks/ids.json", "elsewhere")
    assert ledger.blocked(manifest) == []

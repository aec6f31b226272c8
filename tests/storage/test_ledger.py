"""The ledger commits, resumes, adopts and reads the same way on every store."""

from __future__ import annotations

import pyarrow as pa
import pytest
from storage_samples import SPEC, chunk

from unicedit_assets.storage.blobs import BlobStore
from unicedit_assets.storage.ledger import ChunkOutput, Ledger
from unicedit_assets.storage.manifests import Counts


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

    with pytest.raises(Exception, match="3 rows, the counts say 4"):
        ledger.commit(SPEC, 1, short)
    assert list(store.keys("")) == []


def test_counts_conserve() -> None:
    with pytest.raises(ValueError, match="inputs are not"):
        Counts(inputs=3, accepted=1, rejected=1, reasons={"blank": 1})

"""Records on disk: nothing that came is lost, nothing torn is read, one process writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unicedit_assets.bench import store as stores
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.records import RECORDS
from unicedit_assets.bench.store import RecordStore, id_of, read_records


def record(number: int, **changed: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        **{"key": f"k{number}", "task": "Scene Editing", "subtask": "Lens Zooming"},
        **{"language": "en", "model": "m", "variant": "base", "judge": "j-1", "judge_model": "j"},
        **{"judge_revision": "", "metric": "visual_quality", "repeat": 0, "status": "scored"},
        **{
            "score": 7.5,
            "reason": "好 \u2028 \x85",
            "replies": ['{"a": 1}\n\u2028'],
            "failures": [""],
        },
        **{"prompt_sha256": "p", "decoding": "{}", "source_sha256": "s", "edited_sha256": "e"},
        **{"frame": "none", "tokens_in": 1, "tokens_out": 2, "seconds": 0.5, "request_key": "r"},
    }
    return fields | changed


def kept(out: Path) -> list[str]:
    return [row["key"] for row in read_records(out).to_pylist()]


def test_what_was_added_is_read_back_as_it_was(tmp_path: Path) -> None:
    with RecordStore(tmp_path) as store:
        store.add([record(1), record(2, score=None, status="unscored")])
        assert kept(tmp_path) == ["k1", "k2"]  # not only at the end
    rows = read_records(tmp_path).to_pylist()
    assert rows == [record(1), record(2, score=None, status="unscored")]
    assert pq.read_schema(tmp_path / "records.parquet").equals(RECORDS)
    assert (tmp_path / "records" / "journal.jsonl").read_bytes() == b""


def test_a_kill_loses_nothing_that_was_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_ROWS_A_PART", 4)
    monkeypatch.setattr(RecordStore, "compact", lambda _: None)  # killed before it
    with RecordStore(tmp_path) as store:
        for number in range(10):
            store.add([record(number)])
    assert len(list((tmp_path / "records").glob("part-*.parquet"))) == 2
    journal = tmp_path / "records" / "journal.jsonl"
    torn = journal.read_bytes() + json.dumps(record(99))[:40].encode()
    journal.write_bytes(torn)
    assert len(kept(tmp_path)) == 10
    monkeypatch.undo()
    with RecordStore(tmp_path) as store:
        assert store.is_kept(id_of(record(9)), "r")
        assert not store.is_kept(id_of(record(99)), "r")
        store.add([record(10)])
    assert len(kept(tmp_path)) == 11
    assert not list((tmp_path / "records").glob("part-*.parquet"))


def test_a_kill_between_part_and_journal_leaves_no_row_twice(tmp_path: Path) -> None:
    with RecordStore(tmp_path) as store:
        store.add([record(1), record(2)])
        journal = (tmp_path / "records" / "journal.jsonl").read_bytes()
        store._roll()
    (tmp_path / "records" / "journal.jsonl").write_bytes(journal)
    assert kept(tmp_path) == ["k1", "k2"]
    with RecordStore(tmp_path):
        pass
    assert kept(tmp_path) == ["k1", "k2"]


def test_a_later_row_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    for score, key in ((1.0, "old"), (9.0, "new")):
        with RecordStore(tmp_path) as store:
            store.add([record(1, score=score, request_key=key)])
    assert [row["score"] for row in read_records(tmp_path).to_pylist()] == [9.0]
    with RecordStore(tmp_path) as store:
        assert store.is_kept(id_of(record(1)), "new")
        assert not store.is_kept(id_of(record(1)), "old")
        assert not store.is_kept(id_of(record(1, repeat=1)), "new")


@pytest.mark.parametrize(
    ("failures", "again", "found"),
    [
        ([""], False, True),
        ([""], True, False),
        (["timeout"], False, False),
        (["", "server"], False, False),
        (["refused"], False, True),
        ([], False, True),
    ],
)
def test_what_is_unscored_is_asked_again_when_it_makes_sense(
    tmp_path: Path, failures: list[str], again: bool, found: bool
) -> None:
    row = record(1, status="unscored", score=None, failures=failures, replies=[""] * len(failures))
    with RecordStore(tmp_path) as store:
        store.add([row])
        assert store.is_kept(id_of(row), "r", again) is found


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    with RecordStore(tmp_path), pytest.raises(BenchError, match=r"another run writes to .*--out"):
        RecordStore(tmp_path)
    with RecordStore(tmp_path):
        pass


def test_damage_is_one_sentence_that_says_which_file(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="holds no records"):
        read_records(tmp_path)
    with RecordStore(tmp_path) as store:
        store.add([record(1)])
    whole = (tmp_path / "records.parquet").read_bytes()
    (tmp_path / "records.parquet").write_bytes(whole[:-20])
    with pytest.raises(BenchError, match=r"records\.parquet cannot be read.*move it away"):
        RecordStore(tmp_path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "records.parquet")
    with pytest.raises(BenchError, match="other columns than records"):
        read_records(tmp_path)
    (tmp_path / "records.parquet").write_bytes(whole)
    for line in (b"{}\n", b"nonsense\n", b"[" * 9 + b"\n"):
        (tmp_path / "records" / "journal.jsonl").write_bytes(line)
        with pytest.raises(BenchError, match=r"journal\.jsonl, line 1"):
            RecordStore(tmp_path)


def test_a_number_that_is_none_is_not_written(tmp_path: Path) -> None:
    with RecordStore(tmp_path) as store, pytest.raises(ValueError, match="JSON"):
        store.add([record(1, score=float("nan"))])
    assert not (tmp_path / "records.parquet").exists()

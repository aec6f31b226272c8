"""Where a run keeps its records: every reply on disk before the next is looked at.

A reply is appended to a journal in one write, which a killed process cannot take back; the journal
becomes a Parquet part (atomic rename) every few hundred rows, and the parts one file at the end. A
row is known by sample, language, model, variant, judge, metric and repeat; a later row replaces an
earlier one, and is asked for only when something that makes a reply has changed (``request_key``).
One process writes at a time.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.records import RECORDS
from unicedit_assets.storage.files import appearing
from unicedit_assets.vlm.roles import FailureKind

RECORDS_FILE = "records.parquet"
_PARTS, _JOURNAL, _LOCK = "records", "journal.jsonl", ".lock"
_ROWS_A_PART = 500
_SYNC_SECONDS = 1.0
_ORDER = ("judge", "model", "variant", "language", "subtask", "key", "metric", "repeat")
# The server was at fault, not the question: worth asking again when the run is taken up again.
_PASSING = frozenset({FailureKind.TIMEOUT.value, FailureKind.SERVER.value})


class RowId(NamedTuple):
    """What a record is about."""

    key: str
    language: str
    model: str
    variant: str
    judge: str
    metric: str
    repeat: int


def id_of(row: Mapping[str, Any]) -> RowId:
    """Return what a record is about."""
    return RowId(*(row[name] for name in RowId._fields))


def read_records(out: Path) -> pa.Table:
    """Return the records of a run's folder, one a ``RowId``, finished or not.

    Raises:
        BenchError: there are none, or a file is damaged.
    """
    rows = _rows(out, _read_journal(out / _PARTS / _JOURNAL)[0])
    if not rows:
        raise BenchError(f"{out} holds no records: `unicedit bench score` makes them")
    return _table(rows.values())


def _rows(out: Path, journal: Iterable[dict[str, Any]]) -> dict[RowId, dict[str, Any]]:
    """Return the rows of a folder; those of its journal are the latest."""
    found: dict[RowId, dict[str, Any]] = {}
    for path in [out / RECORDS_FILE, *sorted((out / _PARTS).glob("part-*.parquet"))]:
        if path.exists():
            found.update((id_of(row), row) for row in _read_part(path))
    found.update((id_of(row), row) for row in journal)
    return found


def _read_part(path: Path) -> list[dict[str, Any]]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise BenchError(f"{path} cannot be read: {error}; move it away to go on") from error
    if table.schema.names != RECORDS.names:
        raise BenchError(f"{path} holds other columns than records; move it away to go on")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _read_journal(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Return a journal's rows, and how many bytes they take: a kill may tear the last line off."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], 0
    whole = data.rfind(b"\n") + 1
    rows = []
    for number, line in enumerate(data[:whole].splitlines(), 1):
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or list(row) != RECORDS.names:
                raise ValueError("other fields than a record's")
        except ValueError as error:
            raise BenchError(f"{path}, line {number}: {error}; move it away to go on") from error
        rows.append(row)
    return rows, whole


def _table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    table = pa.Table.from_pylist(list(rows), schema=RECORDS)
    return table.sort_by([(name, "ascending") for name in _ORDER])


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a table; the file appears at once or not at all."""
    with appearing(path, durable=True) as file:
        pq.write_table(table, file, compression="zstd")


def write_json(value: Any, path: Path) -> None:
    """Write JSON in the same way."""
    with appearing(path, durable=True) as file:
        file.write((json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode())


class RecordStore:
    """The records of one folder, to be added to; use as a context manager.

    Args:
        out: the folder; made when it is not there.

    Raises:
        BenchError: another run writes there, or what is there is no record.
        OSError: it cannot be written.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._parts = out / _PARTS
        self._parts.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(out / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._begin()
        except BaseException:
            os.close(self._lock)
            raise

    def _begin(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BenchError(
                f"another run writes to {self._out}: wait for it, or choose another --out"
            ) from None
        journal = self._parts / _JOURNAL
        self._pending, whole = _read_journal(journal)
        self._rows = _rows(self._out, self._pending)
        self._journal = os.open(journal, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        os.ftruncate(self._journal, whole)
        self._synced = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.compact()
        finally:
            os.close(self._journal)
            os.close(self._lock)

    def rows(self) -> Mapping[RowId, Mapping[str, Any]]:
        """Return every record by what it is about."""
        return self._rows

    def is_kept(self, about: RowId, request_key: str, again: bool = False) -> bool:
        """Tell whether a reply to exactly this request is there already.

        A question that failed for the server's sake counts as not asked; with ``again``, so does
        every one that is unscored.
        """
        row = self._rows.get(about)
        if row is None or row["request_key"] != request_key:
            return False
        if row["status"] == "scored":
            return True
        failures = row["failures"]
        return not again and not (failures and failures[-1] in _PASSING)

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep rows; when this returns, a killed process has not lost them."""
        ordered = [{name: row[name] for name in RECORDS.names} for row in rows]
        lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in ordered)
        _write_all(self._journal, "".join(lines).encode())
        self._pending += ordered
        self._rows.update((id_of(row), row) for row in ordered)
        if len(self._pending) >= _ROWS_A_PART:
            self._roll()
        elif time.monotonic() - self._synced > _SYNC_SECONDS:
            os.fsync(self._journal)
            self._synced = time.monotonic()

    def _roll(self) -> None:
        """Turn the journal into a part; a kill in between leaves rows twice, which are one."""
        numbers = [int(path.stem[5:]) for path in self._parts.glob("part-*.parquet")]
        place = self._parts / f"part-{max(numbers, default=0) + 1:06d}.parquet"
        write_parquet(pa.Table.from_pylist(self._pending, schema=RECORDS), place)
        os.ftruncate(self._journal, 0)
        self._pending = []

    def compact(self) -> None:
        """Make one file of everything, without what was replaced."""
        if not self._pending and not any(self._parts.glob("part-*.parquet")):
            return
        write_parquet(_table(self._rows.values()), self._out / RECORDS_FILE)
        for path in self._parts.glob("part-*.parquet"):
            path.unlink()
        os.ftruncate(self._journal, 0)
        self._pending = []


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]

"""Where findings go: counted exactly, a few kept as examples, all of them streamed to a file."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from unicedit_assets.published.audit.report import Defect, Finding, severity_of

FINDINGS_SCHEMA = pa.schema(
    {
        "defect": pa.string(),
        "severity": pa.string(),
        "file": pa.string(),
        "row": pa.int64(),
        "key": pa.string(),
        "detail": pa.string(),
    }
)
_BATCH = 10_000
_DETAIL = 300

_Record = dict[str, str | int | None]


def _record(finding: Finding) -> _Record:
    return {
        "defect": str(finding.defect),
        "severity": str(severity_of(finding.defect)),
        "file": finding.file,
        "row": finding.row,
        "key": finding.key,
        "detail": finding.detail,
    }


class _Sink(Protocol):
    def write(self, records: list[_Record]) -> None: ...
    def close(self) -> None: ...


class _JsonLines:
    def __init__(self, path: Path) -> None:
        self._stream: TextIO = path.open("w", encoding="utf-8")

    def write(self, records: list[_Record]) -> None:
        for record in records:
            self._stream.write(json.dumps(record, ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._stream.close()


class _Parquet:
    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, FINDINGS_SCHEMA, compression="zstd")

    def write(self, records: list[_Record]) -> None:
        self._writer.write_table(pa.Table.from_pylist(records, FINDINGS_SCHEMA))

    def close(self) -> None:
        self._writer.close()


class Findings:
    """Collects findings; use as a context manager. The file appears only when all went well.

    Args:
        path: ``.parquet`` or ``.jsonl`` file for all findings; None for none.
        examples: how many of each kind to keep in memory.

    Raises:
        ValueError: the path has another suffix.
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path | None, examples: int) -> None:
        if path and path.suffix not in {".parquet", ".jsonl"}:
            raise ValueError(f"findings go to a .parquet or .jsonl file, not {path.name}")
        self.counts: Counter[Defect] = Counter()
        self.examples: dict[Defect, list[Finding]] = {}
        self._path, self._most = path, examples
        self._pending: list[_Record] = []
        self._sink: _Sink | None = self._open()

    def _temporary(self) -> Path:
        assert self._path is not None
        return self._path.with_name(f".{self._path.name}.partial")

    def _open(self) -> _Sink | None:
        if self._path is None:
            return None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kind = _Parquet if self._path.suffix == ".parquet" else _JsonLines
        return kind(self._temporary())

    def add(
        self,
        defect: Defect,
        detail: str,
        file: str = "",
        row: int | None = None,
        key: str | None = None,
    ) -> None:
        """Record one finding."""
        finding = Finding(defect, file, row, key, detail[:_DETAIL])
        self.counts[defect] += 1
        kept = self.examples.setdefault(defect, [])
        if len(kept) < self._most:
            kept.append(finding)
        if self._sink:
            self._pending.append(_record(finding))
            if len(self._pending) >= _BATCH:
                self._flush(self._sink)

    def _flush(self, sink: _Sink) -> None:
        sink.write(self._pending)
        self._pending = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._sink is None or self._path is None:
            return
        if error is None:
            self._flush(self._sink)
        self._sink.close()
        if error is None:
            self._temporary().replace(self._path)
        else:
            self._temporary().unlink(missing_ok=True)

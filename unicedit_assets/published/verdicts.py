"""Verdict rows on disk: a journal that survives a kill, and the finished JSONL or Parquet file.

Each verdict is appended to a JSONL journal as soon as it is there. With a ``.jsonl`` output the
journal is the output; with ``.parquet`` it is a hidden file beside it that turns into the output at
the end. A line that a kill tore off is cut away when the work is taken up again.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet as pq

VERDICT_SCHEMA = pa.schema(
    {
        "key": pa.string(),
        "occurrence": pa.int64(),
        "place": pa.string(),
        "verdict": pa.string(),
        "reason": pa.string(),
        "detail": pa.string(),
        "is_changed": pa.bool_(),
        "confidence": pa.float64(),
        "differences": pa.list_(pa.string()),
        "evidence": pa.string(),
        "rewritten_en": pa.string(),
        "rewritten_cn": pa.string(),
        "verifier": pa.string(),
    }
)
_BATCH = 5_000
_BEGIN = b'{"key": '


class OutputError(ValueError):
    """The output file is not what this run can add to; the message says what to do."""


@dataclass(frozen=True)
class VerdictRow:
    """The verdict on one row of the input.

    Attributes:
        occurrence: 1, or more where the input repeats a key.
        place: where the row was read.
        verdict: ``accepted``, ``rejected`` or ``failed``.
        reason, detail: why it is not accepted; None and empty otherwise.
        is_changed, confidence: as the verifier says; None where it said nothing.
        evidence: measured figures; in Parquet as JSON text.
        verifier: hash of the verifier's identity.
    """

    key: str
    occurrence: int
    place: str
    verdict: str
    reason: str | None
    detail: str
    is_changed: bool | None
    confidence: float | None
    differences: tuple[str, ...]
    evidence: dict[str, float]
    rewritten_en: str
    rewritten_cn: str
    verifier: str


_NAMES = {field.name for field in fields(VerdictRow)}


def _decode(line: bytes) -> VerdictRow:
    try:
        values = json.loads(line)
        if not isinstance(values, dict) or set(values) != _NAMES:
            raise ValueError("other fields than a verdict's")
        return VerdictRow(**values | {"differences": tuple(values["differences"])})
    except (ValueError, TypeError) as error:
        raise OutputError(f"a line of the output is not a verdict ({error})") from error


def _encode(row: VerdictRow) -> bytes:
    text = json.dumps(asdict(row), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _to_parquet(row: VerdictRow) -> dict[str, Any]:
    values = asdict(row)
    return values | {
        "differences": list(row.differences),
        "evidence": json.dumps(row.evidence, sort_keys=True),
    }


def _from_parquet(values: dict[str, Any]) -> VerdictRow:
    return VerdictRow(
        **values
        | {
            "differences": tuple(values["differences"]),
            "evidence": json.loads(values["evidence"]),
        }
    )


class Verdicts:
    """The verdicts written so far, and more to come; use as a context manager.

    Args:
        output: the ``.jsonl`` or ``.parquet`` file to write; a link to one stays a link.

    Raises:
        OutputError: another suffix, a file that holds something else, or another run writes it.
        OSError: it cannot be written.
    """

    def __init__(self, output: Path) -> None:
        if output.suffix not in {".jsonl", ".parquet"}:
            raise OutputError(f"verdicts go to a .jsonl or .parquet file, not {output.name}")
        self.output = Path(os.path.realpath(output))
        self._parquet = output.suffix == ".parquet"
        partial = self.output.with_name(f".{self.output.name}.partial.jsonl")
        self._journal = partial if self._parquet else self.output

    def __enter__(self) -> Self:
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self._locked()
        try:
            self._cut_torn_line()
        except BaseException:
            self._stream.close()
            raise
        return self

    def _locked(self) -> BinaryIO:
        while True:
            stream = self._journal.open("a+b")
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Until it was locked, another run could replace or remove the file.
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(stream.fileno()), self._journal.stat()):
                        return stream
            except BlockingIOError as error:
                stream.close()
                raise OutputError(f"another run is writing {self.output.name}") from error
            except BaseException:
                stream.close()
                raise
            stream.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def _cut_torn_line(self) -> None:
        self._stream.seek(0)
        kept = 0
        for line in self._stream:
            if not line.endswith(b"\n"):
                if line[: len(_BEGIN)] != _BEGIN[: len(line)]:
                    raise OutputError(f"{self.output.name} holds something else than verdicts")
                self._stream.truncate(kept)
                return
            kept += len(line)

    def _finished(self) -> Iterator[VerdictRow]:
        if not (self._parquet and self.output.exists()):
            return
        try:
            with pq.ParquetFile(self.output) as parquet:
                if not parquet.schema_arrow.equals(VERDICT_SCHEMA):
                    raise OutputError(f"{self.output.name} holds something else than verdicts")
                for batch in parquet.iter_batches(_BATCH):
                    yield from map(_from_parquet, batch.to_pylist())
        except pa.ArrowInvalid as error:
            raise OutputError(f"{self.output.name} is not Parquet: {error}") from error

    def rows(self) -> Iterator[VerdictRow]:
        """Yield all verdicts written so far, also those of earlier runs.

        Raises:
            OutputError: the file holds something else.
        """
        finished: set[tuple[str, int]] = set()
        for row in self._finished():
            finished.add((row.key, row.occurrence))
            yield row
        with self._journal.open("rb") as stream:
            for row in map(_decode, stream):
                # A kill after the output was finished leaves the journal that it was made from.
                if (row.key, row.occurrence) not in finished:
                    yield row

    def forget(self, gone: Callable[[VerdictRow], bool]) -> None:
        """Drop rows, so that they can be written again; a kill meanwhile loses none.

        Raises:
            OutputError: the file holds something else.
        """
        rest = self._journal.with_name(f"{self._journal.name}.rest")
        stream = rest.open("w+b")
        try:
            self._permit_alike(rest)
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for row in self.rows():
                if not gone(row):
                    stream.write(_encode(row))
            stream.flush()
            os.fsync(stream.fileno())
            # From here on the journal holds all that is kept, and is locked already.
            rest.replace(self._journal)
        except BaseException:
            stream.close()
            rest.unlink(missing_ok=True)
            raise
        self._stream.close()
        self._stream = stream
        if self._parquet:
            self.output.unlink(missing_ok=True)

    def _permit_alike(self, path: Path) -> None:
        """Give a file the permissions of the one that it will replace."""
        shutil.copymode(self.output if self.output.exists() else self._journal, path)

    def add(self, row: VerdictRow) -> None:
        """Write one verdict; from here on a kill does not lose it.

        Raises:
            ValueError: a figure is not finite.
            OSError: it cannot be written.
        """
        self._stream.write(_encode(row))
        self._stream.flush()

    def finish(self) -> None:
        """Make the output complete and durable."""
        os.fsync(self._stream.fileno())
        if self._parquet:
            temporary = self.output.with_name(f".{self.output.name}.partial")
            self._convert(temporary)
            self._permit_alike(temporary)
            temporary.replace(self.output)
            self._journal.unlink()

    def _convert(self, path: Path) -> None:
        with pq.ParquetWriter(path, VERDICT_SCHEMA, compression="zstd") as writer:
            batch: list[dict[str, Any]] = []
            for row in self.rows():
                batch.append(_to_parquet(row))
                if len(batch) >= _BATCH:
                    writer.write_table(pa.Table.from_pylist(batch, VERDICT_SCHEMA))
                    batch = []
            writer.write_table(pa.Table.from_pylist(batch, VERDICT_SCHEMA))

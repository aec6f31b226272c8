"""Keys and pairs that occur more than once, found over millions of rows in bounded memory.

Compact figures of each row stream to scratch Parquet files; DuckDB, which spills to disk, finds the
groups. Every occurrence after the first is a finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

_BATCH = 50_000
_FETCH = 1_000
_KEYS = pa.schema({"file": pa.int32(), "row": pa.int64(), "key": pa.string()})
_PAIRS = pa.schema(
    {"file": pa.int32(), "row": pa.int64(), "source": pa.binary(), "pair": pa.binary()}
)

_NUMBERED = """
    select *, row_number() over (partition by {column} order by file, row) as place,
           first_value(file) over (partition by {column} order by file, row) as first_file,
           first_value(row) over (partition by {column} order by file, row) as first_row
    from {table}
    where {column} in (
        select {column} from {table} where {column} is not null group by 1 having count(*) > 1
    )
"""
_REPEATED_KEYS = f"""
    with groups as ({_NUMBERED.format(column="key", table="keys")})
    select g.file, g.row, g.key, g.first_file, g.first_row,
           here.source = there.source as same_source, here.pair = there.pair as same_pair
    from groups g
    left join pairs here on here.file = g.file and here.row = g.row
    left join pairs there on there.file = g.first_file and there.row = g.first_row
    where g.place > 1 order by g.file, g.row
"""  # noqa: S608 (no data in the text)
_REPEATED_PAIRS = f"""
    with groups as ({_NUMBERED.format(column="pair", table="pairs")})
    select g.file, g.row, keys.key, g.first_file, g.first_row, true, true
    from groups g left join keys on keys.file = g.file and keys.row = g.row
    where g.place > 1 order by g.file, g.row
"""  # noqa: S608 (no data in the text)


@dataclass(frozen=True)
class Repeat:
    """One occurrence after the first. The last two are None where pictures were not read."""

    file: int
    row: int
    key: str | None
    first_file: int
    first_row: int
    same_source: bool | None
    same_pair: bool | None


class _Table:
    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._pending: list[Sequence[Any]] = []

    def add(self, *values: Any) -> None:
        self._pending.append(values)
        if len(self._pending) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        columns = zip(*self._pending, strict=True) if self._pending else [[]] * len(self._schema)
        arrays = [
            pa.array(values, kind) for values, kind in zip(columns, self._schema.types, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._pending = []

    def close(self) -> None:
        self._flush()
        self._writer.close()


class Repeats:
    """Collects keys and pair digests; ask ``keys`` and ``pairs`` after the ``with`` block.

    Args:
        scratch: an empty folder for temporary files, which the caller removes.
        memory: DuckDB's memory limit, such as ``1GB``.
        threads: DuckDB's threads.
    """

    def __init__(self, scratch: Path, memory: str, threads: int) -> None:
        self._scratch, self._memory, self._threads = scratch, memory, threads
        self._keys = _Table(scratch / "keys.parquet", _KEYS)
        self._pairs = _Table(scratch / "pairs.parquet", _PAIRS)

    def add_key(self, file: int, row: int, key: str | None) -> None:
        """Note the key of one row."""
        self._keys.add(file, row, key)

    def add_pair(self, file: int, row: int, source: bytes | None, pair: bytes | None) -> None:
        """Note the digests of one row's pictures."""
        self._pairs.add(file, row, source, pair)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._keys.close()
        self._pairs.close()

    def _query(self, query: str) -> Iterator[Repeat]:
        with duckdb.connect() as connection:
            connection.execute(f"set memory_limit = '{self._memory}'")
            connection.execute(f"set threads = {self._threads}")
            connection.execute(f"set temp_directory = '{self._quoted('spill')}'")
            connection.execute("set preserve_insertion_order = false")
            for name in ("keys", "pairs"):
                source = self._quoted(f"{name}.parquet")
                connection.execute(f"create view {name} as from read_parquet('{source}')")
            cursor = connection.execute(query)
            while batch := cursor.fetchmany(_FETCH):
                yield from (Repeat(*row) for row in batch)

    def _quoted(self, name: str) -> str:
        return str(self._scratch / name).replace("'", "''")

    def keys(self) -> Iterator[Repeat]:
        """Yield repeated keys, file by file."""
        return self._query(_REPEATED_KEYS)

    def pairs(self) -> Iterator[Repeat]:
        """Yield repeated pairs of pictures, file by file."""
        return self._query(_REPEATED_PAIRS)
